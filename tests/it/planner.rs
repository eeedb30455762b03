//! The lifecycle, one golden case a rule: manifests and a simulated account in, the plan and what follows out.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use keyrota::{
    manifest::{self, Manifest},
    observe::Depth,
    plan::{KeyRef, Plan, Verb},
    report::{json::timestamp, text},
    sandbox::Sandbox,
    survey::{plan_all, scope, survey},
};

use crate::golden::{self, Case};

#[test]
fn each_rule_has_a_case() {
    let wrong: Vec<String> = golden::cases("plan").into_iter().flat_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compares both outputs of a case; returns how they differ.
fn check(mut case: Case) -> Vec<String> {
    let plan = plan(&case);
    let shown = text::styled(&text::plan(&plan), false).to_string();
    let chains = chains(&plan);
    [("plan", shown), ("then", chains)]
        .into_iter()
        .filter_map(|(section, actual)| golden::check(&mut case, section, &actual).err())
        .collect()
}

/// The case's account and manifests, and the time to which its sandbox pins the clock.
pub fn inputs(case: &Case) -> (Sandbox, Manifest, DateTime<Utc>) {
    let name = case.path.display().to_string();
    let sandbox = case.section("sandbox.toml").unwrap_or_else(|| panic!("{name} has no sandbox.toml"));
    let sandbox = Sandbox::parse(sandbox, "sandbox.toml").unwrap_or_else(|error| panic!("{name}: {error}"));
    let now = sandbox.now().unwrap_or_else(|| panic!("{name} pins no clock"));
    let manifests = case.sections.iter().filter(|(name, _)| name.starts_with("manifests/"));
    let manifests = manifests.map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect();
    let loaded = manifest::load_files(manifests, now);
    let Some(manifest) = loaded.manifest else {
        let mistakes: Vec<String> = loaded.diagnostics.iter().map(|mistake| mistake.render(false)).collect();
        panic!("{name}: {}", mistakes.join("\n"));
    };
    (sandbox, manifest, now)
}

fn plan(case: &Case) -> Plan {
    let (sandbox, manifest, now) = inputs(case);
    let clouds = [sandbox];
    async {
        let scoped = scope(&clouds, &manifest, now).await;
        let scoped = scoped.unwrap_or_else(|error| panic!("{}: {error:?}", case.path.display()));
        plan_all(&survey(scoped.accounts, Depth::Plan, now, &|_| {}).await, now)
    }
    .now_or_never()
    .expect("the sandbox never waits")
}

/// Every change, and every step that follows it, with its earliest time and, if it rests on the old key being unused,
/// its latest. The text plan leaves out what goes without saying.
fn chains(plan: &Plan) -> String {
    let line = |user: &str, verb: Verb, key: &KeyRef, at| {
        let key = match key {
            KeyRef::Existing(key) => key.to_string(),
            unborn => format!("({})", unborn.as_str()),
        };
        format!("{user} {verb} {key} {}", timestamp(at))
    };
    let mut lines = String::new();
    for change in &plan.changes {
        lines += &(line(&change.user, change.action.verb(), &change.key(), plan.as_of) + "\n");
        for step in &change.then {
            lines += &line(&change.user, step.verb, &step.key, step.not_before);
            if step.if_unused {
                let latest = step.latest.map_or_else(|| "while in use: never".to_owned(), timestamp);
                lines += &format!(" if unused, else {latest}");
            }
            lines.push('\n');
        }
    }
    lines
}
