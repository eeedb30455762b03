//! Counts and choices in words: one has no plural, and the last of several comes after "or".

/// "1 user", "2 users".
pub fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `a, b or c`.
pub fn any_of(all: &[String]) -> String {
    match all {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => all.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::{any_of, counted};

    #[test]
    fn the_last_of_several_comes_after_or() {
        for (all, words) in
            [(vec![], ""), (vec!["a"], "a"), (vec!["a", "b"], "a or b"), (vec!["a", "b", "c"], "a, b or c")]
        {
            assert_eq!(any_of(&all.into_iter().map(str::to_owned).collect::<Vec<_>>()), words);
        }
    }

    #[test]
    fn one_has_no_plural() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "key")), ["0 keys", "1 key", "2 keys"]);
    }
}
