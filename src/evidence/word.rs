//! The words of closed lists, read back from a report: states, actions, codes of reasons.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny},
};

/// A word of a closed list.
pub type Word = &'static str;

/// There are fewer than a hundred; a document that has more is none of keyrota's.
const MOST: usize = 500;
const LONGEST: usize = 64;

/// The words that were read so far: each is kept once, for as long as the program runs.
static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Reads a word.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    known(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a word that may be missing.
pub fn read_if_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Word>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| known(&text)).transpose().map_err(D::Error::custom)
}

/// Reads over what follows from something else.
pub fn follows<'de, D: Deserializer<'de>, T: Default>(deserializer: D) -> Result<T, D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Ok(T::default())
}

fn known(text: &str) -> Result<Word, &'static str> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = known.get(text) {
        return Ok(word);
    }
    let is_word = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !is_word || text.len() > LONGEST || known.len() >= MOST {
        return Err("it is not a word of a report");
    }
    let word: Word = Box::leak(text.to_owned().into_boxed_str());
    known.insert(word);
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_once_and_nothing_else_is_one() {
        let one = known("in-overlap").expect("a word");
        assert!(std::ptr::eq(one, known("in-overlap").expect("the same")));
        for text in ["In Overlap", "<script>", &"a".repeat(65)] {
            assert!(known(text).is_err(), "{text}");
        }
    }
}
