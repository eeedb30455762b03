//! `keyrota explain USER`: the effective policy, and where each value comes from.

use keyrota::{
    cloud::Reads,
    explain::{Line, policy},
    manifest::{RotateAhead, Source},
    report::text::aligned,
    roster::Entry,
    time::Duration,
    untrusted::printable,
};
use serde_json::json;

use super::{args::Format, context::Context, error::CommandError, exit::Exit};

pub async fn run<C: Reads>(context: &Context<'_, C>, user: &str) -> Result<Exit, CommandError> {
    let scoped = context.scope().await?;
    let users: Vec<_> = scoped.iter().flat_map(|one| &one.listing.users).map(|user| &user.name).collect();
    let found: Vec<_> = scoped
        .iter()
        .flat_map(|one| one.roster.entries.iter().map(move |entry| (&one.roster, entry)))
        .filter(|(_, entry)| entry.user.name.eq_ignore_ascii_case(user))
        .collect();
    if found.is_empty() {
        if users.iter().any(|name| name.eq_ignore_ascii_case(user)) {
            context.output.data(&format!("{}: unmanaged, no rule selects it\n", printable(user)));
            return Ok(Exit::Done);
        }
        let near = users.iter().map(|name| (strsim::jaro_winkler(name, user), name)).filter(|(near, _)| *near > 0.8);
        let error = CommandError::new(format!("there is no IAM user `{}`", printable(user)));
        return Err(match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, name)) => error.hint(format!("did you mean `{}`?", printable(name))),
            None => error,
        });
    }
    match context.output.format {
        Format::Text | Format::Markdown | Format::Github => {
            for (roster, entry) in found {
                context.output.data(&format!("{}, account {}\n", printable(&entry.user.name), roster.account));
                context.output.data(&aligned(effective(entry).into_iter().map(|Line { name, value, source }| {
                    format!("  {name}\t{}\t{}", printable(&value), place(source.as_ref()))
                })));
            }
        }
        Format::Json => {
            let users: Vec<_> = found.iter().map(|(roster, entry)| as_json(&roster.account.id, entry)).collect();
            context.output.data(&format!("{:#}\n", json!({ "version": 1, "users": users })));
        }
    }
    Ok(Exit::Done)
}

/// The policy, with what follows from other values.
fn effective(entry: &Entry) -> Vec<Line> {
    let mut lines = policy(entry);
    if let RotateAhead::Auto(time) = entry.policy.rotate_ahead.value {
        for line in lines.iter_mut().filter(|line| line.name == "rotate-ahead") {
            line.value = format!("auto ({})", Duration(time));
        }
    }
    lines
}

fn as_json(account: &str, entry: &Entry) -> serde_json::Value {
    let policy: serde_json::Map<_, _> = effective(entry)
        .into_iter()
        .map(|Line { name, value, source }| (name, json!({ "value": value, "source": place(source.as_ref()) })))
        .collect();
    json!({ "account": account, "user": entry.user.name, "policy": policy })
}

/// `file:line`, or that keyrota itself says so.
fn place(source: Option<&Source>) -> String {
    source.map_or_else(|| "built-in".to_owned(), ToString::to_string)
}
