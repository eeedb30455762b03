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

/// `a, b and 3 more`: the first of them, as many as `most`.
pub fn first_of<T: AsRef<str>>(all: impl IntoIterator<Item = T>, most: usize) -> String {
    let (mut named, mut more) = (String::new(), 0);
    for (position, one) in all.into_iter().enumerate() {
        match position {
            0 => named.push_str(one.as_ref()),
            _ if position < most => named.extend([", ", one.as_ref()]),
            _ => more += 1,
        }
    }
    if more > 0 { format!("{named} and {more} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::{any_of, counted, first_of};

    #[test]
    fn the_last_of_several_comes_after_or() {
        for (all, words) in
            [(vec![], ""), (vec!["a"], "a"), (vec!["a", "b"], "a or b"), (vec!["a", "b", "c"], "a, b or c")]
        {
            assert_eq!(any_of(&all.into_iter().map(str::to_owned).collect::<Vec<_>>()), words);
        }
    }

    #[test]
    fn many_are_counted_after_the_first() {
        for (all, words) in
            [(vec![], ""), (vec!["a"], "a"), (vec!["a", "b"], "a, b"), (vec!["a", "b", "c", "d"], "a, b and 2 more")]
        {
            assert_eq!(first_of(all, 2), words);
        }
    }

    #[test]
    fn one_has_no_plural() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "key")), ["0 keys", "1 key", "2 keys"]);
    }
}
