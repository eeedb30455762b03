//! For a pull request's page. What comes from manifests, tags and AWS is untrusted: it stands in code spans and fenced
//! blocks only, so that it can't mention people, close a fence or smuggle HTML. Keys go by their last four characters.
//!
//! A tired person reads it from the top: what is deleted or gets weaker, what is caused, and, folded, the rest.

use std::collections::BTreeSet;

pub use super::page::MOST_BYTES;
use super::{
    Counts, Since,
    change_text::{before_text, grave, welcome},
    page::{Content, Page, Section, masked, unbroken},
    roster_diff, template_diff,
    text::{self, Steps, assumption, day, moves, unknown},
};
use crate::{
    diff::{
        Before, CausedWait, Comparison, Deletion, Field,
        review::{Broken, Compared},
    },
    explain::Line,
    inventory::Account,
    manifest::{Diagnostic, Severity, shown},
    plan::{Change, KeyRef, Plan, Step, Verb, Wait, Waiting, fingerprint},
    report::Report,
    untrusted::{cell, cell_words, fenced, words},
};

pub use crate::untrusted::code;

/// So many are named in one line.
const MOST_NAMED: usize = 50;
/// So many users that the same happens to are named in a row.
const MOST_IN_ROW: usize = 8;
/// The part of the room that a folded section may take.
const MOST_FOLDED: usize = 12_000;

/// Renders a report: below [`MOST_BYTES`], saying what was left out. `mask` hides account ids and addresses.
pub fn render(report: &Report<'_>, mask: bool) -> String {
    let Report { plan, revision, since, applied: _ } = *report;
    let mut page = Page::default();
    let accounts = Accounts::of(plan, since.and_then(|since| since.comparison.as_ref().ok()));
    match since.map(|since| (since, since.comparison.as_ref())) {
        None => {
            page.push(&format!("### keyrota: {}\n\n", title_of_plan(plan)));
            page.push(&remarks(plan));
            page.push(&deletions_of_plan(plan));
            whole_plan(&mut page, plan, &accounts);
        }
        Some((since, Err(Broken(errors)))) => {
            page.push(&format!("### keyrota: {}\n\n", title_of_plan(plan)));
            page.push(&remarks(plan));
            page.push(&deletions_of_plan(plan));
            page.push(&format!(
                "The manifests at {} have errors, so that this plan is compared with nothing:\n\n",
                code(&since.to_string())
            ));
            let errors: Vec<String> = errors.iter().map(|error| error.render(false)).collect();
            page.push(&fenced("text", &errors.join("\n\n"), MOST_FOLDED));
            whole_plan(&mut page, plan, &accounts);
        }
        Some((since, Ok(compared))) => comparison(&mut page, &since, compared, plan, &accounts),
    }
    let text = page.end(&footer(plan, revision, &accounts));
    if mask { masked(&text) } else { text }
}

/// The totals, which no cut takes away.
fn footer(plan: &Plan, revision: Option<&str>, accounts: &Accounts) -> String {
    let revision = revision.map_or_else(String::new, |revision| format!(", manifests at {}", code(revision)));
    let as_of = unbroken(plan.as_of.format("%Y-%m-%d %H:%M"));
    let digest = fingerprint(plan).map_or_else(|| "none, something could not be read".to_owned(), |it| code(&it));
    let total = title_of_plan(plan);
    let (account, users) = (accounts.only(), plan.users());
    format!(
        "\n<sub>In all, with what is pending anyway: {total}; {users} in scope{account}. As of {as_of} UTC{revision}. Digest of all \
         pending changes: {digest}.</sub>\n",
    )
}

/// The mistakes of manifests, as `check` shows them.
pub fn diagnostics(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let title = match errors {
        0 => "the manifests are valid".to_owned(),
        1 => "the manifests have 1 error".to_owned(),
        errors => format!("the manifests have {errors} errors"),
    };
    let mut page = Page::default();
    page.push(&format!("### keyrota: {title}\n"));
    if !diagnostics.is_empty() {
        let (mut shown, more) = shown(diagnostics);
        // What stops keyrota comes first.
        shown.sort_by_key(|diagnostic| diagnostic.severity);
        let mut rendered: Vec<String> = shown.into_iter().map(|diagnostic| diagnostic.render(false)).collect();
        if more > 0 {
            rendered.push(format!("{more} more mistakes are not shown"));
        }
        let room = page.room();
        page.push(&format!("\n{}", fenced("text", &rendered.join("\n\n"), room)));
    }
    page.end("")
}

