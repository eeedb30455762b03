//! What people are told: subject, text and HTML, from templates in three languages. No secret, and no link that asks for
//! credentials anywhere but in the AWS console.
//!
//! Each mail is one template of words (`templates/<kind>.<language>.jinja`), filled in twice: as plain text, and as HTML
//! inside `layout.html.jinja`. A team may override any of them from `templates/` in the folder of its manifests.

pub mod content;
mod dates;
mod engine;
mod templates;

use self::engine::Limit;
use crate::notice::Language;

pub use self::{
    engine::Flaw,
    templates::{LAYOUT, Templates},
};

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
