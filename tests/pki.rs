//! The PKI judged by parsers that are not ours: x509-parser on everything, OpenSSL where it is
//! installed.

#[path = "pki/support.rs"]
mod support;

#[path = "pki/mint.rs"]
mod mint;
