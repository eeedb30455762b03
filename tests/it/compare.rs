//! `plan --base`: what a change of the manifests causes, apart from what was pending anyway.

use serde_json::{Value, json};

use crate::{
    emulator,
    repository::{Repository, SHARED, ran},
};

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap_or_else(|| panic!("{list} is no list"))
        .iter()
        .map(|one| one["user"].as_str().expect("a name"))
        .collect()
}

fn rule(users: &str, more: &str) -> String {
    format!("[[rotate]]\nusers = [{users}]\n{more}")
}

fn change(repository: &Repository, rules: &str) {
    repository.write("manifests/team.toml", &format!("version = 1\n\n{rules}"));
}

/// A rule for `day-100`, whose rotation has begun.
fn rotated() -> Repository {
    let repository = Repository::with_rule(&rule(r#""day-100""#, ""));
    let sandbox = repository.path().join("sandbox.toml");
    let applied = repository.keyrota(&["apply", "--yes", "--sandbox", sandbox.to_str().expect("UTF-8")]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    repository
}

/// What comes after a delivery is planned still.
#[test]
fn a_place_that_is_added_averts_nothing() {
    let repository = rotated();
    change(&repository, &rule(r#""day-100""#, "deliver = [\"ssm:/ci/{user}\", \"github:acme/payments\"]\n"));
    let ran = repository.plan(&["--base", "HEAD"]);
    assert!(ran.stdout.contains("then deactivate AKIAEXAMPLEDAY100KEY 2026-11-30"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("No longer planned"), "{}", ran.stdout);
    // And places that are taken off again leave no settings behind that nobody wrote.
    repository.commit();
    change(&repository, &rule(r#""day-100""#, ""));
    let ran = repository.plan(&["--base", "HEAD"]);
    assert!(ran.stdout.contains("deliver") && !ran.stdout.contains("deliver.github"), "{}", ran.stdout);
}

#[test]
fn who_enters_and_leaves_and_what_that_causes() {
    let repository = Repository::with_rule(&rule(r#""day-10", "day-100""#, ""));
    change(&repository, &rule(r#""day-100", "spare*", "day-70""#, ""));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(names(&plan["scope"]["entered"]), ["day-70", "spare", "spare-busy"]);
    assert_eq!(names(&plan["scope"]["left"]), ["day-10"]);
    assert_eq!(plan["scope"]["changed"], json!([]));
    // day-100 was due before: that is not this change's doing.
    assert_eq!(names(&plan["caused"]), ["spare"]);
    assert_eq!(plan["caused"][0]["action"], "delete");
    assert_eq!(names(&plan["caused-blocked"]), ["spare-busy"]);
    assert_eq!(names(&plan["changes"]), ["day-100", "spare"]);
    assert_eq!(plan["scope"]["entered"][0]["next"], json!({ "state": "settled", "until": "2027-01-01T08:00:00Z" }));
    assert_eq!(plan["base"]["differs"], true);
    let text = repository.plan(&["--base", "HEAD"]).stdout;
    let lines = ["3 users enter the scope, 1 user leaves it", "Caused by this change:", "Pending anyway:\n+ day-100"];
    for line in lines {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn a_changed_policy_shows_both_values_and_their_places() {
    let repository = Repository::with_rule(&rule(r#""day-*""#, ""));
    change(&repository, &rule(r#""day-*""#, "max-age = \"60d\"\n"));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(names(&plan["scope"]["changed"]), ["day-10", "day-100", "day-50", "day-70"]);
    let day_50 = &plan["scope"]["changed"][2];
    assert_eq!(
        day_50["fields"],
        json!([{
            "field": "max-age",
            "before": { "value": "90d", "source": "manifests/keyrota.toml:4" },
            "after": { "value": "60d", "source": "manifests/team.toml:5" },
        }])
    );
    // The dates are those of the runs of `enforce` that act.
    assert_eq!(day_50["before"]["until"], "2027-02-01T08:00:00Z");
    assert_eq!(day_50["after"]["until"], "2027-01-01T08:00:00Z");
    assert_eq!(names(&plan["caused"]), ["day-70"]);
    assert_eq!(plan["next-run"], Value::Null, "the run of 2026-12-01 does the same");
    // And back: what was planned is so no more.
    repository.commit();
    change(&repository, &rule(r#""day-*""#, ""));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!((names(&plan["caused"]), names(&plan["averted"])), (vec![], vec!["day-70"]));
}

/// Who waits in a rotation that another one follows: on what each date rests, and which key it is about.
#[test]
fn a_wait_that_goes_on_differently_says_on_what_its_dates_rest() {
    let repository = rotated();
    let used = "id = \"AKIAEXAMPLEDAY100KEY\"\n";
    let account = std::fs::read_to_string(repository.path().join("sandbox.toml")).expect("a file");
    assert!(account.contains(used), "{account}");
    repository.write("sandbox.toml", &account.replace(used, &format!("{used}last-used = 2026-11-23T07:00:00Z\n")));
    change(&repository, &rule(r#""day-100""#, "max-age = \"13d\"\nhold = \"7d\"\n"));
    let pages = [&["--base", "HEAD"][..], &["--base", "HEAD", "--format", "markdown"]];
    let [text, markdown] = pages.map(|arguments| repository.plan(arguments).stdout);
    let condition = "(once nothing uses AKIAEXAMPLEDAY100KEY; deactivated by 2026-12-14 at the latest)";
    assert!(text.contains(condition), "{text}");
    let condition = condition.replace("AKIAEXAMPLEDAY100KEY", "`…0KEY`").replace('-', "\u{2011}");
    assert!(markdown.contains(&condition), "{markdown}");
    // That a new key is promoted and its owner told goes without saying, as in every plan.
    assert!(text.contains(", create a new key 20") && !text.contains("promote 20"), "{text}");
}

#[test]
fn the_next_run_is_shown_where_it_differs() {
    let repository = Repository::with_rule(&rule(r#""day-*""#, ""));
    change(&repository, &rule(r#""day-*""#, "max-age = \"55d\"\n"));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(names(&plan["caused"]), ["day-70"]);
    let next_run = &plan["next-run"];
    assert_eq!(
        (next_run["as-of"].as_str(), names(&next_run["caused"])),
        (Some("2026-12-01T08:00:00Z"), vec!["day-50", "day-70"])
    );
    let text = repository.plan(&["--base", "HEAD"]).stdout;
    let (now, later) =
        text.split_once("Caused by the next scheduled run, 2026-12-01 08:00 UTC:").expect("both are shown");
    assert!(now.contains("+ day-70  create") && !now.contains("+ day-50  create"), "{text}");
    assert!(later.contains("+ day-50  create") && !later.contains("+ day-70  create"), "{text}");
    // One instant was asked for: there is no other.
    let at = repository.plan_json(&["--base", "HEAD", "--at", "enforce"]);
    assert_eq!((names(&at["caused"]), &at["next-run"]), (vec!["day-50", "day-70"], &Value::Null));
    assert_eq!(at["as-of"], "2026-12-01T08:00:00Z");
}

#[test]
fn moving_rules_changes_no_policy() {
    let repository = Repository::with_rule(&rule(r#""day-*""#, "max-age = \"60d\"\n"));
    repository.write("manifests/team.toml", "# Moved.\nversion = 1\n");
    let moved = format!(
        "version = 1\n\n{}\n{}",
        rule(r#""day-10", "day-50""#, "max-age = \"60d\"\n"),
        rule(r#""day-70", "day-100""#, "max-age = \"1440h\"\n")
    );
    repository.write("manifests/moved.toml", &moved);
    let ran = repository.plan(&["--base", "HEAD"]);
    assert_eq!(
        ran.stdout.lines().next().map(|line| line.split(" (").next()),
        Some(Some("Compared with HEAD")),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("no one's policy changes.\n\nPending anyway:\n"), "{}", ran.stdout);
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!((names(&plan["caused"]), plan["base"]["differs"].as_bool()), (vec![], Some(false)));
}

#[test]
fn settings_of_whole_runs_are_compared_too() {
    let repository = Repository::with_rule(&rule(r#""day-10""#, ""));
    repository.write(
        "manifests/keyrota.toml",
        &format!("{SHARED}tend = \"cron(0 9 * * ? *)\"\n\n[limits]\nmax-actions = 5\n"),
    );
    let plan = repository.plan_json(&["--base", "HEAD"]);
    let fields: Vec<_> = plan["settings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|field| (&field["field"], &field["after"]["value"]))
        .collect();
    assert_eq!(
        fields,
        [(&json!("limits.max-actions"), &json!("5")), (&json!("schedule.tend"), &json!("cron(0 9 * * ? *)"))]
    );
    assert_eq!(plan["base"]["differs"], true);
}

#[test]
fn an_exemption_is_a_change_of_policy() {
    let repository = Repository::with_rule(&rule(r#""day-*""#, ""));
    let exempt = "\n[[exempt]]\nuser = \"day-100\"\nreason = \"the vendor rotates it\"\n";
    change(&repository, &(rule(r#""day-*""#, "") + exempt));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(names(&plan["averted"]), ["day-100"]);
    assert_eq!(plan["scope"]["changed"][0]["fields"][0]["before"], Value::Null);
    assert_eq!(plan["scope"]["changed"][0]["fields"][0]["after"]["value"], "the vendor rotates it");
    assert_eq!(plan["scope"]["changed"][0]["after"]["state"], "exempt");
}

/// Two rules that name one user are a mistake only where the user exists, so that it shows late.
#[test]
fn a_broken_base_is_shown_and_the_head_is_planned_alone() {
    let broken =
        [rule(r#""day-100""#, "max-agee = \"60d\"\n"), rule(r#""day-100""#, "") + "\n" + &rule(r#""day-100""#, "")];
    for broken in broken {
        let repository = Repository::with_rule(&broken);
        change(&repository, &rule(r#""day-100""#, ""));
        let ran = repository.plan(&["--base", "HEAD"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("have errors: this plan is compared with nothing."), "{}", ran.stdout);
        assert!(ran.stdout.contains("error[KR") && ran.stdout.contains("+ day-100  create"), "{}", ran.stdout);
        let plan = repository.plan_json(&["--base", "HEAD"]);
        assert_eq!((plan["base"]["errors"].as_array().map(Vec::len), plan.get("caused")), (Some(1), None));
        assert_eq!(names(&plan["changes"]), ["day-100"]);
    }
}

/// Rules that collide for a user that exists are no broken manifests: the user is blocked before, and free after.
#[test]
fn a_collision_is_compared_like_anything_else() {
    let repository = Repository::with_rule(&(rule(r#""day-1*""#, "") + "\n" + &rule(r#""day-?00""#, "")));
    change(&repository, &rule(r#""day-100""#, ""));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(names(&plan["caused"]), ["day-100"]);
    assert_eq!(names(&plan["scope"]["left"]), ["day-10"]);
}

/// Another secret is another ledger of the same keys.
#[test]
fn a_secret_that_moves() {
    let repository = Repository::with_rule(&rule(r#""day-100""#, ""));
    change(&repository, &rule(r#""day-100""#, "secret = \"elsewhere/{user}\"\n"));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(plan["caused"][0]["destination"], "elsewhere/day-100");
    assert_eq!(plan["averted"][0]["destination"], "/aws/iam/credentials/day-100");
}

#[tokio::test]
async fn the_account_is_observed_once() {
    let account = emulator::account();
    for (user, day) in
        [("old", "2026-01-01T00:00:00Z"), ("new", "2026-11-01T00:00:00Z"), ("other", "2026-01-01T00:00:00Z")]
    {
        account.create_user(user, "/", &[], &[]).await;
        account.create_key(user, day.parse().expect("a time")).await;
    }
    account.set_clock("2026-11-23T08:00:00Z".parse().expect("a time"));
    let repository = Repository::with_rule(&rule(r#""old", "new""#, ""));
    change(&repository, &rule(r#""old", "new", "other""#, "max-age = \"30d\"\n"));
    account.take_requests();
    let mut command = account.command(env!("CARGO_BIN_EXE_keyrota"));
    let arguments = ["plan", "--base", "HEAD", "--format", "json", "--at", "2026-11-23T08:00:00Z"];
    let ran = ran(&command.args(arguments).current_dir(repository.path()).output().expect("the binary runs"));
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(
        (names(&plan["scope"]["entered"]), names(&plan["scope"]["changed"])),
        (vec!["other"], vec!["new", "old"])
    );
    let counts = account.count_requests();
    assert_eq!(counts.get("ListAccessKeys"), Some(&3), "{counts:?}");
    for (action, most) in [("GetAccountAuthorizationDetails", 1), ("ListSecrets", 1), ("DescribeSecret", 3)] {
        assert!(counts.get(action).is_none_or(|count| *count <= most), "{action}: {counts:?}");
    }
}

/// Users move to the secret of the new name: that is what the change causes, and not only a field that differs.
#[test]
fn another_name_of_the_secret_shows_whom_it_moves() {
    let repository = Repository::with_rule(&rule(r#""day-50""#, ""));
    let secret = r#"
[[secrets]]
name = "/aws/iam/credentials/day-50"
tags.Owner = "day-50"
tags."keyrota:user" = "arn:aws:iam::111122223333:user/day-50"

[[secrets.versions]]
id = "keyrota-1-access-key-AKIAEXAMPLEDAY050KEY"
labels = ["AWSCURRENT"]
"#;
    repository.write("sandbox.toml", &format!("{}{secret}", crate::repository::SANDBOX));
    change(&repository, &rule(r#""day-50""#, "secret = \"/team/{user}\"\nkms-key = \"alias/keys\"\n"));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(names(&plan["caused"]), ["day-50"]);
    let caused = &plan["caused"][0];
    assert_eq!(
        (&caused["action"], &caused["reason"], &caused["destination"]),
        (&json!("create"), &json!("moved"), &json!("/team/day-50"))
    );
    change(&repository, &rule(r#""day-50""#, "kms-key = \"alias/keys\"\n"));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    let caused = &plan["caused"][0];
    assert_eq!((&caused["action"], &caused["key"]), (&json!("update"), &Value::Null));
    assert_eq!((&caused["key-ref"], &plan["summary"]["update"]), (&json!("kms-key=alias/keys"), &json!(1)));
}

/// Where the manifests schedule nothing, the function runs by the schedule that is built in.
#[test]
fn without_a_schedule_the_next_run_is_that_of_the_default_one() {
    let shared = crate::repository::SHARED;
    let without = shared.split("\n[schedule]").next().expect("a beginning");
    let repository = Repository::with_rule(&rule(r#""day-10""#, ""));
    repository.write("manifests/keyrota.toml", without);
    repository.commit();
    change(&repository, &rule(r#""day-10""#, "max-age = \"15d\"\noverlap = \"1d\"\nhold = \"1d\"\n"));
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(names(&plan["caused"]), [] as [&str; 0]);
    assert_eq!(plan["next-run"]["as-of"], "2026-12-01T08:00:00Z");
    assert_eq!(names(&plan["next-run"]["caused"]), ["day-10"]);
}

/// A rename in mid-rotation: nothing is done now, and later everything goes on otherwise. No line calls that no change, and a
/// key that both looks ahead delete is named once.
#[test]
fn a_rename_in_mid_rotation_is_not_called_no_change() {
    let repository = Repository::with_rule(&rule(r#""busy""#, "quiet = \"8d\"\n"));
    let account = r#"
now = 2026-11-25T08:00:00Z
account = "111122223333"
region = "eu-west-1"

[[users]]
name = "busy"
keys = [
    { id = "AKIAEXAMPLEBUSYOLD01", created = 2026-08-01, last-used = 2026-11-23T07:30:00Z },
    { id = "AKIAEXAMPLEBUSYNEW02", created = 2026-11-23T08:00:00Z },
]

[[secrets]]
name = "/aws/iam/credentials/busy"
tags.Owner = "busy"
tags."keyrota:user" = "arn:aws:iam::111122223333:user/busy"
tags."keyrota:notified" = "AKIAEXAMPLEBUSYNEW02"

[[secrets.versions]]
id = "keyrota-1-access-key-AKIAEXAMPLEBUSYNEW02"
labels = ["AWSCURRENT"]
"#;
    repository.write("sandbox.toml", account);
    change(&repository, &rule(r#""busy""#, "quiet = \"8d\"\nsecret = \"/team/{user}\"\n"));
    let text = repository.plan(&["--base", "HEAD"]).stdout;
    let deletions = text.lines().filter(|line| line.starts_with("- busy"));
    assert_eq!(deletions.count(), 1, "{text}");
    let last = text.lines().last().expect("a last line");
    assert!(last.starts_with("No changes now; 1 rotation goes on otherwise because of this change."), "{text}");
    // The overlap ends on the 30th; but a key of which a use is known does not go before nobody used it for `quiet`.
    let arguments = ["status", "--sandbox", "sandbox.toml", "--color", "never"];
    let status = crate::repository::keyrota(repository.path(), &arguments).stdout;
    assert!(
        status.contains("held until 2026-12-01 at least: overdue: 116d old, the limit is 90d; replaced"),
        "{status}"
    );
}
