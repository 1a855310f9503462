//! The binary: everything is in the library.

use mtls_gauntlet::cli;
use mtls_gauntlet::cli::exit::Exit;

fn main() -> Exit {
    cli::main()
}
