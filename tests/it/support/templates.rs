//! Mails of a few words, for tests that send thousands and read none: the real ones take most of the time.

use std::sync::Arc;

use keyrota::{notice::Kind, template::Templates};
use strum::VariantArray;

pub fn bare() -> Arc<Templates> {
    let mut templates = Templates::default();
    let kinds: Vec<_> = Kind::VARIANTS.iter().map(|kind| format!("{kind}.en.jinja")).collect();
    for name in kinds.iter().map(String::as_str).chain(["layout.html.jinja"]) {
        templates.replace(name, "Subject: a key\n\nA key.".to_owned()).expect("a template of words alone");
    }
    Arc::new(templates)
}
