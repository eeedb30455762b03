//! What the objects of a run are called in its bucket. In order of their names, those of a kind are in order of time.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::{run::Mode, untrusted::printable};

/// A run: the name of the execution of the state machine that began it, and what it may do. Of one name, a run that plans has
/// nothing in common with one that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId {
    name: String,
    mode: Mode,
}

/// What can't be the name of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` can't be the name of a run: it has up to 80 letters, digits and `.-_@+=`, and begins with a letter or a digit; start the \
     execution with such a name, or with none"
)]
pub struct BadRunId(String);

impl RunId {
    /// # Errors
    /// It can't be a name.
    pub fn new(name: &str, mode: Mode) -> Result<Self, BadRunId> {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || ".-_@+=".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        match begins && name.len() <= 80 && name.chars().all(is_fine) {
            true => Ok(Self { name: name.to_owned(), mode }),
            false => Err(BadRunId(printable(name).chars().take(100).collect())),
        }
    }

    /// What it may do.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Who wrote an object, and when: an invocation.
#[derive(Clone, Debug)]
pub struct Made {
    /// When the invocation began.
    pub at: DateTime<Utc>,
    /// Its id: two have two.
    pub by: String,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by: String = self.by.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        write!(f, "{}-{by}", self.at.format("%Y%m%dT%H%M%S%3fZ"))
    }
}

/// What all objects of a run begin with.
fn of(run: &RunId) -> String {
    format!("runs/{run}/{}/", run.mode.as_str())
}

/// Which invocations have begun in which accounts.
#[must_use]
pub fn begun(run: &RunId) -> String {
    of(run) + "begun/"
}

/// The account that an object below [`begun`] is of, and the invocation that has begun there.
#[must_use]
pub fn begun_by(name: &str) -> Option<(&str, &str)> {
    let (account, file) = name.split_once('/')?;
    Some((account, file.strip_suffix(".json")?))
}

/// All accounts of a run, as they were listed, and by which manifests.
#[must_use]
pub fn accounts(run: &RunId) -> String {
    of(run) + "accounts/"
}

/// Those that are to be done, for the state machine.
#[must_use]
pub fn list(run: &RunId, made: &Made) -> String {
    format!("{}lists/{made}.json", of(run))
}

/// What became of accounts: below it, a folder an account.
#[must_use]
pub fn results(run: &RunId) -> String {
    of(run) + "results/"
}

/// What one invocation did in an account.
#[must_use]
pub fn result(run: &RunId, account: &str, made: &Made, is_good: bool) -> String {
    let word = if is_good { GOOD } else { BAD };
    format!("{}{account}/{made}.{word}.json", results(run))
}

const GOOD: &str = "done";
const BAD: &str = "failed";

/// The account that an object below [`results`] is of, the invocation that wrote it, and whether it did everything.
#[must_use]
pub fn made_of(name: &str) -> Option<(&str, &str, bool)> {
    let (account, file) = name.split_once('/')?;
    let (made, word) = file.strip_suffix(".json")?.rsplit_once('.')?;
    match word {
        GOOD => Some((account, made, true)),
        BAD => Some((account, made, false)),
        _ => None,
    }
}

/// The report of one account for auditors, by the invocation that made it.
#[must_use]
pub fn evidence(run: &RunId, account: &str, made: &str) -> String {
    format!("{}evidence/{account}/{made}.json", of(run))
}

/// What the state machine writes of the invocations.
#[must_use]
pub fn map(run: &RunId) -> String {
    of(run) + "map/"
}

/// The one report.
#[must_use]
pub fn reports(run: &RunId, made: &Made) -> String {
    format!("{}report/{made}.json", of(run))
}

/// Of what the report of a run has told already, a file each time.
#[must_use]
pub fn merged(run: &RunId) -> String {
    of(run) + "merged/"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_became_of_an_account() {
        let run = RunId::new("run-1", Mode::Enforce).expect("a name");
        let made = Made { at: "2026-11-23T08:00:00.25Z".parse().expect("a time"), by: "8476a536-e9f4".to_owned() };
        for is_good in [true, false] {
            let name = result(&run, "111122223333", &made, is_good);
            let below = name.strip_prefix(&results(&run)).expect("below");
            assert_eq!(made_of(below), Some(("111122223333", "20261123T080000250Z-8476a536e9f4", is_good)));
        }
        for odd in ["", "111122223333", "111122223333/x.json", "111122223333/x.other.json"] {
            assert_eq!(made_of(odd), None, "{odd}");
        }
        // As people name executions.
        assert!(RunId::new("again@2026-11-23+1=x", Mode::Tend).is_ok());
        for bad in ["", "a/b", "..", "-a", "run 1", &"a".repeat(81)] {
            assert!(RunId::new(bad, Mode::Enforce).is_err(), "{bad}");
        }
        // What was planned is not done.
        let planned = RunId::new("run-1", Mode::Plan).expect("a name");
        assert_ne!(results(&run), results(&planned));
    }
}
