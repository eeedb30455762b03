//! `keyrota report`: what an auditor asks, with the commit and the author of each exemption.

use std::path::Path;

use chrono::{DateTime, Utc};
use keyrota::{
    cloud::{ArchiveError, Reads, aws::Bucket},
    evidence::{
        Chronicle, Evidence, Grant, Look, Provenance, Subject, Verdict, calendars, csv, gather, html, json, text,
    },
    git::{self, Author, Checkout, Written},
    history::{Folder, Place, read},
    manifest::{Exemption, Manifest},
    observe::{Depth, Unmanaged},
    plan::Viewpoint,
    run::Mode,
    time::rfc3339,
};

use super::{
    args::{Format, ReportArgs},
    context::{Context, write_into},
    error::CommandError,
    exit::Exit,
    open::date_or_time,
};

/// Makes the report, and writes it where it is wanted: the formats of one call tell the same.
pub async fn run<C: Reads>(context: &Context<'_, C>, args: &ReportArgs) -> Result<Exit, CommandError> {
    let Context { common, output, manifest, .. } = *context;
    let is_text = matches!(output.format, Format::Text | Format::Github);
    let files = [&args.output, &args.html_into, &args.json_into, &args.csv_into];
    if common.mask && !(is_text && files.iter().all(|file| file.is_none())) {
        return Err(CommandError::new("`--mask` hides what a report is about")
            .hint("it is for the text on a page or in a log that is public; write files without it"));
    }
    let viewpoint = context.viewpoint();
    let Viewpoint { observed, at } = viewpoint;
    if at < observed {
        let message = format!("`--at {}` is before the account was looked at, {}", rfc3339(at), rfc3339(observed));
        let hint = "a report shows the keys that there are, and no others: what was done before stands in the history (`--since`)";
        return Err(CommandError::new(message).hint(hint));
    }
    let chronicle = chronicle(context, args).await?;
    let provenance = provenance(&common.manifests, manifest);
    let planned = context.plan(Mode::Plan, Depth::Everything, Unmanaged::Ages).await?;
    let looks: Vec<Look<'_>> = planned.accounts.iter().map(Look::new).collect();
    let evidence = gather(Subject {
        manifest,
        provenance: &provenance,
        accounts: &looks,
        plan: &planned.plan,
        viewpoint,
        calendars: &calendars(&looks, viewpoint),
        chronicle: chronicle.as_ref(),
    });
    let document = || match output.format {
        Format::Json => json::render(&evidence),
        Format::Html => html::render(&evidence),
        Format::Csv => csv::render(&evidence),
        _ => context.as_of() + &text::render(&evidence),
    };
    match &args.output {
        Some(_) => write_into(args.output.as_deref(), document)?,
        None if matches!(output.format, Format::Html | Format::Csv) => output.document(&document()),
        None => output.data(&context.masked(document())),
    }
    write_into(args.html_into.as_deref(), || html::render(&evidence))?;
    write_into(args.json_into.as_deref(), || json::render(&evidence))?;
    write_into(args.csv_into.as_deref(), || csv::render(&evidence))?;
    if let Some(path) = &args.output {
        output.talk(&format!("{}\n", written(path, &evidence)));
    }
    Ok(if evidence.completeness.complete { Exit::Done } else { Exit::Failed })
}

/// What was done, if it is asked for. What of it can't be used is said.
async fn chronicle<C>(context: &Context<'_, C>, args: &ReportArgs) -> Result<Option<Chronicle>, CommandError> {
    let Some(place) = &args.history else { return Ok(None) };
    let since = args.since.as_deref().map(since).transpose()?;
    let read = match place {
        Place::Folder(folder) => read(&Folder::new(folder), since).await,
        Place::Bucket { bucket, prefix } => read(&Bucket::open(bucket, prefix).await, since).await,
    };
    let history = read.map_err(|ArchiveError { message, hint, .. }| {
        let error = CommandError::new(format!("the history can't be read: {message}"));
        hint.into_iter().fold(error, CommandError::hint)
    })?;
    for unusable in &history.unusable {
        context.output.warning(format!("{place}: {unusable}"));
    }
    Ok(Some(Chronicle { history, since, place: place.to_string() }))
}

/// The instant that `--since` means.
fn since(text: &str) -> Result<DateTime<Utc>, CommandError> {
    date_or_time(text).ok_or_else(|| {
        CommandError::new(format!(
            "`--since {text}`: write a date (2026-12-31) or an RFC 3339 time (2026-12-31T08:00:00Z)"
        ))
    })
}

/// What was written, in a line.
fn written(path: &Path, evidence: &Evidence) -> String {
    let count = |verdict: Verdict| evidence.summary.controls.get(&verdict).copied().unwrap_or(0);
    let verdicts = Verdict::ALL.into_iter().filter(|verdict| count(*verdict) > 0);
    let verdicts = verdicts.map(|verdict| format!("{} {}", count(verdict), verdict.as_str())).collect::<Vec<_>>();
    format!("{}: {} keys, controls: {}", path.display(), evidence.summary.keys, verdicts.join(", "))
}

/// What git tells of the manifests. What it does not tell is said.
fn provenance(folder: &Path, manifest: &Manifest) -> Provenance {
    let name = folder.display().to_string();
    let Checkout { commit, is_dirty } = match git::checkout(folder) {
        Ok(checkout) => checkout,
        Err(error) => return Provenance { folder: name, note: Some(error.to_string()), ..Provenance::default() },
    };
    let exempted: Vec<_> = manifest.exemptions.iter().map(Exemption::says).collect();
    let grants = match git::granted(folder, &exempted) {
        Ok(written) => written.into_iter().map(grant).collect(),
        Err(error) => {
            let why = error.hint.iter().fold(error.to_string(), |why, hint| format!("{why}; {hint}"));
            vec![Grant::Unknown(why); exempted.len()]
        }
    };
    let places = manifest.exemptions.iter().map(|exemption| exemption.source.clone());
    Provenance { folder: name, commit: Some(commit), is_dirty, note: None, grants: places.zip(grants).collect() }
}

fn grant(written: Written) -> Grant {
    match written {
        Written::In(Author { commit, name, email, at }) => {
            Grant::Known { commit, author: format!("{name} <{email}>"), at: rfc3339(at) }
        }
        Written::Uncommitted => Grant::Unknown("it is not committed".to_owned()),
        Written::BeforeClone { commit } => Grant::Unknown(format!(
            "the clone is shallow and begins with {commit}: `git fetch --unshallow` fetches who wrote it"
        )),
    }
}
