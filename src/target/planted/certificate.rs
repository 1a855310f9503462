//! A certificate, read strictly: everything that can be judged about it alone and at once.

use rustls::CertificateError;
use x509_parser::prelude::{FromDer, X509Name};
use x509_parser::time::ASN1Time;

use super::encoding::{
    BIT_STRING, Element, GENERALIZED_TIME, INTEGER, Malformed, Reader, SEQUENCE, UTC_TIME, check,
    explicit, implicit, repaired,
};
use super::extension::Extensions;
use super::name::GeneralName;
use super::refusal::Refusal;
use super::{Bug, Flaws};

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// 1, 2 or 3.
    pub version: u8,
    /// The contents octets of the serial number.
    pub serial: Vec<u8>,
    /// The issuer's name, in DER.
    pub issuer: Vec<u8>,
    /// The subject's name, in DER.
    pub subject: Vec<u8>,
    /// The first second in which it is valid.
    pub not_before: i64,
    /// The last second in which it is valid.
    pub not_after: i64,
    /// The subject's key.
    pub key: PublicKey,
    /// The extensions.
    pub extensions: Extensions,
    /// What the issuer has signed, and how.
    pub signed: Signed,
}

/// A subject public key info (RFC 5280 section 4.1.2.7).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey {
    /// The contents of the AlgorithmIdentifier.
    pub algorithm: Vec<u8>,
    /// The octets of the BIT STRING.
    pub octets: Vec<u8>,
}

/// A signed structure in three parts: certificates, CRLs and OCSP responses are alike here.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What was signed, as it was sent.
    pub message: Vec<u8>,
    /// The contents of the signature's AlgorithmIdentifier.
    pub algorithm: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Signed {
    /// Reads the three parts inside the outermost SEQUENCE.
    ///
    /// # Errors
    /// When they are not there, or more is.
    pub fn read(parts: &mut Reader<'_>) -> Result<Self, Malformed> {
        let message = parts.take(SEQUENCE)?.raw.to_vec();
        let algorithm = parts.take(SEQUENCE)?.content.to_vec();
        let signature = parts.take(BIT_STRING)?.whole_octets()?.to_vec();
        Ok(Self {
            message,
            algorithm,
            signature,
        })
    }
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When it is not DER, or breaks a rule that needs no other certificate to be judged.
    pub fn parse(der: &[u8], flaws: Flaws) -> Result<Self, Refusal> {
        let lenient = flaws.has(Bug::AcceptsNonDer);
        let mut reader = if lenient {
            Reader::of_ber(der)
        } else {
            Reader::new(der)
        };
        let sent = reader.any()?;
        if !reader.is_empty() && !flaws.has(Bug::IgnoresTrailingData) {
            return Err(Refusal::unreadable("octets follow the certificate"));
        }
        if !lenient {
            check(sent.raw)?;
            return Self::read(sent.raw, flaws);
        }
        // A lenient parser reads what is meant, and verifies the signature over what was sent.
        let mut certificate = Self::read(&repaired(sent.raw)?, flaws)?;
        certificate.signed.message = Reader::of_ber(sent.content).any()?.raw.to_vec();
        Ok(certificate)
    }

    /// Is it issued by its own subject?
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// The common names of the subject, in the order of the subject.
    pub fn common_names(&self) -> Vec<String> {
        let Ok((_, subject)) = X509Name::from_der(&self.subject) else {
            return Vec::new();
        };
        subject
            .iter_common_name()
            .filter_map(|name| name.as_str().ok().map(str::to_owned))
            .collect()
    }

    /// The names that name constraints bind: the alternative names, the subject unless it is empty,
    /// and its e-mail addresses where there is no alternative one (RFC 5280 section 4.2.1.10).
    pub fn constrained_names(&self) -> Vec<GeneralName> {
        let mut names = self.extensions.names.clone();
        if !is_empty_name(&self.subject) {
            names.push(GeneralName::Directory(self.subject.clone()));
        }
        let has_email = names
            .iter()
            .any(|name| matches!(name, GeneralName::Email(_)));
        if let (false, Ok((_, subject))) = (has_email, X509Name::from_der(&self.subject)) {
            names.extend(
                subject
                    .iter_email()
                    .map(|email| GeneralName::Email(email.as_slice().to_vec())),
            );
        }
        names
    }

    fn read(der: &[u8], flaws: Flaws) -> Result<Self, Refusal> {
        let mut outer = Reader::new(der);
        let mut parts = outer.take(SEQUENCE)?.reader();
        let mut signed = Signed::read(&mut parts)?;
        parts.end()?;
        let mut fields = Reader::new(&signed.message).take(SEQUENCE)?.reader();
        let version = match fields.optional(explicit(0))? {
            Some(version) => read_version(&version)?,
            None => 1,
        };
        let serial = fields.take(INTEGER)?.content.to_vec();
        let algorithm = fields.take(SEQUENCE)?.content.to_vec();
        let issuer = read_name(&mut fields)?;
        let mut validity = fields.take(SEQUENCE)?.reader();
        let not_before = read_time(&mut validity, flaws)?;
        let not_after = read_time(&mut validity, flaws)?;
        validity.end()?;
        let subject = read_name(&mut fields)?;
        let mut info = fields.take(SEQUENCE)?.reader();
        let key = PublicKey {
            algorithm: info.take(SEQUENCE)?.content.to_vec(),
            octets: info.take(BIT_STRING)?.whole_octets()?.to_vec(),
        };
        info.end()?;
        let unique_ids =
            fields.optional(implicit(1))?.is_some() | fields.optional(implicit(2))?.is_some();
        let mut extensions = None;
        if let Some(list) = fields.optional(explicit(3))? {
            let mut list = list.reader();
            extensions = Some(Extensions::read(list.take(SEQUENCE)?.content, flaws)?);
            list.end()?;
        }
        fields.end()?;

        // RFC 5280 section 4.1.2.1: extensions are of version 3, unique identifiers of 2 and 3.
        let fits = match version {
            1 => extensions.is_none() && !unique_ids,
            2 => extensions.is_none(),
            3 => true,
            _ => false,
        };
        if !fits {
            return Err(Refusal::unreadable(
                "the version does not go with what the certificate holds",
            ));
        }
        // RFC 5280 section 4.1.1.2: the algorithm outside is the one that was signed.
        if signed.algorithm != algorithm {
            if !flaws.has(Bug::IgnoresAlgorithmMismatch) {
                return Err(Refusal::unreadable(
                    "the two signature algorithms of the certificate differ",
                ));
            }
            signed.algorithm = algorithm;
        }
        // Serial numbers that are negative, zero or long pass, as RFC 5280 section 4.1.2.2 asks of
        // those who use certificates.
        Ok(Self {
            version,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key,
            extensions: extensions.unwrap_or_default(),
            signed,
        })
    }
}

