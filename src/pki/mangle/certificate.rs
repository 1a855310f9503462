//! A certificate in its parts (RFC 5280 section 4.1), each kept as raw DER so that any of them can
//! be replaced by what no encoder would write.

use super::super::tlv::{self, Element};

/// A certificate in its parts.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// `[0] version`, or nothing in version 1.
    pub(crate) version: Vec<u8>,
    /// The INTEGER, tag and all.
    pub(crate) serial: Vec<u8>,
    /// The AlgorithmIdentifier inside the signed part.
    pub(crate) inner_algorithm: Vec<u8>,
    /// The issuer's name.
    pub(crate) issuer: Vec<u8>,
    /// The time, tag and all.
    pub(crate) not_before: Vec<u8>,
    /// The time, tag and all.
    pub(crate) not_after: Vec<u8>,
    /// The subject's name.
    pub(crate) subject: Vec<u8>,
    /// SubjectPublicKeyInfo.
    pub(crate) spki: Vec<u8>,
    /// Each Extension, or `None` where there is no `[3] extensions` at all.
    pub(crate) extensions: Option<Vec<Vec<u8>>>,
    /// The AlgorithmIdentifier outside the signed part.
    pub(crate) outer_algorithm: Vec<u8>,
    /// The signature's octets, without the BIT STRING around them.
    pub(crate) signature: Vec<u8>,
}

impl Certificate {
    /// Takes a certificate apart.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, String> {
        let parts = tlv::element(der)?.elements()?;
        let [signed, outer_algorithm, signature] = parts.as_slice() else {
            return Err("not a certificate".into());
        };
        let fields = signed.elements()?;
        let mut fields = fields.iter().peekable();
        let version = fields
            .next_if(|field| field.tag == tlv::constructed(0))
            .map_or_else(Vec::new, |field| field.whole.to_vec());
        let mut next = || {
            fields
                .next()
                .copied()
                .ok_or_else(|| "the signed part is too short".to_owned())
        };
        let serial = next()?;
        let inner_algorithm = next()?;
        let issuer = next()?;
        let validity = next()?.elements()?;
        let [not_before, not_after] = validity.as_slice() else {
            return Err("the validity is not two times".into());
        };
        let subject = next()?;
        let spki = next()?;
        let extensions = match fields.next() {
            None => None,
            Some(field) => {
                let list = tlv::element(field.content)?.elements()?;
                Some(list.iter().map(whole).collect())
            }
        };
        Ok(Self {
            version,
            serial: whole(&serial),
            inner_algorithm: whole(&inner_algorithm),
            issuer: whole(&issuer),
            not_before: whole(not_before),
            not_after: whole(not_after),
            subject: whole(&subject),
            spki: whole(&spki),
            extensions,
            outer_algorithm: whole(outer_algorithm),
            signature: signature.content.get(1..).unwrap_or_default().to_vec(),
        })
    }

    /// The signed part: TBSCertificate.
    pub(crate) fn signed_part(&self) -> Vec<u8> {
        tlv::sequence(&[&self.version, &self.serial, &self.after_serial()])
    }

    /// What follows the serial number in the signed part.
    pub(crate) fn after_serial(&self) -> Vec<u8> {
        let validity = tlv::sequence(&[&self.not_before, &self.not_after]);
        let extensions = match &self.extensions {
            None => Vec::new(),
            Some(list) => {
                let list = tlv::sequence(&[&list.concat()]);
                tlv::tlv(tlv::constructed(3), &[&list])
            }
        };
        [
            self.inner_algorithm.as_slice(),
            &self.issuer,
            &validity,
            &self.subject,
            &self.spki,
            &extensions,
        ]
        .concat()
    }

    /// Puts it together again around this signed part.
    pub(crate) fn around(&self, signed_part: &[u8]) -> Vec<u8> {
        tlv::sequence(&[
            signed_part,
            &self.outer_algorithm,
            &tlv::bit_string(&self.signature),
        ])
    }
}

fn whole(element: &Element<'_>) -> Vec<u8> {
    element.whole.to_vec()
}
