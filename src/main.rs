//! The command. Everything that is not about arguments, terminals and exit codes is in the library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
