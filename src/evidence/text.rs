//! The report in short, for a terminal: what fails, and where the rest is.

use std::fmt::Write as _;

use super::{
    model::{ControlVerdict, Evidence, Exception, Unread, Verdict},
    shown::{AccountNames, day, minute, place, visible, worst_by_account},
};
use crate::{
    counted::counted,
    inventory::UnreadAccount,
    report::{
        accounts::FEW,
        text::{BOLD, RED, YELLOW, aligned},
        unread::causes,
    },
};

/// So many rows are named of each kind.
const MOST_NAMED: usize = 10;

/// So many exemptions are: each is somebody's decision.
const MOST_EXEMPTIONS: usize = 50;

/// Renders the report.
pub fn render(evidence: &Evidence) -> String {
    let Evidence { accounts, summary, manifests, controls, completeness, exceptions, .. } = evidence;
    let names_of = AccountNames::of(evidence);
    let names = accounts.iter().map(|it| match &it.account_name {
        Some(name) => format!("{} ({})", it.account, visible(name)),
        None => it.account.clone(),
    });
    let names: Vec<String> = names.collect();
    let which = match names.len() {
        0 | 1 => format!("Account {}", names.concat()),
        many if many > FEW => format!("{many} accounts"),
        _ => format!("Accounts {}", names.join(", ")),
    };
    let not_read = match completeness.accounts_unread.len() {
        0 => String::new(),
        count => format!(" ({count} more not read)"),
    };
    let mut text = format!("{BOLD}{which}{not_read}, as of {}{BOLD:#}\n", minute(&evidence.as_of));
    if let Some(sentence) = accounts_by_verdict(evidence) {
        let _ = writeln!(text, "{sentence}.");
    }
    if evidence.as_of != evidence.observed {
        let _ = writeln!(
            text,
            "{YELLOW}A forecast, and no evidence:{YELLOW:#} read {}, and told as it will be then, if nothing is done until then and who uses \
             a key now goes on using it",
            minute(&evidence.observed)
        );
    }
    if !completeness.accounts_left_out.is_empty() {
        let left_out =
            completeness.accounts_left_out.iter().map(|it| format!("{} ({})", it.account, visible(&it.account_name)));
        let mut left_out: Vec<String> = left_out.collect();
        if left_out.len() > FEW {
            let more = left_out.split_off(FEW).len();
            left_out.push(format!("{more} more"));
        }
        let left_out = left_out.join(", ");
        let _ = writeln!(text, "{YELLOW}Left out:{YELLOW:#} {left_out}; nothing here tells of the keys there");
    }
    let commit = match (&manifests.commit, manifests.dirty) {
        (Some(commit), false) => format!("commit {commit}"),
        (Some(commit), true) => format!("not committed: they differ from {commit}"),
        (None, _) => manifests.note.as_deref().map_or_else(|| "commit not known".to_owned(), visible),
    };
    let _ =
        writeln!(text, "Manifests {}: {commit}, fingerprint {}\n", visible(&manifests.folder), manifests.fingerprint);

    let title = ["control", "", "keys that pass", "what it asks"].join("\t");
    let lines = controls.iter().map(|control| {
        let ControlVerdict { framework, framework_version, number, title, decision, .. } = control;
        let verdict = decision.verdict.as_str();
        let verdict = match decision.verdict {
            Verdict::Fail => format!("{RED}{verdict}{RED:#}"),
            Verdict::Unknown | Verdict::Excepted => format!("{YELLOW}{verdict}{YELLOW:#}"),
            Verdict::Pass => verdict.to_owned(),
        };
        format!("  {framework} {framework_version} {number}\t{verdict}\t{} of {}\t{title}", decision.pass, decision.of)
    });
    text += &aligned(std::iter::once(format!("  {BOLD}{title}{BOLD:#}")).chain(lines));

    for criterion in evidence.criteria.iter().filter(|it| !it.decision.fail.is_empty()) {
        let _ = writeln!(text, "\nNot met: {}", criterion.title);
        let rows = criterion.decision.fail.iter().filter_map(|row| evidence.keys.get(row - 1));
        let lines = rows.take(MOST_NAMED).map(|row| {
            let key = row.key.as_deref().unwrap_or("id not known");
            let age = row.age_days.map_or_else(String::new, |age| format!("{age}d"));
            // Of several accounts, whose user it is says the account alone.
            let user = names_of.user(&row.user, &row.account, row.account_name.as_deref());
            format!("  {}\t{key}\t{age}\t{}", visible(&user), row.state)
        });
        text += &aligned(lines);
        let more = criterion.decision.fail.len().saturating_sub(MOST_NAMED);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more");
        }
    }
    if !exceptions.is_empty() {
        text += "\nExemptions\n";
        text += &aligned(exceptions.iter().take(MOST_EXEMPTIONS).map(|it| exception(it, &names_of)));
        if exceptions.len() > MOST_EXEMPTIONS {
            let _ =
                writeln!(text, "  and {} more, which the JSON and the HTML name", exceptions.len() - MOST_EXEMPTIONS);
        }
    }
    let unread = [&completeness.unreadable, &completeness.unmanaged_unread];
    let unread: Vec<&Unread> = unread.into_iter().flatten().collect();
    if !unread.is_empty() || !completeness.accounts_unread.is_empty() {
        text += "\nNot read, so that nobody knows what is there\n";
        for cause in causes(&names_of.unread()) {
            let _ = match cause.accounts[..] {
                [UnreadAccount { id, name, error, .. }] => {
                    let of = id.as_deref().or(name.as_deref()).unwrap_or_default();
                    writeln!(text, "  {}: {}", visible(of), visible(error))
                }
                _ => writeln!(text, "  {}", visible(&cause.to_string())),
            };
        }
        for one in unread.iter().take(MOST_NAMED) {
            let account = one.account.as_deref().map(|id| names_of.short(id, one.account_name.as_deref()));
            let account = account.or_else(|| one.account_name.clone());
            let of = [one.user.clone(), account].into_iter().flatten().map(|it| visible(&it));
            let of = of.collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "  {of}: {}", visible(&one.error));
        }
        if unread.len() > MOST_NAMED {
            let _ = writeln!(text, "  and {} more", unread.len() - MOST_NAMED);
        }
    }
    let oldest = summary.oldest_age_days.map_or_else(String::new, |age| format!(", the oldest {age}d"));
    let _ = writeln!(
        text,
        "\n{}{oldest}; {} over their own limit, {} of exempt users, {} of users that no rule selects.",
        counted(summary.active_keys, "active key"),
        summary.over_limit,
        summary.exempt_keys,
        summary.unmanaged_keys
    );
    if let Some(happened) = &evidence.happened {
        let failed = happened.changes.iter().filter(|change| change.result != "ok").count();
        let incomplete = happened.runs.iter().filter(|run| run.verdict != "complete" || run.cut_off).count();
        let _ = writeln!(
            text,
            "Since {}: {}{}, {}, {failed} of them failed.",
            day(&happened.since),
            counted(happened.runs.len(), "run"),
            if incomplete > 0 { format!(" ({incomplete} did not do everything)") } else { String::new() },
            counted(happened.changes.len(), "change")
        );
        for unused in &happened.unused {
            let _ = writeln!(text, "  not used: {}", visible(unused));
        }
    }
    text
}

