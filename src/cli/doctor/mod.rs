//! `keyrota doctor`: what keyrota needs, one line each, with what mends it. It changes nothing. What it is not permitted to
//! look at it can't tell, and says so: never that it is fine.

use chrono::{DateTime, Utc};
use keyrota::{
    clock,
    cloud::Probes,
    git,
    manifest::{self, Manifest},
    observe::NothingRead,
    organization::Found,
    report::{masked, text::aligned},
    run::Run,
    untrusted::printable,
};
use serde_json::json;

use super::{
    args::{Common, DoctorArgs, Format},
    error::CommandError,
    exit::Exit,
    open::{self, enter_sandboxes, load_sandboxes, selected},
    output::Output,
    sole::manifests_in,
};

mod account;
mod channels;
mod delivery;
mod finding;
mod mail;
mod organization;

use finding::{Finding, Level};

pub async fn run(common: &Common, args: &DoctorArgs, output: &Output) -> Result<Exit, CommandError> {
    if common.at.is_some() {
        return Err(CommandError::new("`--at` means nothing here: `doctor` looks at what is there now"));
    }
    let sandboxes = match &common.sandbox {
        Some(path) => Some((load_sandboxes(path)?, path)),
        None => None,
    };
    let now = sandboxes.as_ref().and_then(|(kept, _)| open::pinned(kept)).unwrap_or_else(Utc::now);
    let (manifest, mut findings) = manifests(common, now);
    let none = Manifest::default();
    let wanted = manifest.as_ref().unwrap_or(&none);
    match sandboxes {
        Some((kept, path)) => {
            let listed = open::listed(&kept, path);
            let found = Found::within(wanted, &listed, None);
            if wanted.organization.is_some() {
                findings.push(organization::of_sandboxes(&found));
                findings.extend(organization::mistakes(&found));
            }
            let (kept, unread) = enter_sandboxes(kept, wanted, &selected(found, common)?)?;
            findings.extend(organization::unread(&unread));
            let clouds: Vec<_> = kept.into_iter().map(|one| one.sandbox).collect();
            clouds.iter().for_each(|sandbox| sandbox.set_now(now));
            findings.extend(look(&clouds, manifest.as_ref(), common, args, now).await);
        }
        None => {
            let (clouds, entered) = organization::enter(wanted, common).await?;
            findings.extend(entered);
            if clouds.is_empty() {
                let message = "no account could be entered, so that everything else can't be told";
                findings.push(Finding::doubt("account", message, "mend what is wrong above, and run it again"));
            } else {
                findings.extend(look(&clouds, manifest.as_ref(), common, args, now).await);
            }
        }
    }
    output.data(&match output.format {
        Format::Json => as_json(&findings),
        _ => {
            let text = as_text(&findings);
            if common.mask { masked(&text) } else { text }
        }
    });
    Ok(if findings.iter().any(|finding| finding.level == Level::Wrong) { Exit::Error } else { Exit::Done })
}

fn manifests(common: &Common, now: DateTime<Utc>) -> (Option<Manifest>, Vec<Finding>) {
    let folder = common.manifests.display();
    if manifests_in(&common.manifests).is_empty() {
        let message = format!("there are none in {folder}");
        let fix = "`keyrota init` writes the first ones; `--manifests DIR` names another folder";
        return (None, vec![Finding::doubt("manifests", message, fix)]);
    }
    let loaded = manifest::load(&common.manifests, now);
    let errors = loaded.diagnostics.iter().filter(|it| it.severity == manifest::Severity::Error).count();
    let finding = match errors {
        0 => Finding::fine("manifests", format!("{folder} has no errors")),
        1 => Finding::wrong("manifests", format!("{folder} has 1 error"), "`keyrota check` shows it, with its place"),
        _ => Finding::wrong("manifests", format!("{folder} has {errors} errors"), "`keyrota check` shows them all"),
    };
    (loaded.manifest, vec![finding])
}

