//! Organisations: which accounts there are, and what a thousand of them look like. A folder of sandboxes is one.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use keyrota::{
    inventory::{Account, Membership, Unit},
    manifest::{self, Manifest},
    organization::{Found, Listed, Member, Question},
};
use serde_json::json;

use crate::{command::Folder, manifest::now};

pub const ORGANIZATION: &str = "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n";

fn manifest(shared: &str, rules: &str) -> Manifest {
    let shared = format!("version = 1\n[defaults]\nnotify = []\n{shared}");
    let files = [("keyrota.toml", shared), ("team.toml", format!("version = 1\n{rules}"))];
    let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes())).into();
    let loaded = manifest::load_files(files, now());
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn unit(id: &str, path: &str) -> Unit {
    Unit { id: id.to_owned(), path: path.to_owned() }
}

fn units() -> Vec<Unit> {
    vec![
        unit("r-ab12", "Root"),
        unit("ou-ab12-workload", "Workloads"),
        unit("ou-ab12-prodprod", "Workloads/Prod"),
        unit("ou-ab12-otherone", "Twin"),
        unit("ou-ab12-othertwo", "Twin"),
    ]
}

fn member(id: &str, name: &str, depth: usize) -> Member {
    let membership = Arc::new(Membership { units: units()[..depth].to_vec(), ..Membership::default() });
    Member { id: id.to_owned(), name: name.to_owned(), inactive: None, membership }
}

fn listed() -> Listed {
    let suspended = Member { inactive: Some("PENDING_CLOSURE".to_owned()), ..member("111122220005", "old", 2) };
    let members = vec![
        member("111122220001", "management", 1),
        member("111122220002", "shop", 3),
        member("111122220003", "Shop", 2),
        member("111122220004", "sandbox-1", 2),
        suspended,
    ];
    Listed { units: units(), members, is_whole: true }
}

fn names(found: &Found) -> Vec<(&str, &str)> {
    found.accounts.iter().map(|(name, account)| (name.as_str(), &account.id[8..])).collect()
}

#[test]
fn units_and_exceptions_leave_accounts_out_and_declarations_win() {
    for (more, expected) in [
        ("", &[("management", "0001"), ("sandbox-1", "0004"), ("shop", "0002"), ("Shop", "0003")][..]),
        ("units = [\"Workloads\"]\nexcept = [\"SANDBOX-*\"]", &[("shop", "0002"), ("Shop", "0003")]),
        ("units = [\"ou-ab12-prodprod\"]", &[("shop", "0002")]),
        (
            "units = [\"r-ab12\"]\nexcept = [\"111122220003\", \"*\"]\n[accounts.mine]\nid = \"111122220003\"",
            &[("mine", "0003")],
        ),
        ("units = [\"Workloads/Prod\"]\n[accounts.far]\nid = \"999999999999\"", &[("far", "9999"), ("shop", "0002")]),
    ] {
        let found = Found::within(&manifest(&format!("{ORGANIZATION}{more}"), ""), &listed(), None);
        assert_eq!(names(&found), expected, "{more}");
        assert!(found.diagnostics.is_empty(), "{more}: {:?}", found.diagnostics);
    }
    let declared = "region = \"eu-west-1\"\n[accounts.a]\nid = \"111122220002\"\n[accounts.b]\nid = \"111122220003\"\nrole = \"own\"\n\
                    region = \"eu-south-2\"\n[accounts.c]\nid = \"999999999999\"\n";
    let found = Found::within(&manifest(&format!("{ORGANIZATION}{declared}"), ""), &listed(), Some("111122220001"));
    let said: Vec<_> = found
        .accounts
        .iter()
        .map(|(name, one)| (name.as_str(), one.role.as_deref(), one.external_id.as_deref(), one.region.as_deref()))
        .collect();
    assert_eq!(
        said,
        [
            ("a", Some("keyrota"), Some("keyrota-4f1c"), Some("eu-west-1")),
            // Its role has a trust policy of its own.
            ("b", Some("own"), None, Some("eu-south-2")),
            ("c", None, None, None),
            // The caller needs no role where it is.
            ("management", None, None, Some("eu-west-1")),
            ("sandbox-1", Some("keyrota"), Some("keyrota-4f1c"), Some("eu-west-1")),
        ]
    );
    let note = found.note().expect("one is suspended");
    assert!(note.contains("old (111122220005, pending closure)"), "{note}");
    assert_eq!(found.left_out().len(), 1);
    // The account of a review has the name that its version gives it.
    let account = |id: &str| Account {
        id: id.to_owned(),
        name: None,
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    };
    let named = found.named(&account("111122220002")).expect("is looked at");
    assert_eq!((named.name.as_deref(), named.membership.map_or(0, |it| it.units.len())), (Some("a"), 3));
    assert_eq!(found.named(&account("111122220005")), None);
}

