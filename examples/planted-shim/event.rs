//! The events of the shim contract, one JSON object to a line of standard output.

use std::net::SocketAddr;

use mtls_gauntlet::observe::{TargetEnd, TargetView};
use serde_json::{Value, json};

pub fn ready() {
    tell(&json!({ "event": "ready" }));
}

pub fn refused_to_start(reason: &str) {
    tell(&json!({ "event": "refused-to-start", "reason": reason }));
}

/// What came of the handshake.
pub fn decided(connection: SocketAddr, view: &TargetView) {
    match &view.end {
        TargetEnd::Accepted => tell(&json!({
            "event": "accepted",
            "connection": connection,
            "identity": view.identity,
        })),
        TargetEnd::Refused(reason) => {
            let mut event =
                json!({ "event": "refused", "connection": connection, "reason": reason });
            if let Some(alert) = view.alert_sent {
                event["alert"] = alert.number().into();
            }
            tell(&event);
        }
        // Whoever died tells nothing any more, and the others are the harness's words.
        TargetEnd::Crashed(_)
        | TargetEnd::RefusedToStart(_)
        | TargetEnd::Unsupported(_)
        | TargetEnd::Broken(_) => {}
    }
}

/// The connection is over.
pub fn over(connection: SocketAddr, view: Option<&TargetView>) {
    if view.is_some_and(|view| view.data_arrived) {
        tell(&json!({ "event": "data", "connection": connection }));
    }
    tell(&json!({ "event": "closed", "connection": connection }));
}

pub fn reloaded(outcome: Result<(), String>) {
    tell(&match outcome {
        Ok(()) => json!({ "event": "reloaded" }),
        Err(reason) => json!({ "event": "reload-failed", "reason": reason }),
    });
}

fn tell(event: &Value) {
    println!("{event}");
}