/// What concerns no single change: accounts of which nothing is known, and warnings.
fn remarks(plan: &Plan) -> String {
    let unread = plan.accounts_unread.iter().map(|account| format!("**Not read:** {}\n\n", code(&account.to_string())));
    let warnings = plan.warnings.iter().map(|warning| format!("**Warning:** {}\n\n", code(&warning.to_string())));
    unread.chain(warnings).collect()
}

/// The accounts that the page is about: one is named once, several are named in each row.
struct Accounts(BTreeSet<Account>);

impl Accounts {
    fn of(plan: &Plan, compared: Option<&Compared>) -> Self {
        let planned = plan.changes.iter().map(|change| (*change.account).clone());
        let waiting = plan.waiting.iter().map(|waiting| (*waiting.account).clone());
        let settled = plan.settled.iter().map(|settled| (*settled.account).clone());
        let left = compared.into_iter().flat_map(|compared| &compared.now.left).map(|member| member.account.clone());
        Self(planned.chain(waiting).chain(settled).chain(left).collect())
    }

    fn only(&self) -> String {
        match self.0.first() {
            Some(only) if self.0.len() == 1 => format!(" of account {}", code(&only.to_string())),
            _ => format!(" of {} accounts", self.0.len()),
        }
    }

    /// A cell that names a user.
    fn user(&self, account: &Account, user: &str) -> String {
        match self.0.len() {
            0 | 1 => cell(user),
            _ => format!("{} in {}", cell(user), cell(account.name.as_ref().unwrap_or(&account.id))),
        }
    }
}

/// `1 to delete, 2 to create, 1 blocked`, deletions first.
fn title_of_plan(plan: &Plan) -> String {
    let Counts { held, exempt, blocked, unreadable, .. } = Counts::of(plan);
    let nothing = if unreadable == 0 { "no changes" } else { "nothing is known to be done" };
    let changes = counts(|verb| plan.count(verb), blocked).unwrap_or_else(|| nothing.to_owned());
    let waiting = [(unreadable, "could not be read"), (held, "held"), (exempt, "exempt")];
    let waiting = waiting.into_iter().filter(|(count, _)| *count > 0);
    waiting.fold(changes, |title, (count, word)| title + &format!(", {count} {word}"))
}

