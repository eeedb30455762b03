//! The page of a plan, or of a change of the manifests.

use super::{
    page::{MOST_BYTES, Page, Section, masked, unbroken},
    policies::{other_rows, weaker_rows},
    rows::{
        Accounts, CHANGES, MESSAGES, MOST_FOLDED, OUTCOMES, POLICIES, UNMANAGED, WAITING, caused_rows, caused_waits,
        change_row, counts, deletions, folded, gravity, key_words, named, outcome_rows, readable, table, text_section,
        unmanaged_rows, unread, unsent_rows, waiting_row,
    },
};
use crate::{
    diff::{
        Comparison, Field,
        review::{Broken, Compared},
    },
    plan::{Change, Plan, Verb, Waiting, fingerprint},
    report::{
        accounts::{Groups, warnings},
        model::Report,
        model::{Counts, Since},
        roster_diff::{roster_diff, template_diff},
        text::{day, grave, unknown, welcome},
    },
    untrusted::{code, fenced, words},
};

/// Renders a report: below [`MOST_BYTES`], saying what was left out. `mask` hides account ids and addresses.
pub fn render(report: &Report<'_>, mask: bool) -> String {
    let Report { plan, revision, since, applied, stopped } = *report;
    let mut page = Page::default();
    let groups = Groups::of(plan);
    let accounts = Accounts::of(plan, since.and_then(|since| since.comparison.as_ref().ok()));
    match since.map(|since| (since, since.comparison.as_ref())) {
        None => {
            page.push(&format!("### keyrota: {}{}\n\n", accounts_first(&groups), title_of_plan(plan)));
            for exceeded in stopped {
                page.push(&format!("**Nothing was changed:** {}.\n\n", words(&exceeded.to_string().replace('`', ""))));
            }
            page.push(&remarks(plan, &groups));
            page.push(&deletions_of_plan(plan, &accounts));
            whole_plan(&mut page, plan, &accounts);
        }
        Some((since, Err(Broken(errors)))) => {
            page.push(&format!("### keyrota: {}{}\n\n", accounts_first(&groups), title_of_plan(plan)));
            page.push(&remarks(plan, &groups));
            page.push(&deletions_of_plan(plan, &accounts));
            page.push(&format!(
                "The manifests at {} have errors, so that this plan is compared with nothing:\n\n",
                code(&since.to_string())
            ));
            let errors: Vec<String> = errors.iter().map(|error| error.render(false)).collect();
            page.push(&fenced("text", &errors.join("\n\n"), MOST_FOLDED));
            whole_plan(&mut page, plan, &accounts);
        }
        Some((since, Ok(compared))) => comparison(&mut page, &since, compared, plan, &accounts, &groups),
    }
    if let Some(applied) = applied {
        let (undone, done) = outcome_rows(applied, &accounts);
        page.sections(vec![
            table("Failed or not finished", MOST_BYTES, OUTCOMES, undone),
            table("Not sent", MOST_BYTES, MESSAGES, unsent_rows(applied)),
            table("Done", MOST_BYTES, OUTCOMES, done),
        ]);
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

/// What concerns no single change: accounts of which nothing is known, and warnings.
fn remarks(plan: &Plan, groups: &Groups<'_>) -> String {
    let all = groups.sentence().map(|sentence| format!("**Accounts:** {}.\n\n", words(&sentence)));
    let warnings = warnings(plan).into_iter().map(|warning| format!("**Warning:** {}\n\n", code(&warning)));
    all.into_iter().chain(unread(&plan.accounts_unread)).chain(warnings).collect()
}

/// `1000 accounts, 10 of them not read; `: nothing where there is one.
fn accounts_first(groups: &Groups<'_>) -> String {
    match (groups.count(), groups.unread) {
        (0 | 1, _) => String::new(),
        (count, 0) => format!("{count} accounts; "),
        (count, unread) => format!("{count} accounts, {unread} of them not read; "),
    }
}

/// `1 to delete, 2 to create, 1 blocked`, deletions first.
fn title_of_plan(plan: &Plan) -> String {
    let Counts { held, exempt, overdue, blocked, unreadable, .. } = Counts::of(plan);
    let nothing = if unreadable == 0 { "no changes" } else { "nothing is known to be done" };
    let changes = counts(|verb| plan.count(verb), blocked).unwrap_or_else(|| nothing.to_owned());
    let waiting = [(unreadable, "could not be read"), (held, "held"), (exempt, "exempt"), (overdue, "overdue")];
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
        let paced = match comparison.paced() {
            0 => None,
            1 => Some("1 to create when its turn comes".to_owned()),
            many => Some(format!("{many} to create when their turn comes")),
        };
        let all: Vec<String> = counted.into_iter().chain(paced).chain(rescheduled).collect();
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

fn whole_plan(page: &mut Page, plan: &Plan, accounts: &Accounts) {
    page.push(&could_not_be_read(plan, accounts));
    let mut changes: Vec<&Change> = plan.changes.iter().collect();
    changes.sort_by_key(|change| gravity(change));
    let mut waiting: Vec<&Waiting> = readable(&plan.waiting).collect();
    waiting.sort_by_key(|waiting| waiting.overdue.is_none());
    let (blocked, waiting): (Vec<&Waiting>, Vec<&Waiting>) =
        waiting.into_iter().partition(|waiting| waiting.wait.is_blocked());
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
        folded("Unmanaged: no rule selects them", UNMANAGED, unmanaged_rows(plan, accounts)),
    ]);
}

pub fn comparison(
    page: &mut Page,
    since: &Since<'_>,
    compared: &Compared,
    plan: &Plan,
    accounts: &Accounts,
    groups: &Groups<'_>,
) {
    let Compared { now, settings, templates, next_run: _ } = compared;
    page.push(&format!("### keyrota: {}{}\n\n", accounts_first(groups), title_of_change(compared, plan)));
    page.push(&remarks(plan, groups));
    page.push(&compared_with(since, compared));
    for note in since.notes {
        page.push(&format!("> {}\n\n", words(note)));
    }
    let later = compared.later().map(|run| (run.plan.as_of, run.comparison.beyond(now)));
    page.push(&deletions(&compared.deletions(), accounts));
    page.push(&could_not_be_read(plan, accounts));

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
    sections.push(folded("Unmanaged: no rule selects them", UNMANAGED, unmanaged_rows(plan, accounts)));
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

/// How many could not be read, why, and who.
fn could_not_be_read(plan: &Plan, accounts: &Accounts) -> String {
    let Some(sentence) = unknown(plan) else { return String::new() };
    let users: Vec<String> = plan.unreadable().map(|one| accounts.user(&one.account, &one.user)).collect();
    format!("**Not known:** {} {}\n\n", words(&sentence), named(&users))
}

/// Deletions can't be taken back: they are named before anything else.
fn deletions_of_plan(plan: &Plan, accounts: &Accounts) -> String {
    let of = |change: &Change| {
        let deleted = change.in_run().filter(|(verb, _)| *verb == Verb::Delete);
        let user = accounts.user(&change.account, &change.user);
        deleted.map(|(_, key)| format!("{} of {user}", key_words(&key, false))).collect::<Vec<_>>()
    };
    let all: Vec<String> = plan.changes.iter().flat_map(of).collect();
    if all.is_empty() { String::new() } else { format!("**Deletes for good:** {}\n\n", named(&all)) }
}
