//! Whether a team's template can be filled in: with every example, before anything runs.

use super::{
    engine::{self, Limit, TemplateError},
    examples::{EXAMPLE_TIME, examples},
    languages::Language,
    library::{self, LAYOUT, Templates},
};
use crate::notice::Kind;
use strum::VariantArray;

impl Templates {
    /// Puts a template in the place of keyrota's own, after filling it in with every example.
    ///
    /// # Errors
    /// What is wrong with it, with the line where known.
    pub fn replace(&mut self, name: &str, text: String) -> Result<(), TemplateError> {
        engine::inspect(&text).map_err(|error| TemplateError { template: name.to_owned(), ..error })?;
        let mut templates = Self::default();
        templates.insert(name, text.clone());
        for &kind in Kind::VARIANTS {
            for language in
                Language::ALL.into_iter().filter(|language| name == LAYOUT || name == library::name(kind, *language))
            {
                for example in examples(kind, EXAMPLE_TIME) {
                    engine::render(&templates, language, &example, Limit::Example)?;
                }
            }
        }
        self.insert(name, text);
        Ok(())
    }
}