fn title_of_change(compared: &Compared, plan: &Plan) -> String {
    let now = &compared.now;
    let effects = |comparison: &Comparison| {
        let counted = counts(|verb| comparison.count(verb), comparison.blocked());
        let rescheduled = match comparison.rescheduled() {
            0 => None,
            1 => Some("1 rotation goes on differently".to_owned()),
            many => Some(format!("{many} rotations go on differently")),
        };
        let all: Vec<String> = counted.into_iter().chain(rescheduled).collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    let later = compared.later().and_then(|run| {
        let counts = effects(&run.comparison.beyond(now))?;
        Some(format!("{counts} by the run of {}", unbroken(day(run.plan.as_of))))
    });
    let effects: Vec<String> = effects(now).into_iter().chain(later).collect();
    let unreadable = match plan.unreadable().count() {
        0 => None,
        1 => Some("1 user could not be read".to_owned()),
        users => Some(format!("{users} users could not be read")),
    };
    let caused = (!effects.is_empty()).then(|| format!("this change causes {}", effects.join("; ")));
    // Who enters stands in the next line; here it would only make a long title longer.
    let mut consequences = grave(compared);
    if caused.is_none() && consequences.is_empty() {
        consequences = welcome(compared);
    }
    let consequences = (!consequences.is_empty()).then(|| consequences.join(", "));
    let parts: Vec<String> = unreadable.into_iter().chain(caused).chain(consequences).collect();
    match parts.is_empty() {
        true => "this change causes nothing to be done".to_owned(),
        false => parts.join("; "),
    }
}

fn counts(count: impl Fn(Verb) -> usize, blocked: usize) -> Option<String> {
    // A key that is created is handed out and announced: that goes without saying.
    let beyond = |verb| count(verb).saturating_sub(count(Verb::Create));
    let all = [
        (count(Verb::Delete), "to delete"),
        (count(Verb::Deactivate), "to deactivate"),
        (count(Verb::Create), "to create"),
        (beyond(Verb::Promote), "to promote"),
        (beyond(Verb::Notify), "to notify"),
        (count(Verb::Update), "to update"),
        (blocked, "blocked"),
    ];
    let counts: Vec<String> =
        all.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

fn whole_plan(page: &mut Page, plan: &Plan, accounts: &Accounts) {
    page.push(&could_not_be_read(plan));
    let mut changes: Vec<&Change> = plan.changes.iter().collect();
    changes.sort_by_key(|change| gravity(change));
    let (blocked, waiting): (Vec<&Waiting>, Vec<&Waiting>) =
        readable(&plan.waiting).partition(|waiting| waiting.wait.is_blocked());
    let waits =
        |waiting: Vec<&Waiting>| waiting.into_iter().map(|waiting| waiting_row(waiting, None, accounts)).collect();
    page.sections(vec![
        table("Blocked until a person acts", 12_000, WAITING, waits(blocked)),
        table(
            "To be done",
            MOST_BYTES,
            CHANGES,
            changes.into_iter().map(|one| change_row(one, None, accounts)).collect(),
        ),
        folded("Waiting", WAITING, waits(waiting)),
    ]);
}

fn comparison(page: &mut Page, since: &Since<'_>, compared: &Compared, plan: &Plan, accounts: &Accounts) {
    let Compared { now, settings, templates, next_run: _ } = compared;
    page.push(&format!("### keyrota: {}\n\n", title_of_change(compared, plan)));
    page.push(&remarks(plan));
    page.push(&compared_with(since, compared));
    for note in since.notes {
        page.push(&format!("> {}\n\n", words(note)));
    }
    let later = compared.later().map(|run| (run.plan.as_of, run.comparison.beyond(now)));
    let mut deleted = now.deletions();
    deleted.extend(later.iter().flat_map(|(_, beyond)| beyond.deletions()));
    page.push(&deletions(&deleted, accounts));
    page.push(&could_not_be_read(plan));

    let weaker: Vec<&Field> = settings.iter().filter(|field| field.weaker).collect();
    let mut sections = vec![
        // A row may stand for many users: the headline counts them.
        Section {
            title: "Leaves the scope, or gets weaker".to_owned(),
            ..table("", 14_000, POLICIES, weaker_rows(now, &weaker, accounts))
        },
        table("Waits because of this change", 10_000, WAITING, caused_waits(now, accounts)),
        table("Caused by this change", 38_000, CHANGES, caused_rows(now, accounts)),
    ];
    if let Some((at, beyond)) = &later {
        let run = format!("by the run of {} UTC", unbroken(at.format("%Y-%m-%d %H:%M")));
        sections.push(table(&format!("Caused {run}"), 20_000, CHANGES, caused_rows(beyond, accounts)));
        sections.push(table(&format!("Waits {run}"), 10_000, WAITING, caused_waits(beyond, accounts)));
    }
    let mut averted: Vec<&Change> = now.averted.iter().collect();
    averted.extend(later.iter().flat_map(|(_, beyond)| &beyond.averted));
    let averted = averted.into_iter().map(|change| change_row(change, None, accounts)).collect();
    sections.push(folded("No longer planned", CHANGES, averted));
    let other: Vec<&Field> = settings.iter().filter(|field| !field.weaker).collect();
    sections.push(folded("Other changes of scope, policies and settings", POLICIES, other_rows(now, &other, accounts)));
    let texts = template_diff(templates);
    if !texts.is_empty() {
        sections.push(text_section(&format!("Templates of mails: {}", templates.len()), "diff", texts));
    }
    let roster = roster_diff(now);
    if !roster.is_empty() {
        sections.push(text_section("The effective roster before and after", "diff", roster));
    }
    let pending = now.pending.iter().map(|change| change_row(change, None, accounts)).collect();
    sections.push(folded("Pending anyway", CHANGES, pending));
    let waiting = now.waiting.iter().map(|waiting| waiting_row(waiting, None, accounts)).collect();
    sections.push(folded("Waiting anyway", WAITING, waiting));
    page.sections(sections);
}

/// What weakens nothing: the rest stands in the title.
fn compared_with(since: &Since<'_>, compared: &Compared) -> String {
    let rest = match welcome(compared) {
        parts if !parts.is_empty() => format!(": {}", parts.join(", ")),
        _ if grave(compared).is_empty() => ": no one's policy changes".to_owned(),
        _ => String::new(),
    };
    format!("Compared with {}{rest}.\n\n", code(&since.to_string()))
}

fn text_section(title: &str, language: &'static str, text: String) -> Section<'static> {
    let content = Content::Text(Box::new(move |room| fenced(language, &text, room)));
    Section { title: title.to_owned(), folded: true, most: MOST_FOLDED, content }
}

fn table(title: &str, most: usize, header: &'static str, rows: Vec<String>) -> Section<'static> {
    Section { title: format!("{title}: {}", rows.len()), folded: false, most, content: Content::Table { header, rows } }
}

fn folded(title: &str, header: &'static str, rows: Vec<String>) -> Section<'static> {
    Section { folded: true, ..table(title, MOST_FOLDED, header, rows) }
}

fn readable(waiting: &[Waiting]) -> impl Iterator<Item = &Waiting> {
    waiting.iter().filter(|waiting| !matches!(waiting.wait, Wait::Unreadable { .. }))
}

/// How many could not be read, why, and who.
fn could_not_be_read(plan: &Plan) -> String {
    let Some(sentence) = unknown(plan) else { return String::new() };
    let users: Vec<String> = plan.unreadable().map(|waiting| code(&waiting.user)).collect();
    format!("**Not known:** {} {}\n\n", words(&sentence), named(&users))
}

/// Deletions can't be taken back: they are named before anything else.
fn deletions_of_plan(plan: &Plan) -> String {
    let of = |change: &Change| {
        let deleted = change.in_run().filter(|(verb, _)| *verb == Verb::Delete);
        let user = code(&change.user);
        deleted.map(|(_, key)| format!("{} of {user}", key_words(&key, false))).collect::<Vec<_>>()
    };
    let all: Vec<String> = plan.changes.iter().flat_map(of).collect();
    if all.is_empty() { String::new() } else { format!("**Deletes for good:** {}\n\n", named(&all)) }
}

fn deletions(deletions: &[Deletion], accounts: &Accounts) -> String {
    let line = |title: &str, deletions: Vec<&Deletion>| {
        let all: Vec<String> = deletions
            .into_iter()
            .map(|Deletion { account, user, key, at, at_once, was }| {
                let of = format!("{} of {}", key_words(key, false), accounts.user(account, user));
                let from = if *at_once { String::new() } else { format!(" from {}", unbroken(day(*at))) };
                let was = was.map_or_else(String::new, |was| format!(" (before: {})", unbroken(day(was))));
                of + &from + &was
            })
            .collect();
        if all.is_empty() { String::new() } else { format!("**{title}:** {}\n\n", named(&all)) }
    };
    let (at_once, later) = deletions.iter().partition(|deletion| deletion.at_once);
    line("Deletes for good", at_once) + &line("Deletes for good later", later)
}

fn named(all: &[String]) -> String {
    let more = all.len().saturating_sub(MOST_NAMED);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    all[..all.len().min(MOST_NAMED)].join(", ") + &more
}

const CHANGES: &str = "| | user | is done | why | then |\n|---|---|---|---|---|\n";
const WAITING: &str = "| | user | waits | why | until, then |\n|---|---|---|---|---|\n";
const POLICIES: &str = "| who | what | change | written in |\n|---|---|---|---|\n";

/// What can't be taken back comes first.
fn gravity(change: &Change) -> usize {
    let verbs: Vec<Verb> = change.in_run().map(|(verb, _)| verb).collect();
    match () {
        () if verbs.contains(&Verb::Delete) => 0,
        () if verbs.contains(&Verb::Deactivate) => 1,
        () => 2,
    }
}

fn caused_rows(comparison: &Comparison, accounts: &Accounts) -> Vec<String> {
    let mut caused: Vec<_> = comparison.caused.iter().collect();
    caused.sort_by_key(|caused| gravity(&caused.change));
    let before = |before: &Before| before_text(&before.steps(comparison.at));
    caused.into_iter().map(|one| change_row(&one.change, before(&one.before), accounts)).collect()
}

fn caused_waits(comparison: &Comparison, accounts: &Accounts) -> Vec<String> {
    let mut waits: Vec<&CausedWait> = comparison.waits.iter().collect();
    waits.sort_by_key(|wait| !wait.waiting.wait.is_blocked());
    let before = |before: &Before| before_text(&before.steps(comparison.at));
    waits.into_iter().map(|wait| waiting_row(&wait.waiting, before(&wait.before), accounts)).collect()
}

fn change_row(change: &Change, before: Option<String>, accounts: &Accounts) -> String {
    let Change { account, user, action, reason, destination: _, moves_to, source: _, then: _, is_assumed } = change;
    let verb = action.verb();
    let steps = Steps::after(change);
    let first = format!(
        "**{verb}** {}",
        if verb == Verb::Create { "a new key".to_owned() } else { key_words(&change.key(), true) }
    );
    let at_once = steps.at_once.iter().map(|(step, key)| format!("**{}**", step_words(step, key.as_ref())));
    let done: Vec<String> = std::iter::once(first).chain(at_once).collect();
    let later: Vec<String> = steps
        .later
        .iter()
        .map(|(step, key)| format!("{} {}", step_words(step, key.as_ref()), unbroken(day(step.not_before))))
        .collect();
    let mut then = later.join(", ") + &unbroken_dates(&steps.condition());
    if let Some(before) = before {
        then += &format!("; {}", unbroken_dates(&before));
    }
    let (user, why) = (
        accounts.user(account, user),
        cell_words(&format!("{reason}{}{}", moves(moves_to.as_deref()), assumption(*is_assumed))),
    );
    format!(
        "| `{}` | {user} | {} | {} | {} |\n",
        verb.glyph(),
        done.join(", "),
        unbroken_dates(&why),
        then.trim_start_matches("; ")
    )
}

fn step_words(step: &Step, key: Option<&KeyRef>) -> String {
    match (step.verb, key) {
        (Verb::Create, _) => "create a new key".to_owned(),
        (Verb::Update, _) => "update its secret".to_owned(),
        (verb, Some(key)) => format!("{verb} {}", key_words(key, true)),
        (verb, None) => verb.to_string(),
    }
}

fn key_words(key: &KeyRef, in_table: bool) -> String {
    match key {
        KeyRef::Existing(key) if in_table => cell(key.as_str()),
        KeyRef::Existing(key) => code(key.as_str()),
        unborn => unborn.to_string(),
    }
}

fn waiting_row(waiting: &Waiting, before: Option<String>, accounts: &Accounts) -> String {
    let Waiting { account, user, key, wait, moves_to, source: _, until, then, is_assumed } = waiting;
    let (glyph, word) = match wait {
        wait if wait.is_blocked() => ("`!`", "**blocked**"),
        wait if wait.is_exempt() => ("", "exempt"),
        _ => ("", "held"),
    };
    let key = key.as_ref().map_or_else(String::new, |key| format!(" {}", cell(key.as_str())));
    let until = until.map(|until| format!("until {}", unbroken(text::last_day(wait, until))));
    let then = then.iter().map(|step| format!("{} {}", step.verb, unbroken(day(step.not_before))));
    let before = before.map(|before| unbroken_dates(&before));
    let when: Vec<String> = until.into_iter().chain(then).chain(before).collect();
    let why = text::message(wait) + &moves(moves_to.as_deref()) + assumption(*is_assumed);
    let why = cell_words(&why);
    let (user, why) = (accounts.user(account, user), unbroken_dates(&why));
    format!("| {glyph} | {user} | {word}{key} | {why} | {} |\n", when.join(", "))
}

/// Who leaves, and which fields and settings get weaker: one row for all users that the same happens to.
fn weaker_rows(comparison: &Comparison, settings: &[&Field], accounts: &Accounts) -> Vec<String> {
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

fn other_rows(comparison: &Comparison, settings: &[&Field], accounts: &Accounts) -> Vec<String> {
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
            let more = who.len().saturating_sub(MOST_IN_ROW);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let who = who[..who.len().min(MOST_IN_ROW)].join(", ");
            format!("| {who}{more} | {what} | {change} | {place} |\n")
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

/// Dates within a sentence: see [`unbroken`].
fn unbroken_dates(text: &str) -> String {
    let is_date = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        matches!(parts[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let length = rest[start..].find(|c: char| !is_part(c)).unwrap_or(rest.len() - start);
        let word = &rest[start..start + length];
        out += &rest[..start];
        out += &if is_date(word) { unbroken(word) } else { word.to_owned() };
        rest = &rest[start + length..];
    }
    out + rest
}
