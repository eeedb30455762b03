//! Which of many names with wildcards may be one name, without comparing each two: of the letters before their first wildcards the
//! ones begin with the others, and so do those after their last ones end.

use std::{collections::BTreeMap, iter::once};

/// Names with wildcards, each of a group and with what it stands for.
pub(super) struct Meeting<G, T> {
    all: Vec<T>,
    /// By what precedes the first wildcard.
    starts: Keys<G>,
    /// By what follows the last, from its end.
    ends: Keys<G>,
}

type Keys<G> = BTreeMap<String, BTreeMap<G, Vec<usize>>>;

impl<G: Ord + Clone, T> Meeting<G, T> {
    pub fn new() -> Self {
        Self { all: Vec::new(), starts: BTreeMap::new(), ends: BTreeMap::new() }
    }

    /// `start` and `end` are what precedes the first wildcard and follows the last; both the whole, where there is none.
    pub fn insert(&mut self, group: &G, start: &str, end: &str, what: T) {
        let at = self.all.len();
        self.all.push(what);
        for (keys, key) in [(&mut self.starts, start.to_lowercase()), (&mut self.ends, reversed(end))] {
            keys.entry(key).or_default().entry(group.clone()).or_default().push(at);
        }
    }

    /// All that may be the same as a name that starts and ends so; not those of one group. Some come twice, and some are none.
    pub fn may_meet(&self, except: Option<&G>, start: &str, end: &str) -> impl Iterator<Item = &T> {
        let starts = alike(&self.starts, start.to_lowercase(), except.cloned());
        let ends = alike(&self.ends, reversed(end), except.cloned());
        // Whichever ends first has named them all.
        starts.zip(ends).flat_map(|(one, other)| [one, other]).flatten().map(|at| &self.all[at])
    }
}

fn reversed(text: &str) -> String {
    text.to_lowercase().chars().rev().collect()
}

/// Those of which the key begins with this one, or this one with it; `None` stands for each step on the way.
fn alike<G: Ord>(keys: &Keys<G>, key: String, except: Option<G>) -> impl Iterator<Item = Option<usize>> {
    let shorter =
        (0..key.len()).filter(|at| key.is_char_boundary(*at)).map(|at| key[..at].to_owned()).collect::<Vec<_>>();
    let shorter = shorter.into_iter().map(|key| keys.get(&key));
    let longer = keys.range(key.clone()..).take_while(move |(longer, _)| longer.starts_with(&key));
    shorter.chain(longer.map(|(_, groups)| Some(groups))).flat_map(move |groups| {
        let own = groups.and_then(|groups| Some(groups.get_key_value(except.as_ref()?)?.0));
        let others = groups.into_iter().flatten().filter(move |(group, _)| own != Some(*group));
        once(None).chain(others.flat_map(|(_, places)| places).map(|at| Some(*at)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Meeting;

    #[test]
    fn whatever_may_be_the_same_is_among_them() {
        let parts = ["", "a", "b", "ab", "abA", "ba"];
        let names: Vec<(&str, &str)> = parts.iter().flat_map(|start| parts.map(|end| (*start, end))).collect();
        let mut meeting = Meeting::new();
        for (at, (start, end)) in names.iter().enumerate() {
            meeting.insert(&(at % 3), start, end, at);
        }
        for (start, end) in &names {
            for own in [None, Some(1)] {
                let found: BTreeSet<usize> = meeting.may_meet(own.as_ref(), start, end).copied().collect();
                let (start, end) = (start.to_lowercase(), end.to_lowercase());
                for (at, (other_start, other_end)) in names.iter().enumerate() {
                    let (other_start, other_end) = (other_start.to_lowercase(), other_end.to_lowercase());
                    let starts = start.starts_with(&other_start) || other_start.starts_with(&start);
                    let may_meet = starts && (end.ends_with(&other_end) || other_end.ends_with(&end));
                    let is_other = own != Some(at % 3);
                    assert!(!(may_meet && is_other) || found.contains(&at), "{start}*{end} {other_start}*{other_end}");
                    assert!(is_other || !found.contains(&at));
                }
            }
        }
    }
}
