//! Which accounts were probably meant by a name, an id or a glob that is none.

use std::collections::BTreeSet;

use strsim::damerau_levenshtein;

use crate::{
    counted::counted,
    manifest::{
        Pattern,
        diagnostic::{LIKELY, likeness, nearest, quote},
    },
    names::is_account_id,
};

/// So many accounts are named.
const NAMED: usize = 3;

/// So many characters of a written id may be wrong.
const WRONG_DIGITS: usize = 2;

/// What separates the words of a name.
const SEPARATORS: [char; 5] = ['-', '_', '.', ' ', '/'];

/// What to write instead, with the accounts that it means; `accounts` are names and ids. `None`: nothing is near.
#[must_use]
pub fn meant_account(written: &str, accounts: &[(&str, &str)]) -> Option<String> {
    let pattern = Pattern::new(written);
    if written.trim().is_empty() {
        return None;
    }
    if pattern.is_exact() {
        return near_id(written, accounts)
            .or_else(|| near_name(written, accounts))
            .or_else(|| glob(&format!("*{}*", written.trim()), accounts));
    }
    near_prefix(&pattern, accounts).or_else(|| {
        // `prod-*` where names end so.
        let core = written.trim_matches(['*', '?']).trim_matches(SEPARATORS);
        if core.is_empty() { None } else { glob(&format!("*{core}*"), accounts) }
    })
}

/// An id of which a few digits are wrong, or that is written with something between them, or with letters that look like digits.
fn near_id(written: &str, accounts: &[(&str, &str)]) -> Option<String> {
    let digit = |c: char| match c {
        'O' | 'o' => '0',
        'I' | 'l' => '1',
        c => c,
    };
    let real = written.chars().filter(char::is_ascii_digit).count();
    let digits: String = written.chars().map(digit).filter(char::is_ascii_digit).collect();
    let is_id = real >= 8 && written.chars().all(|c| digit(c).is_ascii_digit() || SEPARATORS.contains(&c));
    if !is_id {
        return None;
    }
    let near = accounts.iter().map(|(name, id)| (damerau_levenshtein(&digits, id), *id, *name));
    let (_, id, name) = near.filter(|(wrong, ..)| *wrong <= WRONG_DIGITS).min()?;
    let name = if is_account_id(name) { String::new() } else { format!(" ({})", quote(name)) };
    Some(format!("did you mean {id}{name}?"))
}

/// The most alike; nothing where that is many, which differ by numbers.
fn near_name(written: &str, accounts: &[(&str, &str)]) -> Option<String> {
    let all = accounts.iter().map(|(name, _)| (likeness(written, name), *name));
    let likely: Vec<(f64, &str)> = all.filter(|(likeness, _)| *likeness >= LIKELY).collect();
    let best = likely.iter().map(|(likeness, _)| *likeness).max_by(f64::total_cmp)?;
    let same = likely.iter().filter(|(likeness, _)| best - likeness < 0.001);
    let names: BTreeSet<String> = same.clone().map(|(_, name)| name.to_lowercase()).collect();
    let near = same.clone().map(|(_, name)| *name).max().filter(|_| names.len() <= NAMED)?;
    let ids: BTreeSet<&str> =
        accounts.iter().filter(|(name, _)| name.to_lowercase() == near.to_lowercase()).map(|(_, id)| *id).collect();
    let more = ids.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let ids: Vec<&str> = ids.into_iter().take(NAMED).collect();
    Some(format!("did you mean {} ({}{more})?", quote(near), ids.join(", ")))
}

/// A glob that begins with words nearly as others do, or with nearly a whole name.
fn near_prefix(pattern: &Pattern, accounts: &[(&str, &str)]) -> Option<String> {
    let begins = pattern.text.split(['*', '?']).next().filter(|begins| !begins.is_empty())?;
    let words = begins.rfind(SEPARATORS).map(|at| &begins[..=at]);
    let prefixes = accounts
        .iter()
        .flat_map(|(name, _)| name.match_indices(SEPARATORS).map(|(at, separator)| &name[..at + separator.len()]));
    let prefixes: BTreeSet<&str> = prefixes.collect();
    let meant = |written: &str, near: &str| glob(&pattern.text.replacen(written, near, 1), accounts);
    words
        .and_then(|words| meant(words, nearest(words, prefixes.iter().copied())?))
        .or_else(|| meant(begins, nearest(begins, prefixes.iter().copied())?))
        .or_else(|| meant(begins, nearest(begins, accounts.iter().map(|(name, _)| *name))?))
}

/// A glob, with the accounts that it means; `None`: it means none.
fn glob(text: &str, accounts: &[(&str, &str)]) -> Option<String> {
    let pattern = Pattern::new(text);
    let is_it = |(name, id): &&(&str, &str)| pattern.matches(name) || pattern.matches(id);
    let names: BTreeSet<(&str, &str)> = accounts.iter().filter(is_it).copied().collect();
    if names.is_empty() {
        return None;
    }
    let shown: Vec<String> = names.iter().take(NAMED).map(|(name, _)| quote(name)).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let count = counted(names.len(), "account");
    Some(format!("did you mean {}, which is {count}: {}{more}?", quote(text), shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_said_with_what_it_means() {
        let accounts = [
            ("payments-live", "111122220001"),
            ("payments-test", "111122220002"),
            ("shop-prod", "111122220003"),
            ("Shop-Prod", "111122220004"),
            ("audit", "444455556666"),
        ];
        for (written, meant) in [
            ("shop-prd", Some("did you mean `shop-prod` (111122220003, 111122220004)?")),
            ("audits", Some("did you mean `audit` (444455556666)?")),
            ("444455556667", Some("did you mean 444455556666 (`audit`)?")),
            ("4444-5555-6666", Some("did you mean 444455556666 (`audit`)?")),
            ("44445555666", Some("did you mean 444455556666 (`audit`)?")),
            ("44445555666O", Some("did you mean 444455556666 (`audit`)?")),
            ("999999999999", None),
            ("", None),
            ("prod", Some("did you mean `*prod*`, which is 2 accounts: `Shop-Prod`, `shop-prod`?")),
            ("prod-*", Some("did you mean `*prod*`, which is 2 accounts: `Shop-Prod`, `shop-prod`?")),
            ("live*", Some("did you mean `*live*`, which is 1 account: `payments-live`?")),
            ("payment-*", Some("did you mean `payments-*`, which is 2 accounts: `payments-live`, `payments-test`?")),
            ("audti*", Some("did you mean `audit*`, which is 1 account: `audit`?")),
            ("zebra-*", None),
            ("*", None),
            ("zebra", None),
        ] {
            assert_eq!(meant_account(written, &accounts).as_deref(), meant, "{written}");
        }
    }
}