/// Is this name an empty SEQUENCE?
pub fn is_empty_name(name: &[u8]) -> bool {
    name == [SEQUENCE, 0]
}

fn read_version(tagged: &Element<'_>) -> Result<u8, Malformed> {
    let mut inside = tagged.reader();
    let version = inside.take(INTEGER)?;
    inside.end()?;
    match version.content {
        [number @ 0..=0x7e] => Ok(number + 1),
        _ => Err(Malformed("the version is absurd")),
    }
}

fn read_name(fields: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let name = fields.take(SEQUENCE)?;
    match X509Name::from_der(name.raw) {
        Ok(([], _)) => Ok(name.raw.to_vec()),
        _ => Err(Malformed("a distinguished name cannot be read")),
    }
}

/// Reads a Time (RFC 5280 section 4.1.2.5) into seconds since 1970.
pub(super) fn read_time(fields: &mut Reader<'_>, flaws: Flaws) -> Result<i64, Refusal> {
    let time = fields.any()?;
    if !matches!(time.tag, UTC_TIME | GENERALIZED_TIME) {
        return Err(Refusal::unreadable("a time is of another type"));
    }
    let seconds = match ASN1Time::from_der(time.raw) {
        Ok((_, parsed)) => parsed.timestamp(),
        Err(_) if flaws.has(Bug::ReadsImpossibleDates) => return Ok(i64::MAX),
        Err(_) => return Err(Refusal::unreadable("a time cannot be read")),
    };
    if flaws.has(Bug::MisreadsTwoDigitYears) && time.tag == UTC_TIME {
        return Ok(with_another_pivot(time.content, seconds));
    }
    if flaws.has(Bug::OverflowsIn2038) {
        // What a 32-bit time_t makes of it.
        return Ok(i64::from(seconds as i32));
    }
    Ok(seconds)
}

/// RFC 5280 section 4.1.2.5.1 reads the years 50 to 99 as 1950 to 1999; C's `strptime` goes on with
/// 20xx up to 68.
fn with_another_pivot(digits: &[u8], seconds: i64) -> i64 {
    const CENTURY: i64 = 36_525 * 86_400;
    if matches!(digits, [b'5', ..] | [b'6', b'0'..=b'8', ..]) {
        seconds + CENTURY
    } else {
        seconds
    }
}

/// Is the certificate in its validity period at `now` (RFC 5280 section 6.1.3 (a)(2))?
///
/// # Errors
/// When it is not. Both ends belong to the period (RFC 5280 section 4.1.2.5).
pub fn check_validity(certificate: &Certificate, now: i64, flaws: Flaws) -> Result<(), Refusal> {
    let leeway = if flaws.has(Bug::AllowsForSkew) {
        300
    } else {
        0
    };
    let early = now + leeway < certificate.not_before
        || (flaws.has(Bug::RejectsFirstSecond) && now == certificate.not_before);
    let late = now - leeway > certificate.not_after
        || (flaws.has(Bug::RejectsLastSecond) && now == certificate.not_after);
    let empty = certificate.not_after < certificate.not_before;
    if empty && flaws.has(Bug::TakesIntervalForDuration) {
        return Ok(());
    }
    if early && !flaws.has(Bug::IgnoresNotBefore) {
        return Err(Refusal::new(
            CertificateError::NotValidYet,
            "a certificate is not valid yet",
        ));
    }
    if late && !flaws.has(Bug::IgnoresExpiry) {
        return Err(Refusal::new(
            CertificateError::Expired,
            "a certificate has expired",
        ));
    }
    Ok(())
}
