//! Every golden case of the planner, captured: the plan is the same, byte for byte, and with other names it has the same
//! shape.

use std::collections::BTreeSet;

use futures::FutureExt;
use keyrota::{
    capture::{anonymize, capture},
    cloud::{
        Reads,
        sandbox::{Sandbox, World},
    },
    inventory::User,
    manifest::{self, Manifest},
    plan::Plan,
    report::text,
    roster::resolve,
    run::{Mode, Run},
    time::rfc3339,
};

use crate::{
    golden::{self, Case},
    planner::inputs,
};

fn plan(sandbox: Sandbox, manifest: &Manifest) -> Plan {
    let now = sandbox.now().expect("a pinned clock");
    let clouds = [sandbox];
    let planned =
        async { Run::new(manifest, &clouds, Mode::Enforce, now).plan(&|_| {}).await.map(|planned| planned.plan) };
    planned.now_or_never().expect("the sandbox never waits").unwrap_or_else(|error| panic!("{error:?}"))
}

fn captured(sandbox: &Sandbox, manifest: &Manifest) -> Sandbox {
    let now = sandbox.now().expect("a pinned clock");
    let destinations = |users: &[User]| {
        let (roster, _) = resolve(manifest, sandbox.account(), users, now);
        roster.entries.into_iter().map(|entry| entry.secret).collect()
    };
    let clock = || now;
    let sandbox = capture(sandbox, &destinations, &clock, &|_| {}).now_or_never().expect("the sandbox never waits");
    let sandbox = sandbox.unwrap_or_else(|failed| panic!("{failed:?}"));
    // As the file keeps it.
    Sandbox::parse(&sandbox.to_toml(), "captured").unwrap_or_else(|error| panic!("{error}"))
}

/// What a plan does and waits for, and when, without a name.
fn shape(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().map(|change| {
        let then = change
            .then
            .iter()
            .map(|step| format!("{} {} {:?}", step.verb, rfc3339(step.not_before), step.latest.map(rfc3339)));
        format!("{}: {}", change.action.verb(), then.collect::<Vec<_>>().join(", "))
    });
    let waiting =
        plan.waiting.iter().map(|waiting| format!("{} {:?}", waiting.wait.code(), waiting.until.map(rfc3339)));
    let settled = plan.settled.iter().map(|settled| format!("settled {:?}", settled.next_rotation.map(rfc3339)));
    let warnings = plan.warnings.iter().map(|warning| warning.code().to_owned());
    let mut shape: Vec<String> = changes.chain(waiting).chain(settled).chain(warnings).collect();
    shape.push(format!("{} unmanaged, {} keys", plan.unmanaged.len(), plan.keys));
    shape.sort();
    shape
}

fn files(case: &Case) -> manifest::files::Files {
    let of = |(name, text): &(String, String)| {
        Some((name.strip_prefix("manifests/")?.to_owned(), text.clone().into_bytes()))
    };
    case.sections.iter().filter_map(of).collect()
}

#[test]
fn a_captured_case_is_planned_alike() {
    let mut wrong = BTreeSet::new();
    let cases = golden::cases("plan");
    for case in &cases {
        let name = case.path.file_name().expect("a name").to_string_lossy().into_owned();
        let (sandbox, manifest, now) = inputs(case);
        // What places of delivery hold is not captured: they are GitHub's, and of other services.
        let holds = |world: &World| !(world.parameters.is_empty() && world.vault.is_empty() && world.closed.is_empty());
        if sandbox.inspect(holds) {
            continue;
        }
        let account = captured(&sandbox, &manifest);
        let (before, after) = (plan(sandbox, &manifest), plan(account.clone(), &manifest));
        if text::plan(&before) != text::plan(&after) {
            wrong.insert(format!("{name}: captured\n{}\n{}", text::plan(&before), text::plan(&after)));
        }
        let other = anonymize(&account, Some(&manifest), &files(case));
        let sandbox =
            Sandbox::parse(&other.sandbox.to_toml(), "anonymous").unwrap_or_else(|error| panic!("{name}: {error}"));
        let loaded = manifest::load_files(other.manifests, now);
        let Some(manifest) = loaded.manifest else {
            let mistakes: String = loaded.diagnostics.iter().map(|mistake| mistake.render(false)).collect();
            wrong.insert(format!("{name}: anonymous manifests\n{mistakes}"));
            continue;
        };
        let name_of = manifest.accounts.iter().find(|(_, account)| account.id == sandbox.account().id);
        let name_of = name_of.map(|(name, _)| name.clone());
        let anonymous = plan(sandbox.named(name_of), &manifest);
        if shape(&anonymous) != shape(&before) {
            wrong.insert(format!("{name}: anonymous\n{:#?}\n{:#?}", shape(&before), shape(&anonymous)));
        }
    }
    assert!(cases.len() > 100 && wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n\n"));
}
