//! Many patterns at once: which of them match a name, without trying each.
//!
//! Whatever a pattern matches holds the letters between its wildcards. So each pattern stands by one of those pieces: the one that
//! the fewest others have. All pieces are looked for in one pass over the name, and only the patterns of those that are there
//! are tried. (`globset` does so for prefixes alone: 10,000 globs such as `u*-s7` take it half a millisecond a name.)

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    fmt,
    ops::Deref,
    sync::OnceLock,
};

use aho_corasick::AhoCorasick;

use super::pattern::Pattern;

/// So few are tried one by one.
const FEW: usize = 8;

/// The list of a selector: names and globs, of which one must match.
#[derive(Clone, Default)]
pub struct Patterns {
    all: Vec<Pattern>,
    /// Made when it is first needed: most lists are short.
    index: OnceLock<PatternIndex<usize>>,
}

impl Patterns {
    /// The first that matches a name.
    pub fn first(&self, name: &str) -> Option<&Pattern> {
        self.candidates(name).find(|pattern| pattern.matches(name))
    }

    /// Whether any matches a name.
    pub fn matches(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Whether a name stands there, without wildcards.
    pub fn names(&self, name: &str) -> bool {
        self.candidates(name).any(|pattern| pattern.is_exact() && pattern.matches(name))
    }

    /// Whether one is written like this, without case.
    #[cfg(feature = "cli")]
    pub(crate) fn is_written(&self, text: &str) -> bool {
        self.candidates(text).any(|pattern| pattern.text.eq_ignore_ascii_case(text))
    }

    /// Those that may match a name, in their order; of those that are written alike, the first.
    fn candidates(&self, name: &str) -> impl Iterator<Item = &Pattern> {
        let are_few = self.all.len() <= FEW;
        let found = if are_few { Vec::new() } else { self.index().candidates(name) };
        let few = if are_few { &self.all[..] } else { &[] };
        few.iter().chain(found.into_iter().map(|at| &self.all[at]))
    }

    fn index(&self) -> &PatternIndex<usize> {
        self.index.get_or_init(|| {
            let mut seen = HashSet::new();
            let distinct = self.all.iter().enumerate().filter(|(_, pattern)| seen.insert(pattern.text.as_str()));
            distinct.map(|(at, pattern)| (pattern, at)).collect()
        })
    }
}

impl Deref for Patterns {
    type Target = [Pattern];

    fn deref(&self) -> &[Pattern] {
        &self.all
    }
}

impl<'a> IntoIterator for &'a Patterns {
    type Item = &'a Pattern;
    type IntoIter = std::slice::Iter<'a, Pattern>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

impl From<Vec<Pattern>> for Patterns {
    fn from(all: Vec<Pattern>) -> Self {
        Self { all, index: OnceLock::new() }
    }
}

impl FromIterator<Pattern> for Patterns {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        patterns.into_iter().collect::<Vec<_>>().into()
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all.fmt(f)
    }
}

/// Patterns, each with whose it is.
#[derive(Clone)]
pub(crate) struct PatternIndex<T> {
    /// By the name.
    exact: HashMap<String, Vec<T>>,
    finder: Option<AhoCorasick>,
    /// For each text that the finder knows: whose it is, by where it stands.
    standing: Vec<[Vec<T>; 3]>,
    /// Of those that have no letters at all.
    anything: Vec<T>,
}

impl<T> Default for PatternIndex<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), finder: None, standing: Vec::new(), anything: Vec::new() }
    }
}

impl<'a, T: Copy + Ord> FromIterator<(&'a Pattern, T)> for PatternIndex<T> {
    fn from_iter<I: IntoIterator<Item = (&'a Pattern, T)>>(patterns: I) -> Self {
        let patterns: Vec<(&Pattern, T)> = patterns.into_iter().collect();
        let shares = Shares::of(patterns.iter().map(|(pattern, _)| *pattern));
        let (mut index, mut texts) = (Self::default(), HashMap::new());
        for (pattern, whose) in patterns {
            match shares.rarest(pattern) {
                Some((Piece { text, place: Place::Whole }, _)) => index.exact.entry(text).or_default().push(whose),
                Some((Piece { text, place }, _)) => {
                    let known = texts.len();
                    let at = *texts.entry(text).or_insert(known);
                    if at == known {
                        index.standing.push(Default::default());
                    }
                    index.standing[at][place as usize].push(whose);
                }
                None => index.anything.push(whose),
            }
        }
        let mut texts: Vec<(String, usize)> = texts.into_iter().collect();
        texts.sort_unstable_by_key(|(_, at)| *at);
        if !texts.is_empty() {
            index.finder = AhoCorasick::new(texts.iter().map(|(text, _)| text)).ok();
        }
        // There are limits of size, far beyond any manifest's: then each is tried.
        if index.finder.is_none() {
            index.anything.extend(index.standing.drain(..).flatten().flatten());
        }
        index
    }
}

