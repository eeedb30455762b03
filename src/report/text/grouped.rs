//! Lines about users, made ready for so many accounts as there are: of one none is named, of a few each line names its own, and of
//! many the users that the same happens to are one line.

use std::collections::{BTreeSet, HashMap};

use crate::{
    counted::{counted, first_of},
    inventory::Account,
    report::accounts::FEW,
    untrusted::printable,
};

/// So many users are named in a line that is about many.
const NAMED: usize = 3;

/// So many lines of a section are shown where there are many accounts. Of more, those of the same kind are one line.
const MOST: usize = 20;

/// A line that goes on with what the one before is about is of nobody.
pub struct UserLine<'a> {
    /// Whom it is about.
    of: Option<(&'a Account, &'a str)>,
    /// What happens, without what differs from one user to the other: dates, ages, keys.
    kind: String,
    /// As it is in a plan of one account: a mark, the user, and further columns.
    line: String,
}

impl<'a> UserLine<'a> {
    /// A line about a user, whose name begins it.
    pub fn new(account: &'a Account, user: &'a str, kind: String, line: String) -> Self {
        Self { of: Some((account, user)), kind, line }
    }

    /// A line that goes on with the one before.
    pub fn more(line: String) -> Self {
        Self { of: None, kind: String::new(), line }
    }

    /// What it is of a kind with: a line of nobody, with nothing else.
    fn kind(&self) -> &str {
        if self.of.is_some() { &self.kind } else { &self.line }
    }

    /// The mark at its beginning, whom it is about, and the rest.
    fn parts(&self) -> Option<(&str, &'a Account, &'a str, &str)> {
        let (account, user) = self.of?;
        let (head, rest) = self.line.split_once('\t')?;
        Some((head.strip_suffix(&printable(user))?, account, user, rest))
    }
}

/// How many accounts lines are about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// One, which is not named.
    One,
    /// So few that each line is shown.
    Few,
    /// More.
    Many,
}

impl Accounts {
    /// So many.
    pub fn of(count: usize) -> Self {
        match count {
            0 | 1 => Self::One,
            count if count <= FEW => Self::Few,
            _ => Self::Many,
        }
    }

    /// The lines as they are shown.
    pub fn lines(self, lines: Vec<UserLine<'_>>) -> Vec<String> {
        match self {
            Self::One => lines.into_iter().map(|line| line.line).collect(),
            Self::Few => lines.into_iter().map(located).collect(),
            Self::Many => {
                let same = grouped(&lines, |line| line.parts().map_or(&*line.line, |(.., rest)| rest));
                let groups = if same.len() > MOST { grouped(&lines, UserLine::kind) } else { same };
                few(groups.iter().map(|group| written(group)).collect())
            }
        }
    }
}

/// The first lines, and how many there are more.
pub fn few(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > MOST {
        let more = lines.split_off(MOST).len();
        lines.push(format!("  … {}: `--format json` has them all", counted(more, "more line")));
    }
    lines
}

fn located(line: UserLine<'_>) -> String {
    match line.parts() {
        None => line.line,
        Some((mark, account, user, rest)) => format!("{mark}{}\t{rest}", who(account, user)),
    }
}

fn who(account: &Account, user: &str) -> String {
    printable(&account.user_named(user, true))
}

type Group<'l, 'a> = Vec<&'l UserLine<'a>>;

/// The lines that are alike, in the order of the first ones. Marks tell kinds apart.
fn grouped<'l, 'a>(lines: &'l [UserLine<'a>], by: impl for<'x> Fn(&'x UserLine<'a>) -> &'x str) -> Vec<Group<'l, 'a>> {
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    let mut groups: Vec<Group<'l, 'a>> = Vec::new();
    for line in lines {
        let mark = line.parts().map_or("", |(mark, ..)| mark);
        let place = *places.entry((mark, by(line))).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(line),
            None => groups.push(vec![line]),
        }
    }
    groups
}

/// One line of all: whom it is about by number and by some names, or, where they differ, what happens to one of them.
fn written(group: &Group<'_, '_>) -> String {
    let Some(first) = group.first() else { return String::new() };
    let Some((mark, account, user, rest)) = first.parts() else { return first.line.clone() };
    let users: BTreeSet<(&str, &str)> =
        group.iter().filter_map(|line| line.of).map(|(it, user)| (&*it.id, user)).collect();
    if users.len() < 2 {
        return format!("{mark}{}\t{rest}", who(account, user));
    }
    let accounts: BTreeSet<&str> = users.iter().map(|(id, _)| *id).collect();
    let count = format!("{} of {}", counted(users.len(), "user"), counted(accounts.len(), "account"));
    let are_same = group.iter().all(|line| line.parts().is_some_and(|(.., other)| other == rest));
    let named = match are_same {
        false => format!(", e.g. {}", who(account, user)),
        true => {
            let all = group.iter().filter_map(|line| line.of).map(|(account, user)| who(account, user));
            format!(": {}", first_of(all, NAMED))
        }
    };
    format!("{mark}{count}{named}\t{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: usize) -> Account {
        Account {
            id: format!("1111{number:08}"),
            name: Some(format!("team-{number:02}")),
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
            membership: None,
        }
    }

    #[test]
    fn many_users_are_one_line_and_a_few_each_their_own() {
        let all: Vec<Account> = (0..40).map(account).collect();
        let lines = |rest: &dyn Fn(usize) -> String| -> Vec<UserLine<'_>> {
            let line = |(number, account)| {
                UserLine::new(account, "ci", "create expired".to_owned(), format!("+ ci\tcreate\t{}", rest(number)))
            };
            all.iter().enumerate().map(line).collect()
        };
        let same = |_: usize| "due".to_owned();
        assert_eq!(Accounts::One.lines(lines(&same))[7], "+ ci\tcreate\tdue");
        assert_eq!(Accounts::Few.lines(lines(&same))[7], "+ ci in team-07\tcreate\tdue");
        assert_eq!(
            Accounts::Many.lines(lines(&same)),
            ["+ 40 users of 40 accounts: ci in team-00, ci in team-01, ci in team-02 and 37 more\tcreate\tdue"]
        );
        // So few that they can be read are shown, whatever differs.
        let halves = |number: usize| format!("{}d old", 90 + number / 20);
        assert_eq!(Accounts::Many.lines(lines(&halves)).len(), 2);
        let each = |number: usize| format!("{}d old", 90 + number);
        assert_eq!(
            Accounts::Many.lines(lines(&each)),
            ["+ 40 users of 40 accounts, e.g. ci in team-00\tcreate\t90d old"]
        );
        // What is of no user, and of no kind with others, is cut and counted.
        let others = (0..25).map(|number| UserLine::more(format!("  {number}"))).collect();
        let others = Accounts::Many.lines(others);
        assert_eq!((others.len(), others[20].as_str()), (21, "  … 5 more lines: `--format json` has them all"));
    }
}
