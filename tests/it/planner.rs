//! The lifecycle, one golden case a rule: manifests and a simulated account in, the plan and what follows out.

use futures::FutureExt;
use keyrota::{
    manifest,
    observe::Depth,
    plan::Plan,
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

/// The plan of the case's account at the time to which its sandbox pins the clock.
fn plan(case: &Case) -> Plan {
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
    let clouds = [sandbox];
    async {
        let scoped = scope(&clouds, &manifest, now).await;
        let scoped = scoped.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        plan_all(&survey(scoped.accounts, Depth::Plan, now, &|_| {}).await, now)
    }
    .now_or_never()
    .expect("the sandbox never waits")
}

/// Every change, and every change that follows it, with its earliest time. The text plan leaves out what happens at
/// once.
fn chains(plan: &Plan) -> String {
    let line = |user: &str, verb: &str, key: Option<&str>, at| {
        format!("{user} {verb} {} {}\n", key.unwrap_or("(new)"), timestamp(at))
    };
    let mut lines = String::new();
    for change in &plan.changes {
        let (verb, key) = (change.action.verb().as_str(), change.action.key());
        lines += &line(&change.user, verb, key.map(|key| key.as_str()), plan.as_of);
        for next in &change.then {
            let key = next.key.as_ref().map(|key| key.as_str());
            lines += &line(&change.user, next.verb.as_str(), key, next.not_before);
        }
    }
    lines
}