/// Of several accounts, how many do how: `3 with keys that fail, 1 with keys of which it is not known, 985 where every key passes`.
fn accounts_by_verdict(evidence: &Evidence) -> Option<String> {
    if evidence.accounts.len() < 2 {
        return None;
    }
    let verdicts = worst_by_account(evidence);
    let count = |wanted: Verdict| {
        let of = |account: &str| verdicts.get(account).map_or(Verdict::Pass, |(_, verdict)| *verdict);
        evidence.accounts.iter().filter(|it| of(&it.account) == wanted).count()
    };
    let words = |verdict: Verdict| match verdict {
        Verdict::Fail => "with keys that fail",
        Verdict::Unknown => "with keys of which it is not known",
        Verdict::Excepted => "with keys that only an exemption lets pass",
        Verdict::Pass => "where every key passes",
    };
    let parts = Verdict::ALL.into_iter().map(|verdict| (count(verdict), words(verdict)));
    let parts: Vec<String> =
        parts.filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    Some(format!("Accounts: {}", parts.join(", ")))
}

fn exception(exception: &Exception, names: &AccountNames<'_>) -> String {
    let Exception { user, reason, until, in_force, author, authored, note, place: at, .. } = exception;
    let user = names.exempted(exception).map_or_else(|| user.clone(), |account| format!("{user} in {account}"));
    let until = match until {
        Some(until) if *in_force => format!("until {until}"),
        Some(until) => format!("ended {until}"),
        None => "no end".to_owned(),
    };
    let by = match (author, authored, note) {
        (Some(author), Some(authored), _) => format!("by {}, {}", visible(author), day(authored)),
        (_, _, Some(note)) => format!("by whom is not known: {}", visible(note)),
        _ => "by whom is not known".to_owned(),
    };
    format!("  {}\t{until}\t{}\t{}\t{by}", visible(&user), visible(reason), place(Some(at)))
}
