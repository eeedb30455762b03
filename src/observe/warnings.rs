//! What is odd in several accounts, said once for all of them.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map};

use crate::{
    counted::counted,
    inventory::{Account, UnreadAccount},
    manifest::{Code, Diagnostic, Label, Manifest, Pattern, diagnostic::quote},
    roster::{holds_in, is_for},
};

/// The warnings of all accounts that could be read, each with what was found there. Who is not in one account may be in another, so
/// that is said only where it is true of each in which the rule or the exemption holds; and not where it may hold in one that is
/// unread, for the user may be there.
pub fn merged(
    manifest: &Manifest,
    accounts: Vec<(&Account, Vec<Diagnostic>)>,
    unread: &[UnreadAccount],
) -> Vec<Diagnostic> {
    let read: Vec<&Account> = accounts.iter().map(|(account, _)| *account).collect();
    let all = accounts.iter().flat_map(|(_, warnings)| warnings).filter(|warning| is_absence(warning.code));
    let absences = Absences::new(manifest, &read, all.map(|warning| (place(warning), 1)), unread);
    let (mut merged, mut said) = (Vec::<Diagnostic>::new(), HashMap::<_, Vec<usize>>::new());
    // By the places of both rules: where it was said first, and in how many accounts they select others.
    let mut collisions: HashMap<Vec<_>, (usize, usize)> = HashMap::new();
    // By what is absent: where that was said.
    let mut absent: HashMap<Absence, usize> = HashMap::new();
    for warning in accounts.into_iter().flat_map(|(_, warnings)| warnings) {
        if is_absence(warning.code) {
            let Some((absence, count)) = absences.told(&place(&warning)) else { continue };
            let message = absences.in_all(absence, count).unwrap_or(warning.message);
            let warning = Diagnostic { message, ..warning };
            match absent.entry(absence) {
                // Of several that say the same the one that knows what may have been meant.
                hash_map::Entry::Occupied(at) => {
                    let first = &mut merged[*at.get()];
                    if !is_suggestion(first) && is_suggestion(&warning) {
                        *first = warning;
                    }
                }
                hash_map::Entry::Vacant(new) => {
                    new.insert(merged.len());
                    merged.push(warning);
                }
            }
            continue;
        }
        let here = said.entry(place(&warning)).or_default();
        if warning.code == Code::AmbiguousRules {
            let places =
                warning.labels.iter().map(|label| (label.file().to_owned(), label.line, label.column)).collect();
            match collisions.entry(places) {
                hash_map::Entry::Occupied(mut met) => {
                    let (first, others) = met.get_mut();
                    *others += usize::from(merged[*first].message != warning.message);
                    continue;
                }
                hash_map::Entry::Vacant(new) => new.insert((merged.len(), 0)),
            };
        }
        if !here.iter().any(|at| merged[*at] == warning) {
            here.push(merged.len());
            merged.push(warning);
        }
    }
    for (first, others) in collisions.into_values().filter(|(_, others)| *others > 0) {
        let message = format!("{}; and others in {}", merged[first].message, counted(others, "more account"));
        merged[first].message = message;
    }
    merged
}

/// Where a warning is. The wording may name the account.
pub(crate) type Place = (Code, String, usize, usize);

fn place(warning: &Diagnostic) -> Place {
    (warning.code, warning.file().to_owned(), warning.line(), warning.column())
}

fn is_suggestion(warning: &Diagnostic) -> bool {
    warning.help.as_ref().is_some_and(|help| help.contains("did you mean"))
}

/// What is not there: whom a rule selects, one of its names, or whom an exemption is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Absence {
    Rule(usize),
    Name(usize, usize),
    Exemption(usize),
}

/// What is not there, and in how many accounts it should be.
struct Absences<'a> {
    /// Where rules, their names and exemptions stand.
    places: HashMap<(String, usize, usize), Absence>,
    /// In how many accounts each is missing.
    missing: HashMap<Absence, usize>,
    /// In how many accounts a rule or an exemption holds; `None`: that it does in one that is unread can't be told.
    holds: HashMap<Absence, Option<usize>>,
    /// The only account, where there is one: then its warnings name it.
    is_one: bool,
    manifest: &'a Manifest,
}

