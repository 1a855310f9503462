//! Reloading: new certificates, keys and lists for a target that runs.
//!
//! The files are replaced whole, one after the other, under the names that the target was started with;
//! then it is told, in the way that its descriptor says.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::launch::Launched;
use super::process::{self, Invocation};
use crate::target::Environment;
use crate::target::descriptor::{AdminSocket, Reload, RoleDescription};

/// How long a command or a socket may take to take the news.
const LONGEST: Duration = Duration::from_secs(30);

/// Who has said something and nothing more for so long has said all.
const QUIET: Duration = Duration::from_millis(300);

/// Gives the target this environment's files. That it has been told does not mean that it has taken
/// them: that shows in how it treats its peers.
///
/// # Errors
/// Why it could not be told, or that it says it will not have them.
pub async fn reload(
    launched: &mut Launched,
    description: &RoleDescription,
    environment: &Environment,
) -> Result<(), String> {
    launched
        .place
        .furnish(environment)
        .map_err(|error| format!("its files could not be replaced: {error}"))?;
    launched.place.render_files(&description.files)?;
    look(launched, description).await
}

/// Has the target look at its files, in the way that its descriptor says.
///
/// # Errors
/// Why it could not be told, or that it says it will not have them.
pub async fn look(launched: &mut Launched, description: &RoleDescription) -> Result<(), String> {
    if let Some(shim) = &launched.shim {
        return shim.reload().await;
    }
    match &description.reload {
        None => Err("its descriptor has no `reload`".into()),
        Some(Reload::Automatic) => Ok(()),
        Some(Reload::Signal(signal)) => launched.process.signal(*signal),
        Some(Reload::Command(words)) => {
            let invocation = Invocation {
                words: launched.place.render_command(words)?,
                variables: Vec::new(),
                folder: launched.place.path().to_owned(),
            };
            let line = invocation.words.join(" ");
            match process::run(&invocation, "", LONGEST).await? {
                Some(finished) if finished.status == Some(0) => Ok(()),
                Some(finished) => Err(format!(
                    "`{line}`: {}: {}",
                    finished.words,
                    finished.output.trim_end()
                )),
                None => Err("`reload` did not end in time".into()),
            }
        }
        Some(Reload::Socket(socket)) => tell(launched, socket).await,
    }
}

async fn tell(launched: &Launched, socket: &AdminSocket) -> Result<(), String> {
    let path = launched.place.render(&socket.path)?;
    for line in &socket.lines {
        let line = launched.place.render(line)?;
        let told = async {
            let mut stream = UnixStream::connect(&path).await?;
            stream.write_all(line.as_bytes()).await?;
            stream.write_all(b"\n").await?;
            hear_out(&mut stream).await
        };
        match timeout(LONGEST, told).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("`{path}`: {error}")),
            Err(_) => return Err(format!("`{path}` did not answer in time")),
        }
    }
    Ok(())
}

/// Reads an answer to its end: until the other side closes, or has said something and no more for a while.
/// Some take the end of what they are told for a wish to leave, and drop what they are about.
async fn hear_out(stream: &mut UnixStream) -> io::Result<()> {
    let mut octets = [0; 4096];
    let mut patience = LONGEST;
    loop {
        match timeout(patience, stream.read(&mut octets)).await {
            Ok(Ok(0)) | Err(_) => return Ok(()),
            Ok(Ok(_)) => patience = QUIET,
            Ok(Err(error)) => return Err(error),
        }
    }
}
