//! Revocation: CRLs and OCSP responses from their recipes.

use rustls::pki_types::CertificateRevocationListDer;

use super::PkiError;
use super::mint::Pki;
use super::recipe::{CrlRecipe, OcspRecipe};

/// The CRL of this name.
pub(super) fn crl(
    _pki: &Pki,
    name: &str,
    _recipe: &CrlRecipe,
) -> Result<CertificateRevocationListDer<'static>, PkiError> {
    Err(PkiError::Recipe {
        entry: name.into(),
        reason: "CRLs are not there yet".into(),
    })
}

/// The OCSP response to staple.
pub(super) fn staple(_pki: &Pki, _recipe: &OcspRecipe) -> Result<Vec<u8>, PkiError> {
    Err(PkiError::Recipe {
        entry: "ocsp".into(),
        reason: "OCSP responses are not there yet".into(),
    })
}
