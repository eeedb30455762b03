//! The rows of the tables: policies and settings that change.

use super::{
    page::unbroken_dates,
    rows::{Accounts, MOST_IN_ROW},
};
use crate::{
    counted::first_of,
    diff::{Comparison, Field},
    explain::Line,
    untrusted::cell,
};

/// Who leaves, and which fields and settings get weaker: one row for all users that the same happens to.
pub fn weaker_rows(comparison: &Comparison, settings: &[&Field], accounts: &Accounts) -> Vec<String> {
    let mut rows = Rows::default();
    for member in &comparison.left {
        let was = format!("was: {}", unbroken_dates(&member.outlook.to_string()));
        let cells = ["**leaves the scope**".to_owned(), was, format!("before: {}", cell(&member.rule.to_string()))];
        rows.add(accounts.user(&member.account, &member.user), cells);
    }
    let weaker = |field: &Field| field.weaker;
    rows.add_fields(comparison, weaker, accounts);
    rows.add_settings(settings);
    rows.render()
}

pub fn other_rows(comparison: &Comparison, settings: &[&Field], accounts: &Accounts) -> Vec<String> {
    let mut rows = Rows::default();
    for member in &comparison.entered {
        let next = unbroken_dates(&member.outlook.to_string());
        rows.add(
            accounts.user(&member.account, &member.user),
            ["enters the scope".to_owned(), next, cell(&member.rule.to_string())],
        );
    }
    rows.add_fields(comparison, |field| !field.weaker, accounts);
    for changed in comparison.changed.iter().filter(|changed| changed.outlook_before != changed.outlook_after) {
        let [before, after] =
            [changed.outlook_before, changed.outlook_after].map(|outlook| unbroken_dates(&outlook.to_string()));
        let user = accounts.user(&changed.account, &changed.user);
        rows.add(user, ["what comes next".to_owned(), format!("{before} → {after}"), String::new()]);
    }
    rows.add_settings(settings);
    rows.render()
}

/// Rows in the order in which they came, those that say the same in one.
#[derive(Default)]
struct Rows(Vec<([String; 3], Vec<String>)>);

impl Rows {
    fn add(&mut self, who: String, cells: [String; 3]) {
        match self.0.iter_mut().find(|(known, _)| *known == cells) {
            Some((_, all)) => all.push(who),
            None => self.0.push((cells, vec![who])),
        }
    }

    fn add_fields(&mut self, comparison: &Comparison, is_meant: impl Fn(&Field) -> bool, accounts: &Accounts) {
        for changed in &comparison.changed {
            let user = accounts.user(&changed.account, &changed.user);
            for field in changed.fields().iter().filter(|field| is_meant(field)) {
                self.add(user.clone(), field_cells(field));
            }
        }
    }

    fn add_settings(&mut self, settings: &[&Field]) {
        for field in settings {
            self.add("all".to_owned(), field_cells(field));
        }
    }

    fn render(self) -> Vec<String> {
        let row = |([what, change, place], who): ([String; 3], Vec<String>)| {
            let who = first_of(who, MOST_IN_ROW);
            format!("| {who} | {what} | {change} | {place} |\n")
        };
        self.0.into_iter().map(row).collect()
    }
}

fn field_cells(field: &Field) -> [String; 3] {
    let Field { name, before, after, weaker } = field;
    let what = if *weaker { format!("{} **weaker**", cell(name)) } else { cell(name) };
    let value = |line: &Option<Line>| {
        line.as_ref().map_or_else(|| "none".to_owned(), |line| unbroken_dates(&cell(&line.value)))
    };
    let place = |line: &Option<Line>| {
        let source = line.as_ref()?.source.as_ref();
        Some(source.map_or_else(|| "built-in".to_owned(), |source| cell(&source.to_string())))
    };
    // In spans of their own, so that a line can break between them.
    let places = match (place(before), place(after)) {
        (Some(before), Some(after)) if before == after => after,
        (Some(before), Some(after)) => format!("{after}, before: {before}"),
        (Some(before), None) => format!("before: {before}"),
        (None, after) => after.unwrap_or_default(),
    };
    [what, format!("{} → {}", value(before), value(after)), places]
}
