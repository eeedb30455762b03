//! Data goes to stdout, talk to stderr, both coloured on a terminal only.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keyrota::{
    manifest::Diagnostic,
    report::{github, text::styled},
};

use super::args::{Color, Common, Format};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

pub struct Output {
    pub format: Format,
    color_stdout: bool,
    color_stderr: bool,
}

impl Output {
    pub fn new(common: &Common) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = |terminal: bool| match common.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color && !dumb,
        };
        if common.verbose > 0 {
            tracing_subscriber::fmt()
                .with_env_filter("off,keyrota=debug")
                .with_writer(io::stderr)
                .with_ansi(color(io::stderr().is_terminal()))
                .init();
        }
        Self {
            format: common.format,
            color_stdout: color(io::stdout().is_terminal()),
            color_stderr: color(io::stderr().is_terminal()),
        }
    }

    /// Writes data. A reader that has gone away (`| head`) is no error.
    pub fn data(&self, text: &str) {
        let _ = write!(io::stdout().lock(), "{}", styled(text, self.color_stdout));
    }

    /// Writes talk.
    pub fn talk(&self, text: &str) {
        let _ = write!(io::stderr().lock(), "{}", styled(text, self.color_stderr));
    }

    pub fn error(&self, message: impl fmt::Display) {
        self.talk(&format!("{ERROR}error{ERROR:#}: {message}\n"));
    }

    pub fn warning(&self, message: impl fmt::Display) {
        self.talk(&format!("{WARNING}warning{WARNING:#}: {message}\n"));
    }

    pub fn hint(&self, message: impl fmt::Display) {
        self.talk(&format!("\n{HINT}hint{HINT:#}: {message}\n"));
    }

    /// Shows diagnostics, then, if they stop the command, a line that counts the errors.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        for diagnostic in diagnostics {
            self.talk(&(diagnostic.render(self.color_stderr) + "\n"));
        }
        if self.format == Format::Github {
            self.data(&github::diagnostics(diagnostics));
        }
        match diagnostics.iter().filter(|diagnostic| diagnostic.stops_a_run()).count() {
            0 => {}
            1 => self.error("the manifests have 1 error; nothing was changed"),
            errors => self.error(format!("the manifests have {errors} errors; nothing was changed")),
        }
    }

    /// A bar on stderr; hidden unless that is a terminal, and until it takes a while.
    pub fn progress(&self, message: &'static str) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.set_style(style.expect("the template above is well-formed"));
        bar.with_message(message)
    }
}
