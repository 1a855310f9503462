//! What can be broken in the extensions' encoding without touching what they say.

use super::super::tlv::{self, Element};
use super::certificate::Certificate;

/// Writes the extension with this OID twice (RFC 5280 section 4.2 allows one of each).
pub(super) fn duplicate(parts: &mut Certificate, oid: &str) -> Result<(), String> {
    let wanted = tlv::oid(&tlv::parse_oid(oid)?);
    let list = parts.extensions.as_mut().ok_or_else(none)?;
    let mut found = None;
    for (index, extension) in list.iter().enumerate() {
        if Fields::read(extension)?.oid.whole == wanted {
            found = Some((index, extension.clone()));
            break;
        }
    }
    let Some((index, extension)) = found else {
        return Err(format!(
            "there is no extension {oid} to write twice; `extensions` adds one"
        ));
    };
    list.insert(index, extension);
    Ok(())
}

/// Writes `critical FALSE` in every extension that leaves it out.
pub(super) fn write_default(parts: &mut Certificate) -> Result<(), String> {
    rewrite(parts, "not critical", |fields| {
        fields.critical.is_none().then_some([tlv::BOOLEAN, 1, 0x00])
    })
}

/// Writes `critical TRUE` as 0x01 in every extension that says it.
pub(super) fn loosen_boolean(parts: &mut Certificate) -> Result<(), String> {
    rewrite(parts, "critical", |fields| {
        fields.critical.is_some().then_some([tlv::BOOLEAN, 1, 0x01])
    })
}

/// Replaces the criticality of every extension for which `critical` has something to write.
fn rewrite(
    parts: &mut Certificate,
    what: &str,
    critical: impl Fn(&Fields<'_>) -> Option<[u8; 3]>,
) -> Result<(), String> {
    let list = parts.extensions.as_mut().ok_or_else(none)?;
    let mut changed = false;
    for extension in list.iter_mut() {
        let fields = Fields::read(extension)?;
        if let Some(boolean) = critical(&fields) {
            *extension = tlv::sequence(&[fields.oid.whole, &boolean, fields.value.whole]);
            changed = true;
        }
    }
    if changed {
        Ok(())
    } else {
        Err(format!("there is no extension that is {what}"))
    }
}

/// An Extension in its fields.
struct Fields<'a> {
    oid: Element<'a>,
    critical: Option<Element<'a>>,
    value: Element<'a>,
}

impl<'a> Fields<'a> {
    fn read(extension: &'a [u8]) -> Result<Self, String> {
        match *tlv::element(extension)?.elements()?.as_slice() {
            [oid, value] => Ok(Self {
                oid,
                critical: None,
                value,
            }),
            [oid, critical, value] => Ok(Self {
                oid,
                critical: Some(critical),
                value,
            }),
            _ => Err("an extension has more or less than two or three fields".into()),
        }
    }
}

fn none() -> String {
    "the certificate has no extensions".into()
}