/// Everything that takes an account.
async fn look<C: Probes>(
    clouds: &[C],
    manifest: Option<&Manifest>,
    common: &Common,
    args: &DoctorArgs,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for cloud in clouds {
        let (account, caller) = (cloud.account(), cloud.caller());
        findings.push(Finding::fine("credentials", format!("account {account}, as {caller}")));
        if account::is_root(caller) {
            let fix = "use a role: the one that Terraform makes, or one with what README.md lists";
            findings.push(Finding::doubt("credentials", "keyrota runs as the root of the account", fix));
        }
    }
    let none = Manifest::default();
    let planned = match manifest {
        None => None,
        Some(manifest) => Some(Run::new(manifest, clouds, keyrota::run::Mode::Plan, now)),
    };
    let planned = match planned {
        None => None,
        Some(mut run) => {
            // The last use of every key as well: what a plan may ask for, it may ask for tomorrow.
            run.depth = keyrota::observe::Depth::Everything;
            match run.plan(&|_| {}).await {
                Ok(planned) => Some(planned),
                Err(NothingRead(accounts, _)) => {
                    findings.extend(accounts.iter().map(|it| account::unread("permissions", it)));
                    None
                }
            }
        }
    };
    let of_clock = findings.len();
    findings.extend(account::regions(clouds, manifest.unwrap_or(&none)).await);
    match (&planned, manifest) {
        (Some(planned), _) => findings.extend(account::permissions(planned).await),
        (None, None) => findings.extend(account::permissions_without_manifests(clouds).await),
        // Said above.
        (None, Some(_)) => {}
    }
    findings.extend(mail::sender(&clouds[0], manifest.unwrap_or(&none), planned.as_ref().map(|it| &it.plan)).await);
    findings.extend(channels::all(&clouds[0], manifest.unwrap_or(&none)).await);
    if let Some(planned) = &planned {
        findings.extend(account::kms_keys(planned).await);
        findings.extend(account::secrets(&planned.plan));
        findings.extend(delivery::places(planned).await);
        findings.extend(mail::recipients(&planned.plan));
    }
    let here = git::revision(&common.manifests).filter(|_| manifest.is_some());
    let is_same = |deployed: &str| git::is_as_at(&common.manifests, deployed);
    findings.push(account::function(&clouds[0], &args.function, here.as_deref(), &is_same).await);
    // By now AWS has answered for certain, whatever was asked, and said what time it is.
    findings.splice(of_clock..of_clock, clock(clouds));
    organization::alike(findings, clouds.len())
}

fn clock<C: Probes>(clouds: &[C]) -> Vec<Finding> {
    if let Err(off) = clock::check(clouds) {
        return vec![Finding::wrong("clock", off.to_string(), clock::ClockOff::REMEDY)];
    }
    match clouds.iter().find_map(|cloud| cloud.clock()) {
        Some(reading) => {
            let seconds = (reading.here - reading.there).num_seconds().abs();
            vec![Finding::fine("clock", format!("{seconds} s off AWS's"))]
        }
        None => vec![Finding::doubt("clock", "can't be told: no answer said what time it is", "run it again")],
    }
}

fn as_text(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|Finding { level, check, message, fix }| {
        let (mark, style) = level.mark();
        let fix = fix.as_ref().map_or_else(String::new, |fix| format!("; fix: {}", printable(fix)));
        format!("{style}{mark}{style:#} {check}\t{}{fix}", printable(message))
    });
    let (wrong, doubts) = (count(findings, Level::Wrong), count(findings, Level::Doubt));
    let verdict = match (wrong, doubts) {
        (0, 0) => "Everything is as it should be.".to_owned(),
        (0, doubts) => format!("Nothing is wrong; {doubts} to look at."),
        (wrong, doubts) => format!("{wrong} wrong, {doubts} to look at."),
    };
    format!("{}\n{verdict}\n", aligned(lines))
}

fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

fn as_json(findings: &[Finding]) -> String {
    let checks: Vec<_> = findings
        .iter()
        .map(|Finding { level, check, message, fix }| {
            json!({ "check": check, "status": level.as_str(), "message": message, "fix": fix })
        })
        .collect();
    let summary = json!({
        "ok": count(findings, Level::Fine),
        "warning": count(findings, Level::Doubt),
        "error": count(findings, Level::Wrong),
    });
    format!("{:#}\n", json!({ "version": 1, "summary": summary, "checks": checks }))
}
