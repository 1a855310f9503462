//! Alerts: is a caller told that it was its certificate that was refused?
//!
//! In TLS 1.3 a server judges the caller after the caller has finished. A server that then merely closes
//! looks like a network that fails, and callers try again for ever.

use super::check::{Proof, Suspicion, is_below};
use super::findings::Invariant;
use super::history::Call;
use super::permission::Permission;
use super::witness::{Seconds, outcome};
use crate::scenario::fleet::{Canary, Limits};

/// What was seen of refusals so far.
#[derive(Default)]
pub(super) struct Alerts<'h> {
    refused: u64,
    told: u64,
    first_untold: Option<&'h Call>,
}

impl<'h> Alerts<'h> {
    /// Sees a call. It counts if it was refused by a well server for what its certificate is.
    pub(super) fn see(&mut self, call: &'h Call, permission: &Permission) {
        let for_certificate = matches!(
            call.canary,
            Some(
                Canary::Expired
                    | Canary::Revoked
                    | Canary::WrongAuthority
                    | Canary::WrongUsage
                    | Canary::NoCertificate
            )
        );
        let refused = !call.outcome.accepted() && permission.forbids();
        if !for_certificate || !refused || !permission.is_of_the_well() {
            return;
        }
        self.refused += 1;
        if call.outcome.names_alert() {
            self.told += 1;
        } else {
            self.first_untold.get_or_insert(call);
        }
    }

    /// Were too few told?
    pub(super) fn silence(&self, limits: &Limits) -> Option<Suspicion<'h>> {
        let call = self.first_untold?;
        if !is_below(self.told, self.refused, limits.told) {
            return None;
        }
        let words = format!(
            "call {} of {} to {} at {} {}; of {} that were refused for their certificate {} were told by \
             an alert, and {} thousandths must be",
            call.id,
            call.caller,
            call.server,
            Seconds(call.invoked),
            outcome(&call.outcome),
            self.refused,
            self.told,
            limits.told,
        );
        Some(Suspicion::of(Invariant::Tells, call, Proof::Told(words)))
    }
}
