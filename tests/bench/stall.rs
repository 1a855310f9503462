//! Coordinated omission: a service that stands still for half a second has kept everybody waiting who came meanwhile,
//! and a figure that does not show it is wrong.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mtls_gauntlet::net::{Address, ConnectionId, Transport};
use mtls_gauntlet::observe::TargetView;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::planted::Flaws;
use mtls_gauntlet::target::{Capability, Environment, Running, StartError, Target, Task};

use crate::range::{measure, named, nothing_is_lost, only, plan};

const STALL: Duration = Duration::from_millis(500);

#[test]
fn half_a_second_of_standing_still_shows() {
    let repetition = only(measure(&stalled("512"), Arc::new(Stalling), Transport::Tcp));
    let millis = |nanos: Option<u64>| nanos.unwrap_or(0) / 1_000_000;
    let from_due = millis(repetition.latency.from_due.quantile(0.99));
    assert!(from_due >= 450, "p99 from due is {from_due} ms");
    nothing_is_lost(&repetition.tally);
    assert_eq!(
        repetition.tally.due, 800,
        "who was due was due, served or not"
    );
    // It is in the course too, after the middle.
    let slices = repetition.course;
    let (_, second) = slices.split_at(slices.len() / 2);
    let worst = |slices: &[mtls_gauntlet::record::measurement::Slice]| {
        slices
            .iter()
            .filter_map(|slice| slice.latency.quantile(1.0))
            .max()
            .unwrap_or(0)
    };
    assert!(worst(second) >= 450_000_000);
}

/// What finds no room is not begun, and counted.
#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let repetition = only(measure(&stalled("4"), Arc::new(Stalling), Transport::Tcp));
    assert!(repetition.tally.dropped > 0, "{:?}", repetition.tally);
    nothing_is_lost(&repetition.tally);
}

fn stalled(in_flight: &str) -> mtls_gauntlet::scenario::bench::BenchPlan {
    plan(&format!(
        "[measure]\nduration = \"4s\"\nwarm-up = \"200ms\"\nrepetitions = 1\n[setting]\narrival = \"200/s\"\n\
         in-flight = {in_flight}\nrotates = \"leaf\""
    ))
}

/// The embedded service, on whose thread nothing moves for a while when it is given another certificate.
struct Stalling;

impl Target for Stalling {
    fn name(&self) -> String {
        "stalling".into()
    }

    fn version(&self) -> String {
        named("rustls").version()
    }

    fn supports(&self, role: Role, capability: Capability) -> bool {
        named("rustls").supports(role, capability)
    }

    fn reloads(&self, _: Role) -> bool {
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
        Box::pin(async move {
            let service = named("rustls").start(environment, transport).await?;
            Ok(Box::new(Stands(service)) as Box<dyn Running>)
        })
    }
}

struct Stands(Box<dyn Running>);

impl Running for Stands {
    fn address(&self) -> Option<Address> {
        self.0.address()
    }

    fn decided(&self, connection: ConnectionId) -> Task<'_, TargetView> {
        self.0.decided(connection)
    }

    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        self.0.view(connection)
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        self.0.connect(peer)
    }

    fn reload(&mut self, environment: Arc<Environment>) -> Task<'_, Result<(), String>> {
        // The subject of the test, and no wait for anything: the thread that serves stands still.
        thread::sleep(STALL);
        self.0.reload(environment)
    }
}
