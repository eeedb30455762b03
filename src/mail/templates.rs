//! The templates by name: keyrota's own, and those that a team puts in their place.

use std::collections::BTreeMap;

use super::{
    Flaw, content,
    engine::{self, Limit},
};
use crate::notice::{Kind, Language};

/// The name of the template that the HTML of every mail is put into.
pub const LAYOUT: &str = "layout.html.jinja";

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
        let mails = Kind::ALL.into_iter().flat_map(|kind| Language::ALL.map(|language| name(kind, language)));
        mails.chain([LAYOUT.to_owned()])
    }

    /// Puts a template in the place of keyrota's own, after filling it in with every example.
    ///
    /// # Errors
    /// What is wrong with it, with the line where known.
    pub fn replace(&mut self, name: &str, text: String) -> Result<(), Flaw> {
        engine::inspect(&text).map_err(|flaw| Flaw { template: name.to_owned(), ..flaw })?;
        let mut templates = Self::default();
        templates.own.insert(name.to_owned(), text);
        for kind in Kind::ALL {
            for language in
                Language::ALL.into_iter().filter(|language| name == LAYOUT || name == self::name(kind, *language))
            {
                for example in content::examples(kind, content::EXAMPLE_TIME) {
                    engine::render(&templates, language, &example, Limit::Example)?;
                }
            }
        }
        self.own.append(&mut templates.own);
        Ok(())
    }

    /// Whether all are keyrota's own.
    pub(super) fn are_built_in(&self) -> bool {
        self.own.is_empty()
    }

    /// The text of a mail's template, and its name.
    pub(super) fn mail(&self, kind: Kind, language: Language) -> (String, &str) {
        let name = name(kind, language);
        let text = self.own.get(&name).map_or_else(|| built_in(kind, language), String::as_str);
        (name, text)
    }

    /// The names of the team's own.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str)
    }

    /// The text that a name stands for: the team's, else keyrota's.
    pub fn text(&self, name: &str) -> &str {
        let mails = || Kind::ALL.into_iter().flat_map(|kind| Language::ALL.map(|language| (kind, language)));
        let built_in = |name: &str| {
            let mail = mails().find(|(kind, language)| self::name(*kind, *language) == name);
            mail.map_or(include_str!("templates/layout.html.jinja"), |(kind, language)| built_in(kind, language))
        };
        self.own.get(name).map_or_else(|| built_in(name), String::as_str)
    }

    pub(super) fn layout(&self) -> &str {
        self.own.get(LAYOUT).map_or(include_str!("templates/layout.html.jinja"), String::as_str)
    }
}

fn name(kind: Kind, language: Language) -> String {
    format!("{kind}.{}{EXTENSION}", language.as_str())
}

/// Declares the built-in templates: one file for each kind and language.
macro_rules! built_in {
    ($($kind:ident = $file:literal),+) => {
        fn built_in(kind: Kind, language: Language) -> &'static str {
            match (kind, language) {
                $((Kind::$kind, Language::English) => include_str!(concat!("templates/", $file, ".en.jinja")),
                (Kind::$kind, Language::Spanish) => include_str!(concat!("templates/", $file, ".es.jinja")),
                (Kind::$kind, Language::Portuguese) => include_str!(concat!("templates/", $file, ".pt.jinja")),)+
            }
        }
    };
}

built_in!(
    Rotated = "rotated",
    Retiring = "retiring",
    StillInUse = "still-in-use",
    Deactivated = "deactivated",
    Deleted = "deleted",
    Blocked = "blocked",
    Upcoming = "upcoming",
    Digest = "digest"
);
