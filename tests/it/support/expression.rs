//! As much of GitHub's expressions as the action and the workflows use: names, texts, `==`, `!=`, `&&` and `||`.

use std::collections::BTreeMap;

/// The values that expressions can name.
#[derive(Clone, Default)]
pub struct Context(BTreeMap<String, String>);

impl Context {
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Replaces each `${{ … }}`.
    pub fn expand(&self, text: &str) -> String {
        let Some((before, rest)) = text.split_once("${{") else { return text.to_owned() };
        let (expression, after) = rest.split_once("}}").expect("an expression that ends");
        before.to_owned() + &self.value(expression) + &self.expand(after)
    }

    /// Whether a condition holds, written with `${{ }}` or without.
    pub fn holds(&self, condition: &str) -> bool {
        let condition = condition.trim().trim_start_matches("${{").trim_end_matches("}}");
        let all = |part: &str| part.split("&&").all(|part| self.is_true(part));
        condition.split("||").any(all)
    }

    fn is_true(&self, term: &str) -> bool {
        match (term.split_once("!="), term.split_once("==")) {
            (Some((left, right)), _) => self.value(left) != self.value(right),
            (None, Some((left, right))) => self.value(left) == self.value(right),
            (None, None) => !matches!(self.value(term).as_str(), "" | "false"),
        }
    }

    /// What a step did not put out and a variable that is not set are empty, as on GitHub; any other name is a mistake.
    fn value(&self, term: &str) -> String {
        let term = term.trim();
        if let Some(text) = term.strip_prefix('\'').and_then(|term| term.strip_suffix('\'')) {
            return text.to_owned();
        }
        let may_be_unset = ["steps.", "vars.", "needs."].iter().any(|prefix| term.starts_with(prefix));
        let value = self.0.get(term).cloned().or_else(|| may_be_unset.then(String::new));
        value.unwrap_or_else(|| panic!("the expression {term} is not known"))
    }
}
