//! The in-process service that the embedded targets share.
