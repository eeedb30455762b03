//! One line of `doctor`.

use anstyle::{AnsiColor, Style};
use keyrota::inventory::{CallError, ErrorKind};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Worth a look, or not to be told.
    Doubt,
    /// Runs fail, or will.
    Wrong,
}

/// What was found, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub check: &'static str,
    pub message: String,
    pub fix: Option<String>,
}

impl Level {
    /// The mark and its colour, which says nothing that the mark does not.
    pub fn mark(self) -> (char, Style) {
        match self {
            Self::Fine => ('✓', AnsiColor::Green.on_default()),
            Self::Doubt => ('!', AnsiColor::Yellow.on_default()),
            Self::Wrong => ('✗', AnsiColor::Red.on_default()),
        }
    }

    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Doubt => "warning",
            Self::Wrong => "error",
        }
    }
}

impl Finding {
    pub fn fine(check: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Fine, check, message: message.into(), fix: None }
    }

    pub fn doubt(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Doubt, check, message: message.into(), fix: Some(fix.into()) }
    }

    pub fn wrong(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Wrong, check, message: message.into(), fix: Some(fix.into()) }
    }

    /// A read that failed and that every run makes. `fix` is what mends it if that is not known better.
    pub fn failed(check: &'static str, error: &CallError, fix: &str) -> Self {
        let fix = match error.kind {
            _ if error.hint.is_some() => error.hint.as_deref().unwrap_or(fix),
            ErrorKind::Denied | ErrorKind::NotFound => fix,
            _ => "run it again; if it stays, the message is what AWS says",
        };
        Self::wrong(check, error.to_string(), fix)
    }

    /// A read that failed: nothing is known, and that is no good news.
    pub fn unknown(check: &'static str, what: &str, error: &CallError) -> Self {
        match error.kind {
            ErrorKind::Denied => Self::doubt(
                check,
                format!("can't tell {what}: denied"),
                format!("allow `{}` to whoever runs doctor, or look by hand; runs don't need it", error.operation),
            ),
            _ => {
                let fix = error.hint.as_deref().unwrap_or("run it again, or look by hand");
                Self::doubt(check, format!("can't tell {what}: {}", error.message), fix)
            }
        }
    }
}
