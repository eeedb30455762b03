//! Data goes to stdout, talk to stderr, both coloured on a terminal only. Nothing that came from outside steers either:
//! what a renderer forgot to escape is escaped here, and in a workflow's log only keyrota's own annotations are commands.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keyrota::{
    counted::counted,
    manifest::{Diagnostic, Severity, shown},
    report::{
        github, masked,
        text::{excerpt, styled, wrapped},
    },
    untrusted,
};

use super::args::{Color, Common, Format};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

pub struct Output {
    pub format: Format,
    color_stdout: bool,
    color_stderr: bool,
    /// The columns of the terminals; `None`: it is none, and nothing is broken into lines.
    width_stdout: Option<usize>,
    width_stderr: Option<usize>,
    /// Whether changes are being made: then an interruption lets those under way finish.
    is_applying: AtomicBool,
    /// What is shown of progress now.
    bar: Mutex<Option<ProgressBar>>,
    /// What turns the runner's commands on again, in a workflow's log.
    stopped: Option<String>,
    said: Mutex<Vec<Said>>,
    /// Whether account ids and addresses are hidden in what is said.
    is_masked: AtomicBool,
}

/// What was told on stderr, for those who show it elsewhere as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Error(String),
    Hint(String),
    Diagnostic(Diagnostic),
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
                .with_writer(|| Guarded(io::stderr()))
                .with_ansi(color(io::stderr().is_terminal()))
                .init();
        }
        let output = Self {
            format: common.format,
            color_stdout: color(io::stdout().is_terminal()),
            color_stderr: color(io::stderr().is_terminal()),
            width_stdout: columns_of(io::stdout().is_terminal(), terminal_size::terminal_size_of(io::stdout())),
            width_stderr: columns_of(io::stderr().is_terminal(), terminal_size::terminal_size_of(io::stderr())),
            bar: Mutex::default(),
            is_applying: AtomicBool::new(false),
            stopped: (common.format == Format::Github).then(token),
            said: Mutex::default(),
            is_masked: AtomicBool::new(common.mask),
        };
        output.stop_commands();
        output
    }

    /// Writes data. A reader that has gone away (`| head`) is no error.
    pub fn data(&self, text: &str) {
        let text = match self.format {
            Format::Json => untrusted::json(text),
            Format::Markdown => untrusted::page(&styled(text, self.color_stdout).to_string()),
            _ => untrusted::page(&styled(&wrapped(text, self.width_stdout), self.color_stdout).to_string()),
        };
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes a document whose renderer has taken away what could steer anything, as it is: for a file or a pipe.
    pub fn document(&self, text: &str) {
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes workflow commands, which the runner obeys; nothing in another format.
    pub fn annotations(&self, commands: &str) {
        let Some(token) = self.stopped.as_ref().filter(|_| !commands.is_empty()) else { return };
        // In one piece, so that nothing else is written while commands are on.
        let text = format!("::{token}::\n{commands}::stop-commands::{token}\n");
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes talk.
    pub fn talk(&self, text: &str) {
        let text = untrusted::page(&styled(text, self.color_stderr).to_string());
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Writes a document where talk goes.
    pub fn record(&self, json: &str) {
        let _ = io::stderr().lock().write_all(untrusted::json(json).as_bytes());
    }

    /// Writes talk in lines that fit the terminal.
    fn talk_wrapped(&self, text: &str) {
        self.talk(&wrapped(text, self.width_stderr));
    }

    /// The columns of the terminal that data goes to, if it is one.
    pub fn width(&self) -> Option<usize> {
        self.width_stdout
    }

    /// From now on changes are made.
    pub fn applies(&self) {
        self.is_applying.store(true, Ordering::Relaxed);
    }

    /// Whether changes are being made.
    pub fn is_applying(&self) -> bool {
        self.is_applying.load(Ordering::Relaxed)
    }

    /// Takes away what is shown of progress: the process ends.
    pub fn clear_progress(&self) {
        if let Some(bar) = self.bar.lock().ok().and_then(|mut bar| bar.take()) {
            bar.finish_and_clear();
        }
    }

    /// Says what is wrong; in a workflow also as an annotation of the job.
    pub fn error(&self, message: impl fmt::Display) {
        self.failure(message, None);
    }

    /// Says what is wrong, and what to do about it.
    pub fn failure(&self, message: impl fmt::Display, hint: Option<&str>) {
        let message = self.presentable(&message);
        self.talk_wrapped(&format!("{ERROR}error{ERROR:#}: {message}\n"));
        let hinted = hint.map_or_else(|| message.clone(), |hint| format!("{message}\n{}", self.presentable(&hint)));
        self.annotations(&github::message("error", &hinted));
        self.remember(Said::Error(message));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    pub fn hint(&self, message: impl fmt::Display) {
        let message = self.presentable(&message);
        self.talk_wrapped(&format!("\n{HINT}hint{HINT:#}: {message}\n"));
        self.remember(Said::Hint(message));
    }

    /// From now on account ids and addresses are hidden: everyone may read the log.
    pub fn mask(&self) {
        self.is_masked.store(true, Ordering::Relaxed);
    }

    fn presentable(&self, message: &impl fmt::Display) -> String {
        let message = untrusted::lines(&message.to_string());
        if self.is_masked.load(Ordering::Relaxed) { masked(&message) } else { message }
    }

    /// What is not right, and no reason to stop.
    pub fn warning(&self, message: impl fmt::Display) {
        self.annotated("warning", &message.to_string());
    }

    /// What should be known of a run.
    pub fn notice(&self, message: impl fmt::Display) {
        self.annotated("notice", &message.to_string());
    }

    /// In a workflow the annotation shows it in the log as well.
    fn annotated(&self, level: &str, message: &str) {
        match self.stopped {
            Some(_) => self.annotations(&github::message(level, &self.presentable(&message))),
            None => self.talk_wrapped(&format!("{HINT}{level}{HINT:#}: {}\n", self.presentable(&message))),
        }
    }

    /// Everything that was told so far.
    pub fn said(&self) -> Vec<Said> {
        self.said.lock().map(|said| said.clone()).unwrap_or_default()
    }

    fn remember(&self, said: Said) {
        if let Ok(mut all) = self.said.lock() {
            all.push(said);
        }
    }

    fn stop_commands(&self) {
        if let Some(token) = &self.stopped {
            let _ = writeln!(io::stdout().lock(), "::stop-commands::{token}");
        }
    }

    /// Shows diagnostics, then, if they stop the command, a line that counts the errors.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        self.show_all(diagnostics, Diagnostic::stops_a_run);
    }

    /// The same for `check`, which fails on every error: on one that stops no run as well.
    pub fn mistakes(&self, diagnostics: &[Diagnostic]) {
        self.show_all(diagnostics, |diagnostic| diagnostic.severity == Severity::Error);
    }

    fn show_all(&self, diagnostics: &[Diagnostic], stops: impl Fn(&Diagnostic) -> bool) {
        // The action checks before it plans, which checks again.
        let said = self.said();
        let is_new = |diagnostic: &&Diagnostic| {
            let told = |said: &Said| matches!(said, Said::Diagnostic(told) if told.says_the_same(diagnostic));
            !said.iter().any(told)
        };
        let diagnostics: Vec<Diagnostic> = diagnostics.iter().filter(is_new).cloned().collect();
        let (shown, more) = shown(&diagnostics);
        for diagnostic in shown {
            let text = diagnostic.render_in(self.color_stderr, self.width_stderr) + "\n";
            self.talk(&excerpt(&text, self.width_stderr));
            self.remember(Said::Diagnostic(diagnostic.clone()));
        }
        if more > 0 {
            let are = if more == 1 { "is" } else { "are" };
            self.talk(&format!("{} {are} not shown\n", counted(more, "more mistake")));
        }
        self.annotations(&github::diagnostics(&diagnostics));
        if diagnostics.iter().any(stops) {
            // As many as were shown as errors. Each is annotated where it is, so that their number is only said.
            let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
            let errors = counted(errors, "error");
            self.talk(&format!("{ERROR}error{ERROR:#}: the manifests have {errors}; nothing was changed\n"));
        }
    }

    /// A bar on stderr; hidden unless that is a terminal, and until it takes a while.
    pub fn progress(&self, message: &'static str) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.set_style(style.expect("the template above is well-formed"));
        let bar = bar.with_message(message);
        if let Ok(mut shown) = self.bar.lock() {
            *shown = Some(bar.clone());
        }
        bar
    }
}

/// Fewer columns than these are no terminal that a person reads.
const FEWEST_COLUMNS: usize = 20;

fn columns_of(is_terminal: bool, size: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    let (terminal_size::Width(columns), _) = size.filter(|_| is_terminal)?;
    Some(usize::from(columns)).filter(|columns| *columns >= FEWEST_COLUMNS)
}

impl Drop for Output {
    /// The steps that follow may have commands of their own.
    fn drop(&mut self) {
        if let Some(token) = &self.stopped {
            let _ = writeln!(io::stdout().lock(), "::{token}::");
        }
    }
}

/// Nobody who writes a manifest can know it.
fn token() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    hex::encode(bytes)
}

/// The log of calls, which shows what AWS answered.
struct Guarded(io::Stderr);

impl Write for Guarded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(untrusted::page(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