impl<'a> Absences<'a> {
    /// `missing`: where it was said that somebody is not there, and in how many accounts.
    fn new(
        manifest: &'a Manifest,
        accounts: &[&Account],
        missing: impl IntoIterator<Item = (Place, usize)>,
        unread: &[UnreadAccount],
    ) -> Self {
        let mut absences = Self {
            places: HashMap::new(),
            missing: HashMap::new(),
            holds: HashMap::new(),
            is_one: accounts.len() == 1 && unread.is_empty(),
            manifest,
        };
        let mut missing = missing.into_iter().peekable();
        if missing.peek().is_none() {
            return absences;
        }
        absences.find_places();
        for (place, count) in missing {
            if let Some(absence) = absences.of(&place) {
                *absences.missing.entry(absence).or_default() += count;
            }
        }
        let may_be_in = |written: &[&Pattern], one: &UnreadAccount| {
            let names = [&one.name, &one.id].into_iter().flatten();
            written.is_empty() || names.clone().next().is_none() || {
                names.into_iter().any(|name| written.iter().any(|pattern| pattern.matches(name)))
            }
        };
        for absence in absences.missing.keys() {
            let whole = absence.whole();
            if absences.holds.contains_key(&whole) {
                continue;
            }
            let (count, is_elsewhere) = match whole {
                Absence::Exemption(at) => {
                    let exemption = &manifest.exemptions[at];
                    let written: Vec<Pattern> = exemption.account.iter().map(|account| Pattern::new(account)).collect();
                    let written: Vec<&Pattern> = written.iter().collect();
                    let count = accounts.iter().filter(|account| is_for(exemption, account)).count();
                    (count, unread.iter().any(|one| may_be_in(&written, one)))
                }
                Absence::Rule(at) | Absence::Name(at, _) => {
                    let rule = &manifest.rules[at];
                    let written: Vec<&Pattern> = rule.accounts.iter().collect();
                    let count = accounts.iter().filter(|account| holds_in(rule, account)).count();
                    (count, unread.iter().any(|one| may_be_in(&written, one)))
                }
            };
            absences.holds.insert(whole, (!is_elsewhere).then_some(count));
        }
        absences
    }

    fn find_places(&mut self) {
        let sources = &self.manifest.sources;
        let place = |label: &Label| (label.file().to_owned(), label.line, label.column);
        for (at, rule) in self.manifest.rules.iter().enumerate() {
            self.places.insert(place(&sources.label(&rule.source, "")), Absence::Rule(at));
            for (position, user) in rule.users.iter().enumerate().filter(|(_, user)| user.is_exact()) {
                let label = sources.label_part(&rule.source, &user.span, "");
                self.places.entry(place(&label)).or_insert(Absence::Name(at, position));
            }
        }
        for (at, exemption) in self.manifest.exemptions.iter().enumerate() {
            self.places.insert(place(&sources.label(&exemption.source, "")), Absence::Exemption(at));
        }
    }

    fn of(&self, (code, file, line, column): &Place) -> Option<Absence> {
        let found = *self.places.get(&(file.clone(), *line, *column))?;
        // That a rule selects nobody is said at the name that may have been meant otherwise.
        Some(if *code == Code::RuleUnmatched { found.whole() } else { found })
    }

    /// What is not there, and in how many accounts, if that is true of each in which it should be.
    fn told(&self, place: &Place) -> Option<(Absence, usize)> {
        let absence = self.of(place)?;
        let holds = (*self.holds.get(&absence.whole())?)?;
        let missing = |absence: &Absence| self.missing.get(absence).copied().unwrap_or_default();
        // Where the rule selects nobody it does not say so of each name.
        let beside = if absence == absence.whole() { 0 } else { missing(&absence.whole()) };
        (missing(&absence) + beside >= holds).then_some((absence, holds))
    }

    /// How it is said of several accounts; `None`: as of the one.
    fn in_all(&self, absence: Absence, count: usize) -> Option<String> {
        if self.is_one || count < 2 {
            return None;
        }
        let which = format!("of the {count} accounts in which it holds");
        Some(match absence {
            Absence::Name(rule, name) => {
                let name = quote(&self.manifest.rules[rule].users[name].text);
                format!("the rule selects no user {name} in any {which}")
            }
            Absence::Exemption(at) => {
                let user = quote(&self.manifest.exemptions[at].user);
                format!("the exemption matches nobody: there is no user {user} in any {which}")
            }
            Absence::Rule(_) => format!("the rule selects no user of any {which}"),
        })
    }
}

/// The same where each account was looked at by a run of its own: of the places at which it was said that somebody is not there, with
/// in how many accounts, those at which that is true of all, each with how it is said of several.
pub(crate) fn absent_everywhere(
    manifest: &Manifest,
    accounts: &[&Account],
    missing: &BTreeMap<Place, usize>,
    unread: &[UnreadAccount],
) -> BTreeMap<Place, Option<String>> {
    let absences =
        Absences::new(manifest, accounts, missing.iter().map(|(place, count)| (place.clone(), *count)), unread);
    let mut told = HashSet::new();
    let one = |place: &Place| {
        let (absence, count) = absences.told(place)?;
        told.insert(absence).then(|| (place.clone(), absences.in_all(absence, count)))
    };
    missing.keys().filter_map(one).collect()
}

impl Absence {
    /// What holds in accounts: the rule of a name.
    fn whole(self) -> Self {
        match self {
            Self::Name(rule, _) => Self::Rule(rule),
            Self::Rule(_) | Self::Exemption(_) => self,
        }
    }
}

/// Whether it says that somebody is not there.
pub(crate) fn is_absence(code: Code) -> bool {
    matches!(code, Code::RuleUnmatched | Code::NameUnmatched | Code::ExemptUnmatched)
}
