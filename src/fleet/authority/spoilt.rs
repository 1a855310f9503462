//! Leaves with something wrong about them, which a careful party does not take.

use super::{Authority, Order};
use crate::pki::PkiError;
use crate::pki::issuer::Leaf;
use crate::scenario::step::MaterialDefect;

impl Authority {
    /// What is ordered, with this defect. Defects that no leaf can have leave it as it is.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn issue_spoilt(
        &self,
        order: Order,
        defect: MaterialDefect,
        serves: bool,
    ) -> Result<Leaf, PkiError> {
        let order = match defect {
            MaterialDefect::Expired => Order {
                not_before: -7200,
                not_after: -3600,
                ..order
            },
            MaterialDefect::NotYetValid => Order {
                not_before: 3600,
                not_after: 7200,
                ..order
            },
            MaterialDefect::WrongName => Order {
                names: "somebody-else".into(),
                defect: Some("it names somebody else".into()),
                ..order
            },
            MaterialDefect::WrongUsage => Order {
                for_clients: serves,
                for_servers: !serves,
                defect: Some("it is for the other end of a connection".into()),
                ..order
            },
            MaterialDefect::WrongKey => Order {
                defect: Some("its key is another's".into()),
                ..order
            },
            MaterialDefect::NoIntermediate => Order {
                defect: Some("its issuer is not sent with it".into()),
                ..order
            },
            _ => order,
        };
        let mut leaf = self.issue(&order)?;
        match defect {
            MaterialDefect::NoIntermediate => leaf.chain.truncate(1),
            MaterialDefect::WrongKey => leaf.key = self.issue(&order)?.key,
            _ => {}
        }
        Ok(leaf)
    }
}
