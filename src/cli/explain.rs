//! `keyrota explain USER`: the effective policy, and where each value comes from.

use keyrota::{
    cloud::Cloud,
    manifest::{Policy, Recipient, Source, Sourced, WhenFull},
    plan::{Day, Duration},
    report::text::{aligned, printable},
    roster::Entry,
};
use serde_json::json;

use super::{
    Exit,
    args::Format,
    world::{Stop, World, scoped},
};

pub async fn run<C: Cloud>(world: &World<'_, C>, user: &str) -> Result<Exit, Stop> {
    let scoped = scoped(world, (world.clock)()).await?;
    let users: Vec<_> = scoped.iter().flat_map(|one| &one.directory.users).map(|user| &user.name).collect();
    let found: Vec<_> = scoped
        .iter()
        .flat_map(|one| one.roster.entries.iter().map(move |entry| (&one.roster, entry)))
        .filter(|(_, entry)| entry.user.name.eq_ignore_ascii_case(user))
        .collect();
    if found.is_empty() {
        if users.iter().any(|name| name.eq_ignore_ascii_case(user)) {
            world.output.data(&format!("{}: unmanaged, no rule selects it\n", printable(user)));
            return Ok(Exit::Done);
        }
        let near = users.iter().map(|name| (strsim::jaro_winkler(name, user), name)).filter(|(near, _)| *near > 0.8);
        let stop = Stop::new(format!("there is no IAM user `{}`", printable(user)));
        return Err(match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, name)) => stop.hint(format!("did you mean `{}`?", printable(name))),
            None => stop,
        });
    }
    match world.output.format {
        Format::Text => {
            for (roster, entry) in found {
                world.output.data(&format!("{}, account {}\n", printable(&entry.user.name), roster.account));
                world.output.data(&aligned(
                    lines(entry)
                        .into_iter()
                        .map(|(name, value, source)| format!("  {name}\t{}\t{source}", printable(&value))),
                ));
            }
        }
        Format::Json => {
            let users: Vec<_> = found.iter().map(|(roster, entry)| as_json(&roster.account.id, entry)).collect();
            world.output.data(&format!("{:#}\n", json!({ "version": 1, "users": users })));
        }
    }
    Ok(Exit::Done)
}

fn as_json(account: &str, entry: &Entry) -> serde_json::Value {
    let policy: serde_json::Map<_, _> = lines(entry)
        .into_iter()
        .map(|(name, value, source)| (name.to_owned(), json!({ "value": value, "source": source })))
        .collect();
    json!({ "account": account, "user": entry.user.name, "policy": policy })
}

/// Name, value and `file:line`.
fn lines(entry: &Entry) -> Vec<(&'static str, String, String)> {
    let Policy {
        max_age,
        rotate_ahead,
        reissue_before,
        overlap,
        quiet,
        patience,
        hold,
        when_full,
        notify,
        secret,
        kms_key,
        replicate_to,
        language,
    } = &*entry.policy;
    let place = |source: &Option<Source>| source.as_ref().map_or_else(|| "built-in".to_owned(), ToString::to_string);
    let mut lines = vec![("rule", "rotate".to_owned(), entry.rule.to_string())];
    if let Some(exemption) = &entry.exempt {
        let until = exemption.ends.map_or_else(String::new, |ends| format!(" (before {})", Day(ends)));
        lines.push(("exempt", format!("{}{until}", exemption.reason), exemption.source.to_string()));
    }
    for (name, field) in [
        ("max-age", max_age),
        ("rotate-ahead", rotate_ahead),
        ("overlap", overlap),
        ("quiet", quiet),
        ("patience", patience),
        ("hold", hold),
    ] {
        lines.push((name, Duration(field.value).to_string(), place(&field.source)));
    }
    let reissue = reissue_before.value.map_or_else(|| "none".to_owned(), |before| Day(before).to_string());
    lines.push(("reissue-before", reissue, place(&reissue_before.source)));
    let full = match when_full.value {
        WhenFull::Block => "block",
        WhenFull::RetireOldest => "retire-oldest",
    };
    lines.push(("when-full", full.to_owned(), place(&when_full.source)));
    lines.push(("notify", recipients(notify, entry), place(&notify.source)));
    lines.push(("secret", entry.secret.clone(), place(&secret.source)));
    lines.push(("kms-key", kms_key.value.clone().unwrap_or_else(|| "none".to_owned()), place(&kms_key.source)));
    let regions = match replicate_to.value.is_empty() {
        true => "none".to_owned(),
        false => replicate_to.value.join(", "),
    };
    lines.push(("replicate-to", regions, place(&replicate_to.source)));
    lines.push(("language", language.value.as_str().to_owned(), place(&language.source)));
    lines
}

fn recipients(notify: &Sourced<Vec<Recipient>>, entry: &Entry) -> String {
    if notify.value.is_empty() {
        return "nobody".to_owned();
    }
    let written: Vec<_> = notify
        .value
        .iter()
        .map(|recipient| match recipient {
            Recipient::Address(address) => address.clone(),
            Recipient::Tag(tag) => format!("tag:{tag}"),
        })
        .collect();
    let resolved = match entry.recipients.is_empty() {
        true => "no address".to_owned(),
        false => entry.recipients.join(", "),
    };
    match written.join(", ") {
        written if written == resolved => written,
        written => format!("{written} = {resolved}"),
    }
}
