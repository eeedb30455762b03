//! The lifecycle, one golden case a rule: manifests and a simulated account in, the plan and what follows out.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use keyrota::{
    cloud::sandbox::Sandbox,
    manifest::{self, Manifest},
    observe::AccountState,
    plan::{KeyRef, Plan, RULES, Verb, decide},
    report::text,
    run::plan_accounts,
    run::{Mode, Run},
    time::rfc3339,
};

use crate::golden::{self, Case};

#[test]
fn each_case_is_planned_as_expected() {
    let wrong: Vec<String> = golden::cases("plan").into_iter().flat_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A row of the lifecycle without a case fails.
#[test]
fn each_rule_has_a_case() {
    let decided: BTreeSet<&str> = golden::cases("plan").iter().flat_map(deciding_rules).collect();
    let without: Vec<&str> = RULES.iter().map(|rule| rule.name).filter(|name| !decided.contains(name)).collect();
    assert!(without.is_empty(), "no case in tests/cases/plan is decided by {without:?}");
}

/// The rows that say what comes next for the users of a case.
fn deciding_rules(case: &Case) -> Vec<&'static str> {
    let (sandbox, manifest, now) = inputs(case);
    let clouds = [sandbox];
    let surveyed = survey_case(&clouds, &manifest, now, case);
    let mut rules = Vec::new();
    for one in &surveyed {
        for entry in one.roster.entries.iter().filter(|entry| entry.exempt.is_none()) {
            if let Some(Ok(state)) = one.inventory.users.get(&entry.user.name) {
                rules.push(decide(&one.roster, entry, state, now).0);
            }
        }
    }
    rules
}

fn survey_case<'a>(
    clouds: &'a [Sandbox],
    manifest: &'a Manifest,
    now: DateTime<Utc>,
    case: &Case,
) -> Vec<AccountState<'a, Sandbox>> {
    let planned = async { Run::new(manifest, clouds, Mode::Enforce, now).plan(&|_| {}).await };
    let planned = planned.now_or_never().expect("the sandbox never waits");
    planned.unwrap_or_else(|error| panic!("{}: {error:?}", case.path.display())).accounts
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
    plan_accounts(&survey_case(&clouds, &manifest, now, case), now)
}

/// Every change, and every step that follows it, with its earliest time and, if it rests on the old key being unused,
/// its latest. The text plan leaves out what goes without saying.
fn chains(plan: &Plan) -> String {
    let line = |user: &str, verb: Verb, key: &KeyRef, at| {
        let key = match key {
            KeyRef::Existing(key) => key.to_string(),
            unborn => format!("({})", unborn.as_str()),
        };
        format!("{user} {verb} {key} {}", rfc3339(at))
    };
    let mut lines = String::new();
    for change in &plan.changes {
        lines += &(line(&change.user, change.action.verb(), &change.key(), plan.as_of) + "\n");
        for step in &change.then {
            lines += &line(&change.user, step.verb, &step.key, step.not_before);
            if step.if_unused {
                let latest = step.latest.map_or_else(|| "while in use: never".to_owned(), rfc3339);
                lines += &format!(" if unused, else {latest}");
            }
            lines.push('\n');
        }
    }
    lines
}
