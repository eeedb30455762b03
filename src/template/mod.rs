//! The words of mail: subject, text and HTML, from templates in several languages. No secret, and no link that asks for
//! credentials anywhere but in the AWS console.
//!
//! Each mail is one template of words (`languages/<language>/<kind>.jinja`), filled in twice: as plain text, and as HTML
//! inside `layout.html.jinja`. A team may override any of them from `templates/` in the folder of its manifests.

mod check;
pub mod content;
mod engine;
pub mod examples;
mod languages;
mod library;

use self::{content::Content, engine::Limit};

pub use self::{
    engine::{TemplateError, Text},
    languages::Language,
    library::{LAYOUT, Templates},
};

/// Fills in the templates of a mail. One of the team's that fails is replaced by keyrota's own, and the error returned:
/// what a mail looks like is never a reason not to send it.
pub fn render(templates: &Templates, language: Language, content: &Content) -> (Text, Option<TemplateError>) {
    match engine::render(templates, language, content, Limit::Mail) {
        Ok(text) => (text, None),
        Err(error) => {
            let own = engine::render(&Templates::default(), language, content, Limit::Mail);
            // Tests fill in every built-in template: what fails here is too long.
            let own = own.unwrap_or_else(|_| Text {
                subject: "keyrota: a message that is too long to be sent".to_owned(),
                text: format!("This message would have been too long to be sent: {error}. `keyrota status` shows all of it.\n"),
                html: "<p>This message would have been too long to be sent. <code>keyrota status</code> shows all of it.</p>".to_owned(),
            });
            (own, Some(error))
        }
    }
}
