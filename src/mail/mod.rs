//! What people are told: subject, text and HTML, from templates in three languages. No secret, and no link that asks for
//! credentials anywhere but in the AWS console.
//!
//! Each mail is one template of words (`templates/<kind>.<language>.jinja`), filled in twice: as plain text, and as HTML
//! inside `layout.html.jinja`. A team may override any of them from `templates/` in the folder of its manifests.

pub mod content;
mod dates;
mod engine;
mod templates;

use std::fmt;

use self::engine::Limit;
use crate::manifest::Language;

pub use self::{
    engine::Flaw,
    templates::{LAYOUT, Templates},
};

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A new key is ready.
    Rotated,
    /// A key goes although keyrota did not replace it.
    Retiring,
    /// The old key was used since then.
    StillInUse,
    /// The old key stopped; it can be taken back for a while.
    Deactivated,
    Deleted,
    /// A person must do something before the rotation goes on.
    Blocked,
    /// The owner must do something before the rotation begins.
    Upcoming,
    /// For the security team: what a run did, and what it could not do.
    Digest,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Rotated,
        Self::Retiring,
        Self::StillInUse,
        Self::Deactivated,
        Self::Deleted,
        Self::Blocked,
        Self::Upcoming,
        Self::Digest,
    ];

    /// Stable, kebab-case: in tags, in names of templates and for the command.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Retiring => "retiring",
            Self::StillInUse => "still-in-use",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
            Self::Blocked => "blocked",
            Self::Upcoming => "upcoming",
            Self::Digest => "digest",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A finished mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Fills in the templates of a mail. One of the team's that fails is replaced by keyrota's own, and the flaw returned:
/// what a mail looks like is never a reason not to send it.
pub fn render(templates: &Templates, language: Language, content: &content::Content) -> (Text, Option<Flaw>) {
    match engine::render(templates, language, content, Limit::Mail) {
        Ok(text) => (text, None),
        Err(flaw) => {
            let own = engine::render(&Templates::default(), language, content, Limit::Mail);
            (own.expect("tests fill in every built-in template"), Some(flaw))
        }
    }
}
