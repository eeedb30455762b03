//! Accounts that could not be read, by cause: of a thousand, ten that lack a role are one thing to mend.

use std::{
    collections::{HashMap, hash_map},
    fmt,
};

use super::alike::Alike;
use crate::{
    counted::{counted, first_of},
    inventory::UnreadAccount,
};

/// How many accounts of one cause are named in a line.
const SHOWN: usize = 50;

/// Accounts that could not be read for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause<'a> {
    /// Why, in one line; where there are several, with a word in place of what differs.
    pub error: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
    /// One at least, in their order.
    pub accounts: Vec<&'a UnreadAccount>,
}

/// The causes, those of most accounts first.
pub fn causes(unread: &[UnreadAccount]) -> Vec<Cause<'_>> {
    let mut known: HashMap<(String, Option<String>), usize> = HashMap::new();
    let mut groups: Vec<(Alike, Option<Alike>, Vec<&UnreadAccount>)> = Vec::new();
    for account in unread {
        let alike = |text: &str| Alike::new(text, account.name.as_deref());
        let (error, hint) = (alike(&account.error), account.hint.as_deref().map(alike));
        match known.entry((error.key(), hint.as_ref().map(Alike::key))) {
            hash_map::Entry::Vacant(new) => {
                new.insert(groups.len());
                groups.push((error, hint, vec![account]));
            }
            hash_map::Entry::Occupied(at) => {
                let (common, common_hint, accounts) = &mut groups[*at.get()];
                common.add(&error);
                if let (Some(common), Some(hint)) = (common_hint, &hint) {
                    common.add(hint);
                }
                accounts.push(account);
            }
        }
    }
    let cause = |(error, hint, accounts): (Alike, Option<Alike>, Vec<_>)| Cause {
        error: error.text(),
        hint: hint.map(|hint| hint.text()),
        accounts,
    };
    let mut causes: Vec<Cause<'_>> = groups.into_iter().map(cause).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.accounts.len()));
    causes
}

impl Cause<'_> {
    /// The names of its accounts, with their ids where others have them as well; or their ids where they have none.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.accounts.iter().map(|account| account.short_name())
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, hint: _, accounts } = self;
        if let [only] = accounts[..] {
            return only.fmt(f);
        }
        write!(f, "{}: {error}: {}", counted(accounts.len(), "account"), first_of(self.names(), SHOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(id: &str, name: &str, error: &str) -> UnreadAccount {
        let (id, error) = (Some(id.to_owned()), error.replace("ID", id));
        UnreadAccount { id, name: Some(name.to_owned()), error, ..UnreadAccount::default() }
    }

    #[test]
    fn a_name_that_several_have_stands_with_its_id() {
        let twin = |id: &str| UnreadAccount { shares_name: true, ..unread(id, "shop", "no") };
        let all = [twin("111122220001"), twin("111122220002"), unread("111122220003", "lab", "no")];
        assert_eq!(causes(&all)[0].to_string(), "3 accounts: no: shop (111122220001), shop (111122220002), lab");
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