#[test]
fn what_the_organisation_has_not_is_told_with_what_was_meant() {
    let rules = "[[rotate]]\nusers = [\"*\"]\nunits = [\"Workload\", \"prod\", \"Twin\", \"nowhere\", \"Workloads/Q\"]\n\
                 [[rotate]]\nusers = [\"x\"]\naccounts = [\"shp\", \"shop\", \"payments-*\", \"OLD\", \"111122220009\"]\n\
                 [[exempt]]\nuser = \"x\"\naccount = \"managment\"\nreason = \"r\"\n";
    let shared = format!("{ORGANIZATION}units = [\"Root\", \"Sandbox\"]\nexcept = [\"lab\", \"shop\"]\n");
    let found = Found::within(&manifest(&shared, rules), &listed(), None);
    let said: Vec<String> = found
        .diagnostics
        .iter()
        .map(|one| {
            let help = one.help.as_deref().unwrap_or_default();
            format!("{} {:?} {}:{} {}; {help}", one.code.as_str(), one.severity, one.file(), one.line(), one.message)
        })
        .collect();
    let twins = "name the one that is meant by its id: `ou-ab12-otherone` or `ou-ab12-othertwo`";
    let expected = [
        "KR0092 Error keyrota.toml:7 the organisation has no unit `Sandbox`; those at the top are `Root`, `Workloads` or `Twin`",
        "KR0026 Warning keyrota.toml:8 `except` leaves nobody out: no account that is looked at is called `lab`; accounts are named as in \
         AWS Organizations, or by their 12 digits",
        "KR0092 Error team.toml:4 the organisation has no unit `Workload`; did you mean `Workloads`?",
        "KR0092 Error team.toml:4 the organisation has no unit `prod`; did you mean `Workloads/Prod`? A unit is named from the root down",
        &format!("KR0092 Error team.toml:4 the organisation has 2 units `Twin`; {twins}"),
        "KR0092 Error team.toml:4 the organisation has no unit `nowhere`; those at the top are `Root`, `Workloads` or `Twin`",
        "KR0092 Error team.toml:4 the organisation has no unit `Workloads/Q`; those below `Workloads` are `Workloads/Prod`",
        "KR0026 Warning team.toml:7 `shp` matches no account that is looked at; did you mean `shop` (111122220002, 111122220003)?",
        "KR0026 Warning team.toml:7 `payments-*` matches no account that is looked at; accounts are named as in AWS Organizations, or by \
         their 12 digits",
        "KR0026 Warning team.toml:7 `111122220009` matches no account that is looked at; did you mean 111122220001 (`management`)?",
        "KR0025 Warning team.toml:8 the exemption of `x` holds nowhere: no account that is looked at is called `managment`; did you mean \
         `management` (111122220001)?",
    ];
    assert_eq!(said, expected, "{said:#?}");
    // One account of many tells nothing of the others.
    let one = Listed { is_whole: false, ..listed() };
    assert!(Found::within(&manifest(&shared, rules), &one, None).diagnostics.is_empty());
}

/// What holds nowhere selects nobody, and nothing else would say so.
#[test]
fn a_rule_that_holds_in_no_account_is_told() {
    for (more, is_told) in [
        ("units = [\"Workloads/Prod\"]", false),
        ("account-tags = { team = \"payments\" }", true),
        ("units = [\"Workloads/Prod\"]\naccounts = [\"management\"]", true),
    ] {
        let found =
            Found::within(&manifest(ORGANIZATION, &format!("[[rotate]]\nusers = [\"*\"]\n{more}\n")), &listed(), None);
        let said: Vec<&str> = found.diagnostics.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(said.contains(&"the rule holds in no account that is looked at"), is_told, "{more}: {said:?}");
    }
}

