//! What editors and shells want to know.

use clap::CommandFactory;
use keyrota::manifest;

use super::{args::Cli, exit::Exit, output::Output};

/// `keyrota schema`
pub fn schema(output: &Output) -> Exit {
    output.data(&format!("{:#}\n", manifest::json_schema()));
    Exit::Done
}

/// `keyrota completions SHELL`
pub fn completions(shell: clap_complete::Shell, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyrota", &mut script);
    output.data(&String::from_utf8_lossy(&script));
    Exit::Done
}
