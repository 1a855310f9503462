//! Houses: the roots of an authority, what issues below them, and the bridges between them.
//!
//! ```text
//! root                 a root, and `issuing of root` below it
//! root/2               the same root, and another authority below it
//! root#2               another root, with another key and the same distinguished name
//! ```

use super::{Authority, FIRST_ROOT, House, ROGUE_ROOT, entry, root_of, seconds};
use crate::oracle::history::{Certificate, Serial};
use crate::pki::PkiError;
use crate::pki::issuer::{Issuer, Validity};
use crate::scenario::span::Span;

impl Authority {
    /// The house with this name, founded where there is none yet.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn found(&self, name: &str) -> Result<(), PkiError> {
        if self.desk().houses.contains_key(name) {
            return Ok(());
        }
        let anchor = root_of(name);
        if anchor != name {
            self.found(anchor)?;
        }
        let known = self
            .desk()
            .houses
            .get(anchor)
            .map(|house| &house.root)
            .cloned();
        let now = self.clock.unix();
        let root = match known {
            Some(root) => root,
            None => Issuer::root(
                distinguished(name),
                self.kind,
                self.serial(),
                Validity {
                    not_before: now - 30 * 86_400,
                    not_after: now + 3650 * 86_400,
                },
            )?,
        };
        let serial = self.serial();
        let validity = self.issuer_validity();
        let issuing = root.subordinate(&format!("issuing of {name}"), serial, validity, None)?;
        self.desk().issuers.insert(serial, anchor.to_owned());
        self.record(Certificate {
            anchor: anchor.to_owned(),
            ..entry(issuing.name(), serial, validity)
        });
        let house = House {
            root,
            issuing,
            bridge: None,
        };
        self.desk().houses.insert(name.to_owned(), house);
        Ok(())
    }

    /// Has `by` certify the root of `name`, for so long. Later leaves of that house bring the bridge along.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn cross_sign(&self, name: &str, by: &str, lasts: Span) -> Result<(), PkiError> {
        self.found(name)?;
        self.found(by)?;
        let unknown = |name: &str| PkiError::UnknownEntry(name.to_owned());
        let of = |name: &str| self.desk().houses.get(name).cloned();
        let crossed = of(name).ok_or_else(|| unknown(name))?;
        let signer = of(by).ok_or_else(|| unknown(by))?;
        let now = self.clock.unix();
        let validity = Validity {
            not_before: now - 60,
            not_after: now + seconds(lasts.as_micros()),
        };
        let (serial, root) = (self.serial(), &crossed.root);
        let bridge = signer
            .root
            .subordinate(root.name(), serial, validity, Some(root))?;
        self.record(Certificate {
            anchor: by.to_owned(),
            ..entry(&format!("bridge to {name}"), serial, validity)
        });
        let mut desk = self.desk();
        desk.issuers.insert(serial, by.to_owned());
        if let Some(house) = desk.houses.get_mut(name) {
            house.bridge = Some(bridge);
        }
        Ok(())
    }

    /// The serial number of an authority, by its name: `issuing of root`, `bridge to next`.
    pub fn serial_of(&self, name: &str) -> Option<Serial> {
        let desk = self.desk();
        let mut houses = desk.houses.iter();
        houses.find_map(|(house, of)| {
            if name == of.issuing.name() {
                return Some(of.issuing.serial());
            }
            let bridge = of.bridge.as_ref()?;
            (name == format!("bridge to {house}")).then(|| bridge.serial())
        })
    }
}

/// The common name of a root. Strangers call theirs as the fleet's first.
fn distinguished(name: &str) -> &str {
    match name {
        ROGUE_ROOT => FIRST_ROOT,
        _ => name.split('#').next().unwrap_or(name),
    }
}
