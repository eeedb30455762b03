//! Accounts that could not be read, by cause: of a thousand, ten that lack a role are one thing to mend.

use std::fmt;

use crate::{counted::counted, inventory::UnreadAccount};

/// How many accounts of one cause are named in a line.
const SHOWN: usize = 50;

/// What takes the place of an account's own id in the words of a cause.
const ITS_ID: &str = "<account>";

/// Accounts that could not be read for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause<'a> {
    /// Why, in one line; where there are several, without the id of each.
    pub error: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
    /// One at least, in their order.
    pub accounts: Vec<&'a UnreadAccount>,
}

/// The causes, those of most accounts first.
pub fn causes(unread: &[UnreadAccount]) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = Vec::new();
    for account in unread {
        let general = |text: &str| match &account.id {
            Some(id) => text.replace(id, ITS_ID),
            None => text.to_owned(),
        };
        let (error, hint) = (general(&account.error), account.hint.as_deref().map(general));
        match causes.iter_mut().find(|cause| cause.error == error && cause.hint == hint) {
            Some(cause) => cause.accounts.push(account),
            None => causes.push(Cause { error, hint, accounts: vec![account] }),
        }
    }
    for cause in &mut causes {
        if let [only] = cause.accounts[..] {
            (cause.error, cause.hint) = (only.error.clone(), only.hint.clone());
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.accounts.len()));
    causes
}

impl Cause<'_> {
    /// The names of its accounts, or their ids where they have none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(|account| account.name.as_deref().or(account.id.as_deref()).unwrap_or("the caller's"))
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, hint: _, accounts } = self;
        if let [only] = accounts[..] {
            return only.fmt(f);
        }
        let shown: Vec<&str> = self.names().take(SHOWN).collect();
        let more = match accounts.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        write!(f, "{}: {error}: {}{more}", counted(accounts.len(), "account"), shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(id: &str, name: &str, error: &str) -> UnreadAccount {
        let (id, error) = (Some(id.to_owned()), error.replace("ID", id));
        UnreadAccount { id, name: Some(name.to_owned()), error, hint: None }
    }

    #[test]
    fn the_same_cause_is_said_once_with_everybody_it_concerns() {
        let all = [
            unread("111122223333", "a", "no connection"),
            unread("111122224444", "b", "role arn:aws:iam::ID:role/keyrota could not be assumed"),
            unread("111122225555", "c", "role arn:aws:iam::ID:role/keyrota could not be assumed"),
        ];
        let said: Vec<String> = causes(&all).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "2 accounts: role arn:aws:iam::<account>:role/keyrota could not be assumed: b, c",
                "account 111122223333 (a): no connection",
            ]
        );
        let names: Vec<String> = (0..60).map(|number| format!("account-{number}")).collect();
        let many: Vec<_> = names.iter().map(|name| unread("111122223333", name, "no")).collect();
        assert!(causes(&many)[0].to_string().ends_with("account-49 and 10 more"));
    }
}
