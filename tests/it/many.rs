//! Several accounts on every screen: each line says of which it is, what is alike in many is said once, and what is left out or can't be
//! named is told as that.

use std::fmt::Write as _;

use crate::{
    command::{Folder, Ran},
    organization::{EVERYONE, ORGANIZATION, account, folder},
    support::repository::git,
};

/// The manifests of a folder become the version that a review compares with.
fn commit(folder: &Folder) {
    let git = |arguments: &[&str]| git(&folder.path("."), arguments);
    git(&["init", "--quiet", "--initial-branch=main", "."]);
    git(&["add", "manifests"]);
    git(&["commit", "--quiet", "--message", "manifests"]);
}

fn run(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[arguments, &["--sandbox", "org"]].concat())
}

fn shared(max_age: &str, more: &str) -> String {
    format!("version = 1\n\n[defaults]\nnotify = []\nmax-age = \"{max_age}\"\n\n{ORGANIZATION}{more}")
}

/// A change of the manifests of a thousand accounts with four users each: as long as one of ten.
#[test]
fn a_review_of_a_thousand_accounts_is_readable() {
    let folder = folder(EVERYONE);
    folder.write("manifests/keyrota.toml", &shared("90d", ""));
    for number in 0..1_000 {
        let unit = if number < 700 { "Workloads" } else { "Labs" };
        let more = if (20..30).contains(&number) { "refuse-entry = \"no role\"\n" } else { "" };
        // Due anyway, due by the change, and neither.
        let days = i64::try_from(number % 17).expect("few");
        let users = [("due", 91 + days), ("soon", 61 + days), ("young", 1 + days), ("new", 0)];
        folder.write(
            &format!("org/team-{number:04}.toml"),
            &account(number, &format!("{more}units = [\"{unit}\"]"), &users),
        );
    }
    commit(&folder);
    folder.write("manifests/keyrota.toml", &shared("60d", "units = [\"Workloads\"]\n"));
    let ran = run(&folder, &["plan", "--base", "HEAD"]).exits(5).shows(&[
        "\nCompared with HEAD",
        "1200 users of 300 accounts leave the scope",
        "- 600 users of 300 accounts: due in team-0700, soon in team-0700, due in team-0701 and 597 more",
        "~ 2760 users of 690 accounts: due in team-0000, new in team-0000, soon in team-0000 and 2757 more",
        "+ 82 users of 82 accounts, e.g. young in team-0015  create  new key  AKIA000000150002 reaches",
        "  … 62 more lines: `--format json` has them all",
        "Pending anyway:\n+ 1380 users of 690 accounts, e.g. due in team-0000  create",
    ]);
    assert!(ran.stdout.starts_with("700 accounts: 690 with changes, 10 not read.\n"), "{}", ran.stdout);
    assert!(ran.stdout.lines().count() < 90, "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("not read: ").count(), 1, "{}", ran.stdout);
    // Where it is the change that leaves few accounts, who leaves are many.
    folder.write("manifests/keyrota.toml", &shared("90d", "units = [\"Workloads\"]\nexcept = [\"team-0?[1-9]?\", \"team-0???\"]\n[accounts.only]\nid = \"111100000001\"\n"));
    let ran = run(&folder, &["plan", "--base", "HEAD"]).shows(&["users of 989 accounts leave the scope"]);
    assert!(ran.stdout.lines().count() < 60, "{}", ran.stdout);
}

/// Whom a change leaves to no rule must not go unseen: their ages are asked for as a plan does.
#[test]
fn a_review_knows_how_old_the_keys_of_unmanaged_users_are() {
    let folder = folder(EVERYONE);
    folder.write("org/a.toml", &account(1, "", &[("ci", 10), ("jane", 200)]));
    folder.write("org/b.toml", &account(2, "", &[("ci", 10), ("jane", 200)]));
    commit(&folder);
    folder.write("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"ci\"]\n");
    let text = run(&folder, &["plan", "--base", "HEAD"]).exits(0).shows(&[
        "warning: in a: 1 user that no rule selects has a key that is older than the 90d",
        "warning: in b: 1 user that no rule selects has a key that is older than the 90d",
    ]);
    assert!(!text.stdout.contains("not known"), "{}", text.stdout);
    let json = run(&folder, &["plan", "--base", "HEAD", "--format", "json"]).json();
    let unmanaged = json["unmanaged"].as_array().expect("a list");
    assert_eq!(unmanaged.len(), 2, "{json:#}");
    assert!(unmanaged.iter().all(|one| one["over-age"] == true), "{json:#}");
    let page = run(&folder, &["plan", "--base", "HEAD", "--format", "markdown"]).stdout;
    assert!(page.contains("over age: 200d old") && page.contains("in a: 1 user"), "{page}");
}

/// Of several accounts each line says of which it is; of one none does.
#[test]
fn each_line_names_its_account_where_there_are_several() {
    let folder = folder("\n[[rotate]]\nusers = [\"ci\"]\n");
    folder.write("org/a.toml", &account(1, "", &[("ci", 40), ("jane", 200)]));
    folder.write("org/b.toml", &account(2, "", &[("ci", 10), ("jane", 300)]));
    run(&folder, &["plan"]).exits(0).shows(&[
        "warning: in a: 1 user that no rule selects has a key",
        "warning: in b: 1 user that no rule selects has a key",
        "(ci in a).",
    ]);
    let page = run(&folder, &["plan", "--format", "markdown"]).stdout;
    assert!(page.contains("**Warning:** ``in a: 1 user") && page.contains("**Warning:** ``in b: 1 user"), "{page}");
    let ran = run(&folder, &["plan", "--account", "a"]).exits(0).shows(&["warning: 1 user that no rule", "(ci)."]);
    assert!(!ran.stdout.contains("in a"), "{}", ran.stdout);
    // One that can't be read is another one all the same.
    folder.write("org/b.toml", &account(2, "refuse-entry = \"no role\"", &[("ci", 10)]));
    run(&folder, &["plan"]).exits(5).shows(&["warning: in a: 1 user that no rule", "(ci in a)."]);
}

/// Two keys in use in each of fourteen accounts: the ids and ages differ, and the cause is one.
fn stuck() -> Folder {
    let folder = folder(EVERYONE);
    for number in 0..14 {
        let days = i64::try_from(number).expect("few");
        let mut text = account(number, "", &[("ci", 120 + days)]);
        let key = "last-used = 2026-11-25T08:00:00Z\n";
        write!(
            text,
            "{key}\n[[users.keys]]\nid = \"AKIA{number:08}9999\"\ncreated = 2026-06-0{}\n{key}",
            1 + number % 9
        )
        .expect("a String takes everything");
        folder.write(&format!("org/team-{number:02}.toml"), &text);
    }
    folder
}

#[test]
fn what_differs_by_keys_and_ages_is_one_cause() {
    let folder = stuck();
    let plan = run(&folder, &["plan"]).exits(0).shows(&["\n14 accounts: team-00, team-01, ", "! ci  blocked", "<key>"]);
    assert_eq!(plan.stdout.matches("! ci  blocked").count(), 1, "{}", plan.stdout);
    let explain = run(&folder, &["explain", "ci"]).exits(0).shows(&[
        "\n  14 accounts (team-00, team-01, team-02 and 11 more)  <key>",
        "\n  14 accounts: 2026-11-26 blocked: ",
    ]);
    assert!(explain.stdout.matches("blocked: ").count() == 2, "{}", explain.stdout);
    run(&folder, &["plan", "--format", "github"])
        .exits(0)
        .shows(&["::ci in team-00: a new key is due", "::ci in team-13: "]);
    // Of a few each has its own key, with which somebody is to do something.
    for number in 3..14 {
        folder.write(&format!("org/team-{number:02}.toml"), &account(number, "", &[("ci", 10)]));
    }
    for screen in [&["plan"][..], &["explain", "ci"]] {
        let ran = run(&folder, screen).exits(0);
        for number in 0..3 {
            assert!(ran.stdout.contains(&format!("move clients off AKIA{number:08}9999")), "{}", ran.stdout);
        }
    }
}

#[test]
fn a_report_tells_of_accounts_that_are_left_out_and_of_names_that_several_have() {
    let exempt = "\n[[exempt]]\nuser = \"ci\"\naccount = \"shop\"\nreason = \"by hand\"\n";
    let folder = folder(&format!("{EVERYONE}{exempt}"));
    folder.write("manifests/keyrota.toml", &shared("90d", "except = [\"lab\"]\n"));
    for (number, name) in [(1, "shop"), (2, "shop"), (3, "tools"), (4, "lab")] {
        let text = account(number, &format!("account-name = \"{name}\""), &[("ci", 10)]);
        folder.write(&format!("org/{number}.toml"), &text);
    }
    let csv = run(&folder, &["report", "--format", "csv"]).exits(0).stdout;
    let row = csv.lines().find(|line| line.contains(",lab,")).expect("the one that is left out has a row");
    assert!(row.contains(",111100000004,lab,") && row.contains(",left-out,"), "{row}");
    let columns = |line: &str| line.split(',').count();
    let header = columns(csv.lines().next().expect("a header"));
    assert!(columns(row) == header && row.ends_with(",,,"), "no control is said to be met: {row}");
    run(&folder, &["report"]).exits(0).shows(&["ci in shop (111100000001, 111100000002)"]);
    run(&folder, &["report", "--format", "html"]).exits(0).shows(&["shop (111100000001, 111100000002)"]);
}

/// A file that says no region is where the manifests say.
#[test]
fn a_sandbox_is_in_the_region_of_the_manifests() {
    let folder = folder(EVERYONE);
    folder.write(
        "manifests/keyrota.toml",
        &shared("90d", "region = \"eu-central-1\"\n[accounts.far]\nid = \"111100000002\"\nregion = \"ap-south-1\"\n"),
    );
    let without = |number: usize| account(number, "", &[("ci", 95)]).replace("region = \"eu-west-1\"\n", "");
    folder.write("org/a.toml", &without(1));
    folder.write("org/b.toml", &without(2));
    folder.write("org/c.toml", &account(3, "", &[("ci", 95)]));
    run(&folder, &["plan"]).exits(0).shows(&["(a), eu-central-1", "(far), ap-south-1", "(c), eu-west-1"]);
    run(&folder, &["apply", "--yes"]).exits(0).shows(&["3 created"]);
    assert!(folder.read("org/a.toml").contains("region = \"eu-central-1\""), "where its secret is now");
}

/// What is outside of the units is told as that, whatever id stands next to it.
#[test]
fn an_account_outside_of_the_units_is_no_misspelt_other() {
    let folder = folder(EVERYONE);
    folder.write("manifests/keyrota.toml", &shared("90d", "units = [\"Workloads\"]\n"));
    folder.write("org/a.toml", &account(1, "units = [\"Workloads\"]", &[("ci", 10)]));
    folder.write("org/b.toml", &account(2, "units = [\"Labs\"]", &[("ci", 10)]));
    for name in ["111100000002", "b"] {
        let ran = run(&folder, &["plan", "--account", name]).exits(1);
        let ran = ran.says(&["the account is not looked at: below none of the `units` of `[organization]`"]);
        assert!(!ran.stderr.contains("did you mean"), "{}", ran.stderr);
    }
    // What was not listed may be anywhere.
    let ran = run(&folder, &["plan", "--account", "111100000003"]).exits(1);
    let ran = ran.says(&["no account of this id is below the `units` of `[organization]`", "declare it as"]);
    assert!(!ran.stderr.contains("111100000001"), "{}", ran.stderr);
    run(&folder, &["plan", "--account", "111100000001"]).exits(0);
    run(&folder, &["report"]).exits(0).shows(&["111100000001 (a)"]);
}

/// A name is everybody's who has it, whoever gave it: rules select all of them, and who is to name one gives its id.
#[test]
fn a_declared_account_may_have_the_name_of_another_one_of_the_organisation() {
    let folder = folder("\n[[rotate]]\naccounts = [\"shop\"]\nusers = [\"ci\"]\n");
    folder.write("manifests/keyrota.toml", &shared("90d", "[accounts.shop]\nid = \"111100000001\"\n"));
    folder.write("org/a.toml", &account(1, "account-name = \"old-shop\"", &[("ci", 95)]));
    folder.write("org/b.toml", &account(2, "account-name = \"shop\"", &[("ci", 95)]));
    folder.write("org/c.toml", &account(3, "account-name = \"tools\"", &[("ci", 95)]));
    run(&folder, &["plan", "--format", "json"]).exits(0);
    let plan = run(&folder, &["plan"]).exits(0).shows(&["Plan: 2 to create"]);
    assert!(!plan.stdout.contains("\n+ ci  create  new key  AKIA000000030000"), "{}", plan.stdout);
    run(&folder, &["plan", "--account", "shop"])
        .exits(1)
        .says(&["`--account shop`: 2 accounts have this name", "name one by its id: 111100000001, 111100000002"]);
    // Either has its id beside the name.
    let status = run(&folder, &["status", "--account", "111100000001", "--account", "111100000002"]).exits(0);
    status.shows(&["2 users in scope of 2 accounts"]);
    let warning = run(&folder, &["report", "--format", "csv"]).exits(0).stdout;
    assert_eq!(warning.lines().filter(|line| line.contains(",shop,ci,")).count(), 2, "{warning}");
}