impl<T: Copy + Ord> PatternIndex<T> {
    /// Whose patterns may match a name, each once, in order. All that do are among them.
    pub fn candidates(&self, name: &str) -> Vec<T> {
        let name = folded(name);
        let mut found: Vec<T> = self.exact.get(&name).into_iter().chain([&self.anything]).flatten().copied().collect();
        for piece in self.finder.iter().flat_map(|finder| finder.find_overlapping_iter(&name)) {
            let [start, end, within] = &self.standing[piece.pattern().as_usize()];
            found.extend(within);
            if piece.start() == 0 {
                found.extend(start);
            }
            if piece.end() == name.len() {
                found.extend(end);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Where letters stand that are in whatever a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Start,
    End,
    Within,
    Whole,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Piece {
    text: String,
    place: Place,
}

fn pieces(pattern: &Pattern) -> impl Iterator<Item = Piece> {
    let last = pattern.text.matches(['*', '?']).count();
    let parts = pattern.text.split(['*', '?']).enumerate().filter(move |(_, text)| !text.is_empty() || last == 0);
    parts.map(move |(at, text)| {
        let place = match at {
            0 if last == 0 => Place::Whole,
            0 => Place::Start,
            at if at == last => Place::End,
            _ => Place::Within,
        };
        Piece { text: folded(text), place }
    })
}

/// As both sides are compared here: whatever a pattern takes for the same letter is the same then.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// How many patterns have each piece.
pub(crate) struct Shares(HashMap<Piece, usize>);

impl Shares {
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a Pattern>) -> Self {
        let mut shares = HashMap::new();
        for piece in patterns.into_iter().flat_map(pieces) {
            *shares.entry(piece).or_insert(0) += 1;
        }
        Self(shares)
    }

    /// The piece of a pattern that the fewest have, and how many do; the longest of several.
    fn rarest(&self, pattern: &Pattern) -> Option<(Piece, usize)> {
        let shared = |piece: Piece| {
            let share = self.0.get(&piece).copied().unwrap_or_default();
            (piece, share)
        };
        pieces(pattern).map(shared).min_by_key(|(piece, share)| (*share, Reverse(piece.text.len())))
    }

    /// How many patterns at most are tried of which these are some, where a name has the piece of one of these; `None`: all.
    pub fn most(&self, patterns: &[Pattern]) -> Option<usize> {
        patterns
            .iter()
            .map(|pattern| self.rarest(pattern).map(|(_, share)| share))
            .try_fold(0, |most, share| Some(most.max(share?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text of at most so many of these characters.
    fn texts(alphabet: &str, longest: usize) -> Vec<String> {
        let (mut all, mut latest) = (vec![String::new()], vec![String::new()]);
        for _ in 0..longest {
            let longer = |text: &String| alphabet.chars().map(|c| format!("{text}{c}")).collect::<Vec<_>>();
            latest = latest.iter().flat_map(longer).collect();
            all.extend(latest.iter().cloned());
        }
        all
    }

    fn agree(texts: &[String], names: &[String], read: fn(&str) -> Pattern) {
        let patterns: Patterns = texts.iter().map(|text| read(text)).collect();
        for name in names {
            let one_by_one = patterns.iter().filter(|pattern| pattern.matches(name));
            let one_by_one: Vec<&str> = one_by_one.map(|pattern| pattern.text.as_str()).collect();
            let at_once = patterns.candidates(name).filter(|pattern| pattern.matches(name));
            let at_once: Vec<&str> = at_once.map(|pattern| pattern.text.as_str()).collect();
            assert_eq!(at_once, one_by_one, "{name} by {texts:?}");
            assert_eq!(patterns.first(name).map(|pattern| pattern.text.as_str()), one_by_one.first().copied());
            let names_it = one_by_one.iter().any(|text| !text.contains(['*', '?']));
            assert_eq!((patterns.matches(name), patterns.names(name)), (!one_by_one.is_empty(), names_it));
        }
    }

    #[test]
    fn all_at_once_match_what_one_by_one_does() {
        let (globs, names) = (texts("aB*?", 4), texts("abB", 5));
        agree(&globs, &names, Pattern::new);
        agree(&globs, &names, Pattern::case_sensitive);
        // Few at a time stand by other pieces.
        for some in globs.chunks(FEW + 4) {
            agree(some, &names, Pattern::new);
        }
    }

    /// Tags may hold any letter; some of them are ASCII in lower case, or become two.
    #[test]
    fn letters_of_other_scripts_are_compared_the_same_way() {
        let (globs, names) = (texts("kÉ\u{212a}\u{130}*?", 3), texts("ké\u{212a}K\u{130}i", 4));
        agree(&globs, &names, Pattern::new);
        agree(&globs, &names, Pattern::case_sensitive);
    }
}