/// An account that `[accounts]` calls otherwise is the one that AWS Organizations calls by its own name all the same.
#[test]
fn a_declared_account_keeps_the_name_that_its_organisation_gives_it() {
    let rules = "[[rotate]]\nusers = [\"*\"]\naccounts = [\"shop\"]\n";
    let declared = "[accounts.payments]\nid = \"111122220002\"\nrole = \"own\"\n";
    let found = Found::within(&manifest(&format!("{ORGANIZATION}{declared}"), rules), &listed(), None);
    assert!(found.diagnostics.is_empty(), "{:?}", found.diagnostics);
    // Left out of the organisation, it is as if there were none.
    let left_out = format!("{ORGANIZATION}except = [\"shop\"]\n{}", declared.replace("role = \"own\"\n", ""));
    let found = Found::within(&manifest(&left_out, ""), &listed(), None);
    let payments = found.accounts.iter().find(|(name, _)| name == "payments").expect("it is declared");
    assert_eq!((payments.1.role.as_deref(), payments.1.external_id.as_deref()), (None, None));
}

#[test]
fn no_more_is_asked_than_the_manifests_need() {
    let with = |shared: &str, rules: &str| manifest(&format!("{ORGANIZATION}{shared}"), rules);
    let by_unit = "[[rotate]]\nusers = [\"*\"]\nunits = [\"A\"]\n";
    let by_tag = "[[rotate]]\nusers = [\"*\"]\naccount-tags = { a = \"b\" }\n";
    let asked = |manifests: &[&Manifest]| {
        let Question { units, tags, within } = Question::of(manifests.iter().copied()).expect("an organisation");
        (units, tags, within.into_iter().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(asked(&[&with("", "")]), (false, false, String::new()));
    assert_eq!(asked(&[&with("", by_unit)]), (true, false, String::new()));
    assert_eq!(asked(&[&with("units = [\"A\", \"B\"]", by_tag)]), (true, true, "A B".to_owned()));
    // Of two versions, what either asks.
    assert_eq!(
        asked(&[&with("units = [\"A\"]", ""), &with("units = [\"B\"]", by_tag)]),
        (true, true, "A B".to_owned())
    );
    assert_eq!(asked(&[&with("units = [\"A\"]", ""), &with("", "")]), (true, false, String::new()));
    assert_eq!(Question::of([&manifest("", "")]), None);
    let actions = |manifest: &Manifest| Question::of([manifest]).expect("an organisation").actions().len();
    assert_eq!((actions(&with("", "")), actions(&with("", by_unit)), actions(&with("", by_tag))), (2, 4, 3));
}

/// A sandbox of one account: a key so many days old for each of these users.
pub fn account(number: usize, more: &str, users: &[(&str, i64)]) -> String {
    let mut text =
        format!("now = 2026-11-26T08:00:00Z\naccount = \"1111{number:08}\"\nregion = \"eu-west-1\"\n{more}\n");
    for (position, (user, days)) in users.iter().enumerate() {
        let created = "2026-11-26T07:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().expect("a time");
        let created = (created - chrono::TimeDelta::days(*days)).format("%Y-%m-%dT%H:%M:%SZ");
        write!(
            text,
            "\n[[users]]\nname = \"{user}\"\n[[users.keys]]\nid = \"AKIA{number:08}{position:04}\"\ncreated = {created}\n"
        )
        .expect("a String takes everything");
    }
    text
}

pub fn folder(rules: &str) -> Folder {
    Folder::new(&[
        ("manifests/keyrota.toml", &format!("version = 1\n\n[defaults]\nnotify = []\n\n{ORGANIZATION}")),
        ("manifests/team.toml", &format!("version = 1\n{rules}")),
    ])
}

pub const EVERYONE: &str = "\n[[rotate]]\nusers = [\"*\"]\n";

/// A thousand accounts: in three something is due, in two something is blocked, ten can't be entered, one is suspended.
fn thousand() -> Folder {
    let folder = folder(EVERYONE);
    for number in 0..1_000 {
        let more = match number {
            10..20 => format!(
                "refuse-entry = \"role arn:aws:iam::1111{number:08}:role/keyrota could not be assumed: AccessDenied\"\n"
            ),
            20 => "account-state = \"SUSPENDED\"\n".to_owned(),
            _ => String::new(),
        };
        let age = if number < 3 { 95 } else { 10 };
        let mut text = account(number, &format!("{more}units = [\"Workloads/Team-{}\"]", number % 7), &[("ci", age)]);
        if matches!(number, 30 | 31) {
            // Somebody else's secret stands where the credential goes.
            text = account(number, "", &[("ci", 95)]) + "\n[[secrets]]\nname = \"/aws/iam/credentials/ci\"\n";
        }
        folder.write(&format!("org/team-{number:04}.toml"), &text);
    }
    folder
}

#[test]
fn a_thousand_accounts_are_readable_and_ten_that_cannot_be_entered_stop_no_other() {
    let folder = thousand();
    let run = |arguments: &[&str]| folder.run(&[arguments, &["--sandbox", "org"]].concat());
    let sentence =
        "999 accounts: 3 with changes, 2 blocked, overdue or not known, 984 with nothing to be done, 10 not read";
    let unread = "10 accounts: role arn:aws:iam::<account>:role/keyrota could not be assumed: AccessDenied: team-0010, team-0011";

    // Looked at once, and written as everything.
    let written = ["--json-into", "as.json", "--markdown-into", "as.md"];
    let document = || -> serde_json::Value { serde_json::from_str(&folder.read("as.json")).expect("JSON") };
    let plan = run(&[&["plan"], &written[..]].concat()).exits(5).says(&[
        "1 account is left out",
        "team-0020",
        &format!("error: {unread}"),
    ]);
    let plan = plan.shows(&[&format!("! not read: {unread}"), "984 accounts: nothing to be done", "Plan: 3 to create"]);
    assert!(plan.stdout.starts_with(&format!("{sentence}.\n")), "{}", plan.stdout);
    assert!(plan.stdout.lines().count() < 40, "{}", plan.stdout);
    for shown in ["(team-0000)", "(team-0030)"] {
        assert!(plan.stdout.contains(shown), "{shown}");
    }
    assert!(!plan.stdout.contains("(team-0500)"), "nothing is to be done there");

    let json = document();
    assert_eq!(json["summary"]["accounts"], json!({ "changes": 3, "stuck": 2, "quiet": 984, "unread": 10 }));
    assert_eq!(json["accounts-unread"].as_array().map(Vec::len), Some(10));
    assert_eq!(json["digest"], json!(null), "something is not known");
    let accounts = json["accounts"].as_array().expect("a list");
    assert_eq!(accounts.len(), 989);
    assert_eq!(accounts[0]["account-name"], "team-0000");
    assert_eq!((&accounts[0]["standing"], &accounts[0]["unit"]), (&json!("changes"), &json!("Workloads/Team-0")));
    let page = folder.read("as.md");
    assert!(page.starts_with("### keyrota: 999 accounts, 10 of them not read; 3 to create"), "{page}");
    assert!(page.contains(sentence) && page.contains("**Not read:** `10 accounts: role"), "{page}");
    assert!(page.len() < 10_000, "{} bytes", page.len());

    let status = run(&[&["status"], &written[..]].concat()).exits(5).shows(&[
        sentence,
        unread,
        "984 accounts: nothing to be done; next rotation",
        "989 users in scope of 989 accounts, 0 unmanaged, 5 overdue.",
    ]);
    assert!(status.stdout.lines().count() < 50, "{}", status.stdout);
    assert_eq!(document()["accounts"].as_array().map(Vec::len), Some(989));
    let page = folder.read("as.md");
    assert!(page.contains(sentence) && page.len() < 10_000, "{} bytes", page.len());
    run(&["plan", "--account", "team-0020"])
        .exits(1)
        .says(&["the account is not looked at: suspended in AWS Organizations"]);
    run(&["status", "--account", "team-0500"]).exits(0).shows(&["(team-0500)", "ci"]);
    run(&["status", "--account", "team-050?", "--account", "111100000000"])
        .exits(0)
        .shows(&["11 accounts: 1 with changes"]);

    let forecast = run(&["forecast"]).stdout;
    assert!(forecast.lines().count() < 80, "{forecast}");
    for part in ["By the day of the first step there", "984 accounts", "(team-0030)", "! not read", "10 accounts: role"]
    {
        assert!(forecast.contains(part), "{part}: {forecast}");
    }

    let doctor =
        run(&["doctor"]).exits(1).shows(&["999 accounts to look at (1 suspended or closed, left out)", unread]);
    assert!(doctor.stdout.lines().count() < 40, "{}", doctor.stdout);
}

/// Fourteen accounts: in one a key is too old, and two can't be entered.
pub fn fourteen() -> Folder {
    let folder = folder(EVERYONE);
    for number in 0..14 {
        let more = if number < 2 { "refuse-entry = \"no role\"" } else { "" };
        let age = if number == 5 { 200 } else { 10 };
        folder.write(&format!("org/team-{number:02}.toml"), &account(number, more, &[("ci", age)]));
    }
    folder
}

#[test]
fn a_report_counts_accounts_and_hides_none() {
    let folder = fourteen();
    let run = |arguments: &[&str]| folder.run(&[arguments, &["--sandbox", "org"]].concat());
    let text = run(&["report"]).exits(5);
    text.shows(&["12 accounts (2 more not read), as of", "ci in team-05", "2 accounts: no role: team-00, team-01"]);
    let html = run(&["report", "--format", "html"]).exits(5).stdout;
    for part in [
        "2 accounts were not read",
        "2 accounts: no role: team-00, team-01",
        "111100000005 (team-05)",
        "11 accounts: 11 active keys and every one passes",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let json = run(&["report", "--format", "json"]).exits(5).json();
    assert_eq!(json["completeness"]["accounts-unread"].as_array().map(Vec::len), Some(2));
    let csv = run(&["report", "--format", "csv"]).exits(5).stdout;
    let named: BTreeSet<&str> = csv.lines().skip(1).filter_map(|line| line.split(',').nth(3)).collect();
    assert_eq!(named.len(), 14, "{csv}");
    let unread: Vec<&str> =
        csv.lines().filter(|line| line.contains(",unreadable,") && line.contains("no role")).collect();
    assert_eq!(unread.len(), 2, "an account that was not read has a row: {csv}");
    // A report of some says which it leaves out.
    let json = run(&["report", "--format", "json", "--account", "team-05"]).exits(0).json();
    assert_eq!(json["completeness"]["accounts-left-out"].as_array().map(Vec::len), Some(13), "{json:#}");
    run(&["report", "--account", "team-05"]).exits(0).shows(&["Left out: ", "team-00", "3 more"]);
}

#[test]
fn a_folder_of_sandboxes_is_rehearsed_with() {
    let by_unit = "\n[[rotate]]\nusers = [\"*\"]\nunits = [\"Workloads/Prod\"]\n\n[[rotate]]\nusers = [\"*\"]\naccount-tags = { stage = \"dev\" }\n";
    let folder = folder(by_unit);
    let now = "overlap = \"0d\"\n";
    folder.write(
        "manifests/keyrota.toml",
        &format!("version = 1\n\n[defaults]\nnotify = []\n{now}\n{ORGANIZATION}except = [\"lab\"]\n"),
    );
    folder.write("org/a.toml", &account(1, "account-name = \"shop\"\nunits = [\"Workloads/Prod\"]", &[("ci", 95)]));
    folder.write("org/b.toml", &account(2, "units = [\"Workloads/Dev\"]\naccount-tags.stage = \"dev\"", &[("ci", 95)]));
    folder.write("org/lab.toml", &account(3, "units = [\"Workloads/Prod\"]", &[("ci", 95)]));
    folder.write("org/none.toml", &account(4, "", &[("ci", 95)]));
    let before = [folder.read("org/lab.toml"), folder.read("org/none.toml")];
    let run = |arguments: &[&str]| folder.run(&[arguments, &["--sandbox", "org"]].concat());
    run(&["plan"]).exits(0).shows(&["(shop)", "(b)", "Plan: 2 to create"]);
    run(&["apply", "--yes"]).exits(0).shows(&["2 created", "+ ci in b ", "+ ci in shop "]);
    // What is written keeps its place in the organisation, and what is left out stays as its author wrote it.
    assert!(folder.read("org/a.toml").contains("account-name = \"shop\"\nunits = [\"Workloads/Prod\"]\n"));
    assert!(folder.read("org/b.toml").contains("account-tags.stage = \"dev\""));
    assert_eq!(folder.read("org/lab.toml"), before[0]);
    run(&["plan", "--account", "lab"]).exits(1).says(&["the account is not looked at: left out by `except`"]);
    run(&["report"]).exits(0).shows(&["Left out: 111100000003 (lab)"]);
    run(&["plan"]).exits(0).shows(&["No changes", "in scope"]);
    // A file of it is one account of many.
    folder.run(&["plan", "--sandbox", "org/none.toml"]).exits(0).shows(&["No changes. 0 users in scope"]);
    // What is wrong with it is said.
    folder.write("org/again.toml", &account(1, "", &[]));
    run(&["plan"]).exits(1).says(&["account 111100000001 is in", "a file is an account"]);
    std::fs::remove_file(folder.path("org/again.toml")).expect("was there");
    folder.write("manifests/team.toml", "version = 1\n[[rotate]]\nusers = [\"*\"]\nunits = [\"Workloads/Live\"]\n");
    run(&["plan"]).exits(1).says(&["KR0092", "has no unit `Workloads/Live`"]);
    run(&["doctor"]).exits(1).shows(&["✗ organization", "Workloads/Live", "manifests/team.toml:4"]);
    folder.write("manifests/keyrota.toml", "version = 1\n\n[defaults]\nnotify = []\n");
    folder.write("manifests/team.toml", &format!("version = 1\n{EVERYONE}"));
    run(&["plan"]).exits(1).says(&["the sandbox is 4 accounts, and the manifests name none"]);
    folder.write("empty/readme.txt", "");
    folder.run(&["plan", "--sandbox", "empty"]).exits(1).says(&["the folder holds no sandbox"]);
}

#[test]
fn a_review_counts_accounts_first_and_shows_who_leaves() {
    let folder = folder(EVERYONE);
    for number in 0..30 {
        let unit = if number < 15 { "Workloads" } else { "Labs" };
        let more = if number == 3 { "refuse-entry = \"no role\"\n" } else { "" };
        let text =
            account(number, &format!("{more}units = [\"{unit}\"]"), &[("ci", if number == 4 { 89 } else { 10 })]);
        folder.write(&format!("org/team-{number:02}.toml"), &text);
    }
    let git = |arguments: &[&str]| crate::support::repository::git(&folder.path("."), arguments);
    git(&["init", "--quiet", "--initial-branch=main", "."]);
    git(&["add", "manifests"]);
    git(&["commit", "--quiet", "--message", "manifests"]);
    let shared =
        |more: &str| format!("version = 1\n\n[defaults]\nnotify = []\nmax-age = \"80d\"\n\n{ORGANIZATION}{more}");
    folder.write("manifests/keyrota.toml", &shared("units = [\"Workloads\"]\n"));
    let run = |arguments: &[&str]| folder.run(&[arguments, &["--base", "HEAD", "--sandbox", "org"]].concat());
    let page = run(&["plan", "--format", "markdown"]).exits(5).stdout;
    assert!(page.starts_with("### keyrota: 15 accounts, 1 of them not read; "), "{page}");
    for part in [
        "**Accounts:** 15 accounts: 1 with changes, 13 with nothing to be done, 1 not read.",
        "**Not read:** `account 111100000003 (team-03): no role`",
        "15 users of 15 accounts leave the scope",
        "organization",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let text = run(&["plan"]).exits(5).shows(&[
        "15 users of 15 accounts leave the scope",
        "+ ci in team-04  create",
        "! not read: account 111100000003 (team-03): no role",
    ]);
    assert!(text.stdout.starts_with("15 accounts: 1 with changes, "), "{}", text.stdout);
    let json = run(&["plan", "--format", "json"]).exits(5).json();
    assert_eq!(json["scope"]["left"].as_array().map(Vec::len), Some(15), "{json:#}");
    assert_eq!(json["summary"]["accounts"]["changes"], 1);
}

#[test]
fn what_is_stuck_alike_in_many_accounts_is_said_once() {
    let folder = folder(
        "\n[[rotate]]\nusers = [\"c*\"]\nunits = [\"Workloads\"]\n\n[[rotate]]\nusers = [\"ci*\"]\nunits = [\"Workloads/Prod\"]\n",
    );
    for number in 0..14 {
        let users = [(if number == 13 { "ci-else" } else { "ci" }, 10), ("web", 200)];
        folder.write(&format!("org/team-{number:02}.toml"), &account(number, "units = [\"Workloads/Prod\"]", &users));
    }
    let run = |arguments: &[&str]| folder.run(&[arguments, &["--sandbox", "org"]].concat());
    let plan = run(&["plan"])
        .exits(0)
        .says(&["KR0035", "two rules select `ci`: nothing is done to it; and others in 1 more account"]);
    let plan = plan.shows(&[
        "14 accounts: 14 blocked, overdue or not known",
        "\n13 accounts: team-00, team-01, ",
        " and 3 more\n! ci  blocked",
        "(team-13), eu-west-1\n! ci-else  blocked",
        "unmanaged-over-age, in 14 accounts (team-00, team-01, team-02, team-03, team-04 and 9 more), e.g. in team-00: 1 user",
    ]);
    assert_eq!(plan.stdout.matches("two rules select it").count(), 2, "{}", plan.stdout);
    assert_eq!(plan.stderr.matches("KR0035").count(), 1, "{}", plan.stderr);
    let explain = run(&["explain", "ci"]).exits(0).shows(&["ci is in 13 accounts: 13 blocked, overdue or not known."]);
    assert_eq!(explain.stdout.matches("\nPolicy in ").count(), 1, "{}", explain.stdout);
}
