//! The PKI judged by parsers that are not ours: x509-parser on everything, OpenSSL where it is
//! installed.

#[path = "pki/support.rs"]
mod support;

#[path = "pki/authority.rs"]
mod authority;
#[path = "pki/extension.rs"]
mod extension;
#[path = "pki/key.rs"]
mod key;
#[path = "pki/mangle.rs"]
mod mangle;
#[path = "pki/mint.rs"]
mod mint;
#[path = "pki/recipe.rs"]
mod recipe;
#[path = "pki/revoke.rs"]
mod revoke;
