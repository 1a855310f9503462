//! The embedded service in an environment that is not quite what it is told.

use std::sync::Arc;

use mtls_gauntlet::net::Transport;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::planted::Flaws;
use mtls_gauntlet::target::{Capability, Environment, Running, StartError, Target, Task};

use crate::range::named;

/// The embedded service after this change of its environment.
pub struct Altered(pub fn(&mut Environment));

impl Target for Altered {
    fn name(&self) -> String {
        "altered".into()
    }

    fn version(&self) -> String {
        "1".into()
    }

    fn supports(&self, _: Role, _: Capability) -> bool {
        true
    }

    fn known(&self, _: &str) -> Option<&str> {
        None
    }

    fn flaws(&self) -> Option<Flaws> {
        Some(Flaws::NONE)
    }

    fn start(
        &self,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        let mut environment = (*environment).clone();
        (self.0)(&mut environment);
        Box::pin(async move {
            named("rustls")
                .start(Arc::new(environment), transport)
                .await
        })
    }
}
