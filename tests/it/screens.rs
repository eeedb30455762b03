//! What many accounts look like, whatever is asked of them: counts first, what matters by name, and one line for all others. A folder
//! of sandboxes is an organisation.

use std::fs;

use serde_json::{Value, json};

use crate::command::{Folder, Ran};

const ORGANIZATION: &str = "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n";

/// A sandbox of one account: a key so many days old for each of these users.
fn account(number: usize, more: &str, users: &[(&str, i64)]) -> String {
    let created = |days: i64| {
        let created = "2026-11-26T07:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().expect("a time");
        (created - chrono::TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let users = users.iter().enumerate().map(|(position, (user, days))| {
        format!(
            "\n[[users]]\nname = \"{user}\"\n[[users.keys]]\nid = \"AKIA{number:08}{position:04}\"\ncreated = {}\n",
            created(*days)
        )
    });
    let head = format!("now = 2026-11-26T08:00:00Z\naccount = \"1111{number:08}\"\nregion = \"eu-west-1\"\n{more}\n");
    head + &users.collect::<String>()
}

fn folder(shared: &str, rules: &str) -> Folder {
    Folder::new(&[
        ("manifests/keyrota.toml", &format!("version = 1\n\n[defaults]\nnotify = []\n\n{ORGANIZATION}{shared}")),
        ("manifests/team.toml", &format!("version = 1\n{rules}")),
    ])
}

const CI: &str = "\n[[rotate]]\nusers = [\"ci\"]\n";

fn run(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[arguments, &["--sandbox", "org"]].concat())
}

/// Forty accounts, each with a user that no rule selects: in one its key is too old. In two a rotation is due, four are called
/// `shop`, and in one of those a rotation is due; one is exempt, and two can't be entered.
fn forty() -> Folder {
    let exempt = "\n[[exempt]]\nuser = \"ci\"\naccount = \"111100000020\"\nreason = \"by hand\"\n";
    let folder = folder("", &format!("{CI}{exempt}"));
    for number in 0..40 {
        let mut more = "units = [\"Workloads\"]\n".to_owned();
        if matches!(number, 1 | 2 | 3 | 30) {
            more += "account-name = \"shop\"\n";
        }
        if matches!(number, 30 | 31) {
            more += &format!(
                "refuse-entry = \"role arn:aws:iam::1111{number:08}:role/keyrota: no (Request ID: 6f1c8a1e-90ab-4cde-8f01-0000000000{number})\"\n"
            );
        }
        let ci = if number < 2 { 95 } else { 10 };
        let people = if number == 7 { 200 } else { 30 };
        folder.write(&format!("org/team-{number:02}.toml"), &account(number, &more, &[("ci", ci), ("people", people)]));
    }
    folder
}

#[test]
fn explain_tells_of_a_user_of_many_accounts_once() {
    let folder = forty();
    let explain = run(&folder, &["explain", "ci"]).exits(5).shows(&[
        "ci is in 38 accounts: 2 with changes, 36 with nothing to be done; whether in 2 accounts more is not known.",
        "\n  shop (111100000001)  AKIA000000010000  active  95d",
        "\n  team-00              AKIA000000000000  active  95d",
        "\n36 accounts: nothing to be done; 1 user waits there, as it should be; next rotation ",
        "`--account NAME` explains one.",
        "\nPolicy in 37 accounts (team-00, shop (111100000001), shop (111100000002), shop (111100000003), team-04 and 32 more)\n",
        "\nPolicy in 1 account (team-20), as above but for\n  exempt  by hand  manifests/team.toml:6\n",
        "  from 2026-11-26  2 accounts  ",
        "  1 account: exempt: by hand",
        "! not read: 2 accounts: role arn:aws:iam::<account>:role/keyrota: no (Request ID: <id>): shop (111100000030), team-31",
    ]);
    assert_eq!(explain.stdout.matches("max-age").count(), 1, "{}", explain.stdout);
    assert!(explain.stdout.lines().count() < 50, "{}", explain.stdout);
    // One of them is told as ever, and programs get them all.
    run(&folder, &["explain", "ci", "--account", "team-05"])
        .exits(0)
        .shows(&["ci, account 111100000005 (team-05)", "max-age"]);
    let json = run(&folder, &["explain", "ci", "--format", "json"]).exits(5).json();
    assert_eq!(json["users"].as_array().map(Vec::len), Some(38));
    // Who is in no account that could be read may be in another.
    run(&folder, &["explain", "people"]).exits(5).shows(&[
        "people: unmanaged, no rule selects it as far as is known: 2 accounts could not be read",
        "! not read: 2",
    ]);
    let json = run(&folder, &["explain", "people", "--format", "json"]).exits(5).json();
    assert_eq!(json["accounts-unread"].as_array().map(Vec::len), Some(2), "{json:#}");
    for command in [&["explain", "nobody"][..], &["plan", "--user", "nobody"]] {
        run(&folder, command)
            .exits(1)
            .says(&["there is no IAM user `nobody` in any account that could be read; 2 accounts could not be"]);
    }
}

#[test]
fn status_ends_with_one_total_and_counts_the_unmanaged() {
    let folder = forty();
    let status = run(&folder, &["status"]).exits(5).shows(&[
        "40 accounts: 2 with changes, 36 with nothing to be done, 2 not read.",
        "36 accounts: nothing to be done; 1 user waits there, as it should be; next rotation ",
        "\n38 users in scope of 38 accounts, 38 unmanaged, 2 overdue.\n",
    ]);
    assert_eq!(status.stdout.matches(" in scope").count(), 1, "{}", status.stdout);
    let json = run(&folder, &["status", "--format", "json"]).exits(5).json();
    assert_eq!(json["summary"]["accounts"], json!({ "changes": 2, "stuck": 0, "quiet": 36, "unread": 2 }));
    assert_eq!((&json["summary"]["users"], &json["summary"]["unmanaged"]), (&json!(38), &json!(38)));

    let unmanaged = run(&folder, &["status", "--unmanaged"]).exits(5).shows(&[
        "40 accounts: 1 with unmanaged keys over age, 37 with unmanaged users, and no such key, 2 not read.",
        "\n  account  unmanaged  keys\n  team-07  people     over age: AKIA000000070001 200d old\n",
        "\n37 more users of 37 accounts: no key is over age; `--account NAME` lists them.\n",
        "\n38 users of 38 accounts selected by no rule, 1 with keys over age.\n",
    ]);
    assert!(unmanaged.stdout.lines().count() < 12, "{}", unmanaged.stdout);
    let page = run(&folder, &["status", "--unmanaged", "--format", "markdown"]).exits(5).stdout;
    assert!(page.contains("38 users that no rule selects, 1 with keys over age"), "{page}");
    assert!(page.find("`team-07`").expect("it is there") < page.find("`team-00`").expect("it is there"), "{page}");
    // A few are shown as they are.
    let few = ["status", "--unmanaged", "--account", "team-0?"];
    run(&folder, &few).exits(0).shows(&["Account 111100000007 (team-07)", "7 users of 7 accounts selected by no rule"]);
    run(&folder, &["status", "--account", "team-05"]).exits(0).shows(&["1 user in scope, 1 unmanaged.\n"]);
}

#[test]
fn a_forecast_and_a_report_count_accounts() {
    let folder = forty();
    let json = run(&folder, &["forecast", "--format", "json"]).exits(5).json();
    assert_eq!((&json["summary"]["accounts"], &json["summary"]["accounts-unread"]), (&json!(38), &json!(2)));
    let accounts = json["accounts"].as_array().expect("a list");
    let of = |id: &str| accounts.iter().find(|one| one["account"] == id).unwrap_or_else(|| panic!("{id}: {json:#}"));
    assert_eq!(accounts.len(), 38);
    assert_eq!(of("111100000001")["account-name"], "shop");
    assert_eq!((&of("111100000020")["rotations"], &of("111100000020")["first"]), (&json!(0), &Value::Null));
    let sum: u64 = accounts.iter().filter_map(|one| one["rotations"].as_u64()).sum();
    assert_eq!(json["summary"]["rotations"], json!(sum), "{json:#}");

    let text = run(&folder, &["report"]).exits(5).stdout;
    for part in [
        "38 accounts (2 more not read), as of",
        "Accounts: 38 with keys that fail.",
        "ci in shop (111100000001)",
        "ci in team-00 ",
        "ci in 111100000020  no end  by hand",
        "2 accounts: role arn:aws:iam::<account>:role/keyrota: no (Request ID: <id>): shop (111100000030), team-31",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let html = run(&folder, &["report", "--format", "html"]).exits(5).stdout;
    for part in ["ci in shop (111100000001) …0000, 95 d", "shop (111100000030), team-31", "ci in team-20 …"] {
        assert!(html.contains(part), "{part}");
    }
    let left_out = run(&folder, &["report", "--format", "html", "--account", "111100000001"]).exits(0).stdout;
    assert!(left_out.contains("39 accounts were left out"), "{left_out}");
}

/// Where several accounts have a name it tells nobody anything without the id.
#[test]
fn an_account_whose_name_others_have_stands_with_its_id() {
    let folder = forty();
    let twin = "shop (111100000001)";
    run(&folder, &["forecast"]).exits(5).shows(&[twin, "shop (111100000030)"]);
    let page = run(&folder, &["plan", "--format", "markdown"]).exits(5).stdout;
    assert!(page.contains("`ci` in `shop (111100000001)`") && page.contains("`ci` in `team-00`"), "{page}");
    run(&folder, &["apply", "--yes"]).exits(5).shows(&["+ ci in shop (111100000001)  create", "+ ci in team-00 "]);
    let json = run(&folder, &["status", "--format", "json"]).exits(5).json();
    assert_eq!(json["users"][1]["account-name"], "shop", "programs have the id beside it: {json:#}");
    run(&folder, &["status", "--account", "shop"]).exits(1).says(&[
        "`--account shop`: 4 accounts have this name",
        "111100000001, 111100000002, 111100000003, 111100000030",
    ]);
    let exempt = format!("{CI}\n[[exempt]]\nuser = \"ci\"\naccount = \"Shop\"\nreason = \"by hand\"\n");
    folder.write("manifests/team.toml", &format!("version = 1\n{exempt}"));
    run(&folder, &["status"]).says(&[
        "KR0025",
        "the exemption of `ci` holds in 4 accounts, for so many are called `Shop`",
        "name the one that is meant by its id: `111100000001`, `111100000002`, `111100000003` or `111100000030`",
    ]);
}

#[test]
fn what_was_meant_by_an_account_that_is_none_is_said() {
    let folder = forty();
    for (wanted, says) in [
        // Many are as near as that.
        ("team-5x", "the accounts are `shop` (111100000001), "),
        ("Workloads", "name accounts, by name, id or glob; rules select by `units`"),
        ("team_05", "did you mean `team-05` (111100000005)?"),
        ("shoop", "did you mean `shop` (111100000001, 111100000002, 111100000003 and 1 more)?"),
        ("111100000045", "did you mean 1111000000"),
        ("1111-0000-0005", "did you mean 111100000005 (`team-05`)?"),
        ("tame-*", "did you mean `team-*`, which is 36 accounts: `team-00`, `team-04`, `team-05` and 33 more?"),
        ("31*", "did you mean `*31*`, which is 1 account: `team-31`?"),
        ("ho", "did you mean `*ho*`, which is 4 accounts: `shop`"),
        ("zebra", "the accounts are `shop` (111100000001), "),
    ] {
        let ran = run(&folder, &["plan", "--account", wanted]).exits(1);
        assert!(ran.stderr.contains(says), "{wanted}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("`--account {wanted}`: ")) && ran.stderr.contains("hint: "),
            "{}",
            ran.stderr
        );
        assert!(ran.stdout.is_empty());
    }
    folder.write(
        "manifests/keyrota.toml",
        &format!(
            "version = 1\n[defaults]\nnotify = []\n{ORGANIZATION}except = [\"tame-3?\", \"team-05\", \"team-06\"]\n"
        ),
    );
    folder.write(
        "manifests/team.toml",
        "version = 1\n[[rotate]]\nusers = [\"ci\"]\naccounts = [\"111100000O07\", \"team-0*\"]\n",
    );
    run(&folder, &["plan"]).exits(5).says(&[
        "`except` leaves nobody out: no account that is looked at is called `tame-3?`",
        "did you mean `team-3?`, which is",
    ]);
    run(&folder, &["plan", "--account", "team-05"])
        .exits(1)
        .says(&["the account is not looked at: left out by `except`"]);
    run(&folder, &["plan", "--account", "team-0[56]"]).exits(1);
    run(&folder, &["plan", "--account", "*-05"]).exits(1).says(&["the account is not looked at: left out by `except`"]);
}

/// A rule is judged where it holds: that its users are in no other account says nothing.
#[test]
fn a_name_that_is_missing_wherever_its_rule_holds_is_said() {
    let rules = "\n[[rotate]]\nusers = [\"ci\", \"ci-gone\", \"only-in-1\"]\nunits = [\"Prod\"]\n\
                 \n[[rotate]]\nusers = [\"nobody-a\"]\naccounts = [\"team-00\", \"team-01\"]\n\
                 \n[[rotate]]\nusers = [\"web-typo\"]\nunits = [\"Dev\"]\n\
                 \n[[exempt]]\nuser = \"svc-gone\"\naccount = \"team-02\"\nreason = \"r\"\n\
                 \n[[exempt]]\nuser = \"ci\"\nreason = \"r\"\n";
    let folder = folder("", rules);
    let users: [&[(&str, i64)]; 4] = [&[("ci", 10)], &[("only-in-1", 10)], &[("web-type", 10)], &[("other", 10)]];
    for (number, users) in users.into_iter().enumerate() {
        let unit = if number < 2 { "Prod" } else { "Dev" };
        folder.write(&format!("org/team-{number:02}.toml"), &account(number, &format!("units = [\"{unit}\"]"), users));
    }
    let says = [
        "the rule selects no user `ci-gone` in any of the 2 accounts in which it holds",
        "the rule selects no user of any of the 2 accounts in which it holds",
        // Of what may have been meant, that is said which one account knows.
        "there is no user `web-typo`; did you mean `web-type`?",
        "the exemption matches nobody: there is no user `svc-gone` in account 111100000002 (team-02)",
    ];
    let ran = run(&folder, &["plan"]).exits(0).says(&says);
    assert_eq!(ran.stderr.matches("of any of the 2 accounts").count(), 2, "{}", ran.stderr);
    for fine in ["`only-in-1`", "`ci` in", "`ci`;", "no user `ci`"] {
        assert!(!ran.stderr.contains(fine), "{fine}: {}", ran.stderr);
    }
    // Where the rule may hold in an account that could not be read, the user may be there.
    let refused = account(1, "units = [\"Prod\"]\nrefuse-entry = \"no\"", &[("only-in-1", 10)]);
    folder.write("org/team-01.toml", &refused);
    let ran = run(&folder, &["plan"]).exits(5).says(&[says[3]]);
    for unknown in ["ci-gone", "nobody-a", "web-typo"] {
        assert!(!ran.stderr.contains(unknown), "{unknown}: {}", ran.stderr);
    }
}

/// What is captured of an account of an organisation has its place there, under other names, and the same rules select the same users.
#[test]
fn an_anonymous_account_keeps_its_place_in_the_organisation() {
    let shared = "units = [\"Acme/Prod\", \"ou-ab12-acmeacme\"]\nexcept = [\"acme-lab\", \"acme-old*\"]\nregion = \"eu-west-1\"\n\
                  [accounts.acme-pay]\nid = \"111100000001\"\n[accounts.acme-far]\nid = \"999988887777\"\nrole = \"acme-own\"\n";
    let rules = "\n[[rotate]]\nusers = [\"ci\"]\nunits = [\"Acme\"]\n\
                 \n[[rotate]]\nusers = [\"svc-*\"]\nunits = [\"Acme/Test\"]\n\
                 \n[[rotate]]\nusers = [\"web\"]\naccount-tags = { Stage = [\"acme-li*\"], Owner = [\"*\"] }\nmax-age = \"60d\"\n\
                 \n[[rotate]]\nusers = [\"app\"]\naccounts = [\"acme-payments\", \"other\"]\n\
                 \n[[rotate]]\nusers = [\"db\"]\naccounts = [\"ACME-P*\"]\nunits = [\"ou-ab12-acmeacme\"]\n\
                 \n[[rotate]]\nusers = [\"mq\"]\naccounts = [\"acme-far\"]\n\
                 \n[[rotate]]\nusers = [\"log\"]\naccount-tags = { stage = \"acme-live\" }\n\
                 \n[[exempt]]\nuser = \"web\"\naccount = \"acme-pay\"\nreason = \"SEC-9\"\n\
                 \n[[exempt]]\nuser = \"db\"\naccount = \"Acme-Payments\"\nreason = \"SEC-9\"\n\
                 \n[[exempt]]\nuser = \"app\"\naccount = \"acme-far\"\nreason = \"SEC-9\"\n";
    let folder = folder(shared, rules);
    let more = "account-name = \"acme-payments\"\nunits = [\"Acme/Prod\", \"ou-ab12-acmeacme\", \"ou-ab12-11111111\"]\n\
                account-tags = { Stage = \"acme-live\", Owner = \"\" }\n";
    let users = ["ci", "svc-a", "web", "app", "db", "mq", "log"].map(|user| (user, 95));
    folder.write("acme.toml", &account(1, more, &users));
    let on = |sandbox: &str, manifests: &str, arguments: &[&str]| {
        folder.run(&[arguments, &["--sandbox", sandbox, "--manifests", manifests]].concat())
    };
    folder.run(&["capture", "--sandbox", "acme.toml", "--into", "plain.toml"]).exits(0);
    assert!(
        folder.read("plain.toml").contains("account-name = \"acme-payments\"\nunits = [\"Acme/Prod\", "),
        "the place is kept"
    );
    folder.run(&["capture", "--sandbox", "acme.toml", "--into", "bug.toml", "--anonymize"]).exits(0);
    let mut written = folder.read("bug.toml");
    for entry in fs::read_dir(folder.path("bug-manifests")).expect("manifests") {
        written += &fs::read_to_string(entry.expect("a file").path()).expect("text");
    }
    for name in ["acme", "Prod", "999988887777", "keyrota-4f1c", "Stage", "Owner", "1111000000", "ab12", "SEC-9"] {
        assert!(!written.to_lowercase().contains(&name.to_lowercase()), "{name} is left: {written}");
    }
    for kept in ["account-name = ", "units = [", "account-tags", "[organization]", "except = [", "[accounts."] {
        assert!(written.contains(kept), "{kept}: {written}");
    }
    folder.run(&["check", "--manifests", "bug-manifests"]).exits(0);
    // Users go by the order of their names, and so do their new ones.
    let states = |sandbox: &str, manifests: &str| -> Vec<(String, String, String)> {
        let status = on(sandbox, manifests, &["status", "--format", "json"]).exits(0).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let users = status["users"].as_array().expect("a list").iter();
        users.map(|one| (text(&one["state"]), text(&one["limit"]), text(&one["next"]))).collect()
    };
    let there = states("acme.toml", "manifests");
    let exempt: Vec<bool> = there.iter().map(|(state, ..)| state == "exempt").collect();
    // By the name that its organisation gives the account, and by the one of the manifests.
    assert_eq!(exempt, [false, false, true, true], "app, ci, db, web: {there:?}");
    assert_eq!(states("bug.toml", "bug-manifests"), there);
    assert_eq!(states("plain.toml", "manifests"), there);
    let unmanaged = |sandbox: &str, manifests: &str| {
        on(sandbox, manifests, &["status", "--format", "json"]).json()["unmanaged"].as_array().map(Vec::len)
    };
    assert_eq!(unmanaged("bug.toml", "bug-manifests"), Some(3));
    assert_eq!(unmanaged("acme.toml", "manifests"), Some(3));
    for at in ["2026-12-20", "2027-03-01"] {
        let last = |sandbox: &str, manifests: &str| {
            let ran = on(sandbox, manifests, &["plan", "--at", at]);
            ran.stdout.lines().last().expect("a line").split(" (").next().expect("text").to_owned()
        };
        assert_eq!(last("bug.toml", "bug-manifests"), last("acme.toml", "manifests"), "{at}");
    }
}

#[test]
fn what_is_of_one_account_says_so_of_a_folder() {
    let folder = forty();
    for (command, why) in [
        (&["init", "--manifests", "new"][..], "is a folder of 40 accounts, and these manifests are of one"),
        (&["capture", "--into", "one.toml"], "is a folder of 40 accounts, and a sandbox is one account"),
    ] {
        let ran =
            run(&folder, command).exits(1).says(&[why, "hint: name the file of one: `--sandbox org/team-00.toml`"]);
        assert_eq!(ran.stderr.lines().filter(|line| !line.is_empty()).count(), 2, "{}", ran.stderr);
    }
    assert!(!folder.path("new").exists() && !folder.path("one.toml").exists());
}
