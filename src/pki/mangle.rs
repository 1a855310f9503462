//! mangle
