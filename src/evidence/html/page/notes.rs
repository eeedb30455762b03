//! What must not be overlooked: what was not read or is left out, and what git does not tell.

use serde::Serialize;

use super::names::{MOST_NAMED, account};
use crate::{
    counted::counted,
    evidence::{
        model::{Completeness, Evidence, Unread},
        shown::unread_accounts,
    },
    inventory::UnreadAccount,
    report::unread::{Cause, causes},
};

/// Something that must not be overlooked, with what it is about.
#[derive(Serialize)]
pub struct Note {
    title: String,
    items: Vec<String>,
}

fn some(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn unread(unread: &Unread) -> String {
    let Unread { account: id, account_name, user, error, hint } = unread;
    let error = hint.as_ref().map_or_else(|| error.clone(), |hint| format!("{error}; {hint}"));
    let account = match (id, account_name) {
        (Some(id), name) => account(id, name.as_deref()),
        (None, Some(name)) => name.clone(),
        (None, None) => String::new(),
    };
    let place = [user.as_deref(), Some(account.as_str())].into_iter().flatten().filter(|it| !it.is_empty());
    let place = place.collect::<Vec<_>>().join(", ");
    if place.is_empty() { error } else { format!("{place}: {error}") }
}

pub fn notes(evidence: &Evidence) -> Vec<Note> {
    let Completeness { accounts_unread, accounts_left_out, unreadable, unmanaged_unread, complete: _ } =
        &evidence.completeness;
    let mut notes = Vec::new();
    if !accounts_left_out.is_empty() {
        let count = accounts_left_out.len();
        let items = accounts_left_out.iter().map(|it| format!("{} ({})", it.account, it.account_name)).collect();
        let title =
            format!("{} left out: nothing here tells of the keys there", some(count, "account was", "accounts were"));
        notes.push(Note { title, items });
    }
    if !accounts_unread.is_empty() {
        let count = accounts_unread.len();
        let title =
            format!("{} not read: nothing here tells of the keys there", some(count, "account was", "accounts were"));
        let items = causes(&unread_accounts(accounts_unread)).iter().map(unread_cause).collect();
        notes.push(Note { title, items });
    }
    let mut note = |all: &[Unread], title: String| {
        if !all.is_empty() {
            let more = all.len().saturating_sub(MOST_NAMED);
            let mut items: Vec<String> = all.iter().take(MOST_NAMED).map(unread).collect();
            items.extend((more > 0).then(|| format!("and {more} more, which the JSON names")));
            notes.push(Note { title, items });
        }
    };
    let count = unreadable.len();
    note(
        unreadable,
        format!("{} not read: whether their keys meet the controls is unknown", some(count, "user was", "users were")),
    );
    let count = unmanaged_unread.len();
    let what = "whose keys are not known";
    note(unmanaged_unread, format!("{} that no rule selects, {what}", counted(count, "user")));
    let manifests = &evidence.manifests;
    if manifests.dirty {
        let commit = manifests.commit.as_deref().unwrap_or_default();
        notes.push(Note {
            title: "The manifests are not those of the commit".to_owned(),
            items: vec![format!(
                "They differ from {commit}, which is checked out: what was used is known by its fingerprint alone."
            )],
        });
    }
    if let Some(why) = &manifests.note {
        notes.push(Note { title: "What git does not tell".to_owned(), items: vec![why.clone()] });
    }
    notes
}

/// As one account is told, or all of one cause.
fn unread_cause(cause: &Cause<'_>) -> String {
    let hint = cause.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    match cause.accounts[..] {
        [UnreadAccount { id: Some(id), name, error, .. }] => format!("{}: {error}{hint}", account(id, name.as_deref())),
        _ => format!("{cause}{hint}"),
    }
}
