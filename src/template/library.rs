//! The templates by name: keyrota's own, and those that a team puts in their place.

use std::collections::BTreeMap;

use super::languages::Language;
use crate::notice::Kind;
use strum::VariantArray;

/// The name of the template that the HTML of every mail is put into.
pub const LAYOUT: &str = "layout.html.jinja";

const BUILT_IN_LAYOUT: &str = include_str!("layout.html.jinja");

/// What every name ends with.
const EXTENSION: &str = ".jinja";

/// A team's own templates, by name. Empty: keyrota's are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    own: BTreeMap<String, String>,
}

impl Templates {
    /// Every name that a template can have: `rotated.es.jinja`, `layout.html.jinja`.
    pub fn names() -> impl Iterator<Item = String> {
        let mails = Kind::VARIANTS.iter().flat_map(|&kind| Language::ALL.map(|language| name(kind, language)));
        mails.chain([LAYOUT.to_owned()])
    }

    /// Puts a template in the place of keyrota's own.
    pub(super) fn insert(&mut self, name: &str, text: String) {
        self.own.insert(name.to_owned(), text);
    }

    /// Whether all are keyrota's own.
    pub(super) fn are_built_in(&self) -> bool {
        self.own.is_empty()
    }

    /// The text of a mail's template, and its name.
    pub(super) fn mail(&self, kind: Kind, language: Language) -> (String, &str) {
        let name = name(kind, language);
        let text = self.own.get(&name).map_or_else(|| language.mail(kind), String::as_str);
        (name, text)
    }

    /// The names of the team's own.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str)
    }

    /// The text that a name stands for: the team's, else keyrota's.
    pub fn text(&self, name: &str) -> &str {
        let mails = || Kind::VARIANTS.iter().flat_map(|&kind| Language::ALL.map(|language| (kind, language)));
        let built_in = |name: &str| {
            let mail = mails().find(|(kind, language)| self::name(*kind, *language) == name);
            mail.map_or(BUILT_IN_LAYOUT, |(kind, language)| language.mail(kind))
        };
        self.own.get(name).map_or_else(|| built_in(name), String::as_str)
    }

    pub(super) fn layout(&self) -> &str {
        self.own.get(LAYOUT).map_or(BUILT_IN_LAYOUT, String::as_str)
    }
}

pub(super) fn name(kind: Kind, language: Language) -> String {
    format!("{kind}.{}{EXTENSION}", language.as_str())
}
