//! The networks of fleets: the simulated one, in virtual time and therefore exactly, and the proxies in
//! front of sockets; and that a service needs to know of neither.

use std::future::Future;
use std::io;
use std::time::Duration;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::net::{Listener, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[path = "net/handshake.rs"]
mod handshake;
#[path = "net/one_shape.rs"]
mod one_shape;
#[path = "net/proxy.rs"]
mod proxy;
#[path = "net/simulated.rs"]
mod simulated;
#[path = "net/toll.rs"]
mod toll;

/// One way through the simulated network.
const LATENCY: Duration = ms(5);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs in one thread, on a clock that stands still until everybody waits.
fn simulate<T>(programme: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let ended = runtime.block_on(async { timeout(Duration::from_secs(86_400), programme).await });
    ended.expect("nothing moves any more")
}

/// Runs in one thread, in real time.
fn live<T>(programme: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let ended = runtime.block_on(async { timeout(Duration::from_secs(30), programme).await });
    ended.expect("nothing moves any more")
}

/// Milliseconds on this clock.
fn now(clock: &Clock) -> i64 {
    assert_eq!(clock.micros() % 1000, 0);
    clock.micros() / 1000
}

/// Says back what it hears, on every connection.
async fn echo(listener: Listener) {
    while let Ok(mut stream) = listener.accept().await {
        tokio::spawn(async move {
            let mut octets = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut octets).await {
                if stream.write_all(&octets[..read]).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Says something and hears as many octets back.
async fn ask(stream: &mut Stream, question: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(question).await?;
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// All that comes, and how it ends.
async fn hear(stream: &mut Stream) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut heard = Vec::new();
    let ended = stream.read_to_end(&mut heard).await;
    (heard, ended.err().map(|error| error.kind()))
}
