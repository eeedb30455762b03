//! What counts as weaker: a case for each row of the table, and a row for each field and setting.

use chrono::{DateTime, Utc};
use keyrota::{
    diff::{
        review::{changed_settings, changed_templates},
        weakening::{SETTINGS, USERS, of_policy, row_of},
    },
    explain,
    inventory::{Account, Membership, SmtpUse, Unit, User},
    manifest::{self, Manifest, policy::WEAKENINGS},
    organization::{Listed, Member},
    report::template_diff,
    roster::{Roster, resolve},
};

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn manifest(files: &[(&str, &str)]) -> Manifest {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let loaded = manifest::load_files(files, now());
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn roster(rule: &str) -> Roster {
    let account = Account {
        id: "111122223333".to_owned(),
        name: None,
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    };
    let user = User {
        name: "ci".to_owned(),
        arn: "arn:aws:iam::111122223333:user/ci".to_owned(),
        path: "/".to_owned(),
        tags: [("email", "owner@example.com"), ("team", "team@example.com")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        groups: vec![],
        smtp: SmtpUse::NoSign,
        unreadable: None,
    };
    let shared =
        "version = 1\n[defaults]\nnotify = [\"tag:email\", \"b@example.com\"]\n[mail]\nfrom = \"a@example.com\"\n";
    let manifest = manifest(&[("keyrota.toml", shared), ("team.toml", &format!("version = 1\n{rule}"))]);
    resolve(&manifest, &account, &[user], now()).0
}

/// Field, before, after: going there is weaker, and coming back is not.
const CASES: &[(&str, &str, &str)] = &[
    ("scope", "", "LEAVES"),
    ("exempt", "", "EXEMPT"),
    ("exempt", "EXEMPT until = 2026-12-31", "EXEMPT until = 2027-12-31"),
    ("exempt", "EXEMPT until = 2026-12-31", "EXEMPT"),
    ("max-age", "max-age = \"60d\"", "max-age = \"3650d\""),
    ("max-age", "", "max-age = \"91d\""),
    ("rotate-ahead", "rotate-ahead = \"31d\"", "rotate-ahead = \"30d\""),
    ("rotate-ahead", "", "rotate-ahead = \"0d\""),
    ("reissue-before", "reissue-before = 2026-11-01", ""),
    ("reissue-before", "reissue-before = 2026-11-01", "reissue-before = 2026-10-01"),
    ("overlap", "overlap = \"7d\"", "overlap = \"167h\""),
    ("quiet", "", "quiet = \"7d\""),
    ("quiet", "quiet = \"2d\"", "quiet = \"0d\""),
    ("patience", "patience = \"14d\"", "patience = \"1d\""),
    ("hold", "hold = \"14d\"", "hold = \"0d\""),
    ("unused", "unused = \"45d\"", ""),
    ("unused", "unused = \"45d\"", "unused = \"46d\""),
    ("remind", "remind = \"7d\"", ""),
    ("remind", "remind = \"7d\"", "remind = \"6d\""),
    ("smtp", "smtp = true", ""),
    ("when-full", "", "when-full = \"retire-oldest\""),
    ("notify", "", "notify = [\"tag:email\"]"),
    ("notify", "", "notify = []"),
    ("kms-key", "kms-key = \"alias/own\"", ""),
    ("replicate-to", "", "replicate-to = [\"eu-central-1\"]"),
];

/// Weaker both ways: elsewhere is elsewhere.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("secret", "", "secret = \"elsewhere/{user}\""),
    ("kms-key", "kms-key = \"alias/own\"", "kms-key = \"alias/other\""),
    ("deliver", "", "deliver = [\"ssm:/ci\"]"),
    ("deliver", "deliver = [\"ssm:/ci\"]", "deliver = [\"github:acme/payments\"]"),
    ("notify", "notify = [\"tag:email\"]", "notify = [\"tag:team\"]"),
    ("notify", "notify = [\"c@example.com\"]", "notify = [\"d@example.com\"]"),
];

/// Not weaker either way, and yet a change.
const NEVER: &[(&str, &str, &str)] = &[
    ("language", "", "language = \"es\""),
    ("notify", "notify = [\"B@example.com\", \"tag:email\"]", "notify = [\"tag:email\", \"b@example.com\"]"),
];

fn rule(case: &str) -> String {
    let rule = "[[rotate]]\nusers = [\"ci\"]\n";
    match case.strip_prefix("EXEMPT") {
        Some(until) => format!("{rule}\n[[exempt]]\nuser = \"ci\"\nreason = \"by hand\"\n{until}\n"),
        None if case == "LEAVES" => rule.replace("\"ci\"", "\"nobody\""),
        None => format!("{rule}{case}\n"),
    }
}

fn weaker(before: &str, after: &str) -> Vec<&'static str> {
    let (before, after) = (roster(&rule(before)), roster(&rule(after)));
    before.entries.first().map(|before| of_policy(before, after.entries.first())).unwrap_or_default()
}

#[test]
fn each_field_of_a_policy() {
    for (field, before, after) in CASES {
        assert_eq!(weaker(before, after), [*field], "{before:?} -> {after:?}");
        assert!(weaker(after, before).is_empty(), "{after:?} -> {before:?}");
    }
    for (field, before, after) in ELSEWHERE {
        assert_eq!(
            (weaker(before, after), weaker(after, before)),
            (vec![*field], vec![*field]),
            "{before:?} <-> {after:?}"
        );
    }
    for (field, before, after) in NEVER {
        assert_eq!(
            (weaker(before, after), weaker(after, before)),
            (vec![], vec![]),
            "{field}: {before:?} <-> {after:?}"
        );
    }
    let all = || CASES.iter().chain(ELSEWHERE).chain(NEVER);
    let rows = || USERS.iter().map(|row| row.field).chain(WEAKENINGS.iter().map(|row| row.field));
    for row in rows() {
        assert!(all().any(|(field, ..)| *field == row), "`{row}` has no case");
    }
    let exempt = roster(&rule("EXEMPT"));
    for line in explain::policy(&exempt.entries[0]).into_iter().filter(|line| line.name != explain::RULE) {
        assert!(rows().any(|row| row == line.name), "`{}` has no row", line.name);
    }
}

/// Setting, before, after: going there is weaker, and coming back is not.
const SETTING_CASES: &[(&str, &str, &str)] = &[
    ("mail.from", "[mail]\nfrom = \"a@example.com\"", ""),
    (
        "mail.reply-to",
        "[mail]\nfrom = \"a@example.com\"\nreply-to = \"b@example.com\"",
        "[mail]\nfrom = \"a@example.com\"",
    ),
    (
        "mail.fallback",
        "[mail]\nfrom = \"a@example.com\"\nfallback = [\"b@example.com\", \"c@example.com\"]",
        "[mail]\nfrom = \"a@example.com\"\nfallback = [\"c@example.com\"]",
    ),
    (
        "mail.digest",
        "[mail]\nfrom = \"a@example.com\"\ndigest = [\"b@example.com\"]",
        "[mail]\nfrom = \"a@example.com\"",
    ),
    (
        "deliver.github.visibility",
        "[deliver.github]\nvisibility = \"selected\"",
        "[deliver.github]\nvisibility = \"private\"",
    ),
    ("limits.max-actions", "[limits]\nmax-actions = 5", ""),
    ("limits.max-actions", "[limits]\nmax-actions = 5", "[limits]\nmax-actions = 6"),
    ("limits.max-percent", "[limits]\nmax-percent = 30", "[limits]\nmax-percent = 31"),
    ("pace.max-rotations", "", "[pace]\nmax-rotations = 26"),
    ("pace.max-rotations", "[pace]\nmax-rotations = 25", "[pace]\nmax-rotations = 0"),
    (
        "schedule.enforce",
        "[schedule]\nenforce = \"cron(0 8 1 * ? *)\"",
        "[schedule]\nenforce = \"cron(0 8 1 1 ? 2030)\"",
    ),
    ("events.bus", "[events]\nbus = \"default\"", ""),
    ("schedule.enforce", "", "[schedule]\nenforce = \"cron(0 8 15 * ? *)\""),
    ("schedule.enforce", "[schedule]\nenforce = \"rate(1 day)\"", "[schedule]\nenforce = \"rate(2 days)\""),
    ("schedule.enforce", "[schedule]\nenforce = \"rate(7 days)\"", "[schedule]\nenforce = \"cron(0 8 1 */2 ? *)\""),
    ("schedule.tend", "", "[schedule]\ntend = \"cron(0 8 ? * MON *)\""),
    ("schedule.tend", "", "[schedule]\ntend = \"cron(0 8 1 1 ? 2020)\""),
    ("organization", "[organization]\nrole = \"keyrota\"", ""),
    (
        "organization",
        "[organization]\nrole = \"keyrota\"",
        "[organization]\nrole = \"keyrota\"\nunits = [\"Workloads\"]",
    ),
    (
        "organization",
        "[organization]\nrole = \"keyrota\"\nunits = [\"A\", \"B\"]",
        "[organization]\nrole = \"keyrota\"\nunits = [\"B\"]",
    ),
    ("organization", "[organization]\nrole = \"keyrota\"", "[organization]\nrole = \"keyrota\"\nexcept = [\"lab\"]"),
    (
        "organization",
        "[organization]\nrole = \"keyrota\"\nexcept = [\"lab-?\"]",
        "[organization]\nrole = \"keyrota\"\nexcept = [\"lab-*\"]",
    ),
    (
        "organization",
        "[organization]\nrole = \"keyrota\"\nunits = [\"Workloads\"]",
        "[organization]\nrole = \"keyrota\"\nunits = [\"Workloads/Prod\"]",
    ),
    (
        "organization",
        "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"",
        "[organization]\nrole = \"keyrota\"",
    ),
    // The caller's own credentials in place of a role.
    ("accounts.", "[accounts.a]\nid = \"111122223333\"\nrole = \"keyrota\"", "[accounts.a]\nid = \"111122223333\""),
    (
        "accounts.",
        "[accounts.a]\nid = \"111122223333\"\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"",
        "[accounts.a]\nid = \"111122223333\"\nrole = \"keyrota\"",
    ),
    (
        "accounts.",
        "[accounts.b]\nid = \"444455556666\"\n[accounts.a]\nid = \"111122223333\"",
        "[accounts.a]\nid = \"111122223333\"",
    ),
];

const OTHER_SETTINGS: &[(&str, &str, &str)] = &[
    ("deliver.github.names", "[deliver.github]\napp-id = 1", "[deliver.github]\napp-id = 1\nnames = [\"A\", \"B\"]"),
    (
        "deliver.github.smtp-names",
        "[deliver.github]\napp-id = 1",
        "[deliver.github]\napp-id = 1\nsmtp-names = [\"A\", \"B\"]",
    ),
    (
        "deliver.github.url",
        "[deliver.github]\napp-id = 1",
        "[deliver.github]\napp-id = 1\nurl = \"https://github.example.com/api/v3\"",
    ),
    ("deliver.github.app-id", "[deliver.github]", "[deliver.github]\napp-id = 1"),
    ("deliver.github.installation", "[deliver.github]\napp-id = 1", "[deliver.github]\napp-id = 1\ninstallation = 2"),
    ("deliver.github.secret", "[deliver.github]", "[deliver.github]\nsecret = \"keyrota/github\""),
    ("mail.from", "[mail]\nfrom = \"a@example.com\"", "[mail]\nfrom = \"b@example.com\""),
    ("events.bus", "[events]\nbus = \"default\"", "[events]\nbus = \"other\""),
    // Names of secrets differ in case.
    ("mail.digest", "[mail]\ndigest = [\"slack:Ops\"]", "[mail]\ndigest = [\"slack:ops\"]"),
    ("accounts.", "[accounts.a]\nid = \"111122223333\"", "[accounts.a]\nid = \"444455556666\""),
    (
        "accounts.",
        "[accounts.a]\nid = \"111122223333\"\nrole = \"keyrota\"",
        "[accounts.a]\nid = \"111122223333\"\nrole = \"other\"",
    ),
    (
        "accounts.",
        "[accounts.a]\nid = \"111122223333\"\nregion = \"eu-west-1\"",
        "[accounts.a]\nid = \"111122223333\"\nregion = \"us-east-1\"",
    ),
    // Its own role asks for nothing, where that of the organisation asks for the external id.
    (
        "accounts.",
        "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n[accounts.a]\nid = \"111122223333\"",
        "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n[accounts.a]\nid = \"111122223333\"\nrole = \"own\"",
    ),
    // It was where the organisation says.
    (
        "accounts.",
        "[organization]\nrole = \"keyrota\"\nregion = \"eu-west-1\"",
        "[organization]\nrole = \"keyrota\"\nregion = \"eu-west-1\"\n[accounts.a]\nid = \"111122223333\"\nregion = \"us-east-1\"",
    ),
    (
        "accounts.",
        "[organization]\nrole = \"keyrota\"",
        "[organization]\nrole = \"keyrota\"\n[accounts.a]\nid = \"111122223333\"\nrole = \"own\"",
    ),
    // The caller's may be another one.
    ("accounts.", "[accounts.a]\nid = \"111122223333\"", "[accounts.a]\nid = \"111122223333\"\nregion = \"us-east-1\""),
    ("organization", "[organization]\nrole = \"keyrota\"", "[organization]\nrole = \"other\""),
    (
        "organization",
        "[organization]\nrole = \"keyrota\"",
        "[organization]\nrole = \"keyrota\"\nregion = \"eu-west-1\"",
    ),
    (
        "organization",
        "[organization]\nrole = \"keyrota\"\nunits = [\"A\"]",
        "[organization]\nrole = \"keyrota\"\nunits = [\"B\"]",
    ),
];

const CALM_SETTINGS: &[(&str, &str, &str)] = &[
    (
        "mail.from-arn",
        "[mail]\nfrom = \"a@example.com\"",
        "[mail]\nfrom = \"a@example.com\"\nfrom-arn = \"arn:aws:ses:eu-west-1:111122223333:identity/example.com\"",
    ),
    (
        "mail.configuration-set",
        "[mail]\nfrom = \"a@example.com\"",
        "[mail]\nfrom = \"a@example.com\"\nconfiguration-set = \"keyrota\"",
    ),
    ("mail.region", "[mail]\nfrom = \"a@example.com\"", "[mail]\nfrom = \"a@example.com\"\nregion = \"us-east-1\""),
    ("mail.language", "", "[defaults]\nlanguage = \"es\""),
    ("schedule.enforce", "[schedule]\nenforce = \"cron(0 8 1 * ? *)\"", "[schedule]\nenforce = \"cron(0 9 1 * ? *)\""),
    (
        "organization",
        "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"",
        "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-9a7b\"",
    ),
];

#[test]
fn each_setting_of_whole_runs() {
    let shared = |text: &str| {
        let text = format!("version = 1\n{text}\n");
        manifest(&[("keyrota.toml", &text)])
    };
    let flags = |before: &str, after: &str| -> Vec<(String, bool)> {
        let fields = changed_settings(&shared(before), &shared(after), now(), None);
        fields.into_iter().map(|field| (field.name, field.weaker)).collect()
    };
    let is = |flags: &[(String, bool)], name: &str, weaker: bool| {
        assert!(flags.iter().any(|(own, flag)| own.starts_with(name) && *flag == weaker), "{name} in {flags:?}");
        assert!(weaker || flags.iter().all(|(_, flag)| !flag), "{name} in {flags:?}");
    };
    for (name, before, after) in SETTING_CASES {
        is(&flags(before, after), name, true);
        is(&flags(after, before), name, false);
    }
    for (name, before, after) in OTHER_SETTINGS {
        is(&flags(before, after), name, true);
        is(&flags(after, before), name, true);
    }
    for (name, before, after) in CALM_SETTINGS {
        is(&flags(before, after), name, false);
        is(&flags(after, before), name, false);
    }
    let all = || SETTING_CASES.iter().chain(OTHER_SETTINGS).chain(CALM_SETTINGS);
    for row in SETTINGS.iter().filter(|row| row.field != "templates/") {
        assert!(all().any(|(name, ..)| *name == row.field), "`{}` ({}) has no case", row.field, row.weaker);
    }
    let accounts = shared("[accounts.a]\nid = \"111122223333\"\n[organization]\nrole = \"keyrota\"");
    for line in explain::settings(&accounts) {
        assert!(row_of(&line.name).is_some(), "`{}` has no row", line.name);
    }
}

/// The same written otherwise is the same: accounts and units are judged by what holds for them, and what can't be told is weaker.
#[test]
fn accounts_are_judged_by_what_holds_for_them() {
    const ORGANIZATION: &str =
        "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\nregion = \"eu-west-1\"\n";
    let shared = |text: &str| manifest(&[("keyrota.toml", &format!("version = 1\n{text}\n"))]);
    let unit = |id: &str, path: &str| Unit { id: id.to_owned(), path: path.to_owned() };
    let units = [
        unit("r-ab12", "Root"),
        unit("ou-ab12-workload", "Workloads"),
        unit("ou-ab12-prodprod", "Workloads/Prod"),
        unit("ou-ab12-twintwin", "Twin"),
        unit("ou-ab12-twinagai", "Twin"),
        unit("ou-ab12-twinbelo", "Twin/Below"),
    ];
    let member = |id: &str, name: &str| {
        let membership = Membership { units: units[..2].to_vec(), ..Membership::default() };
        Member { id: id.to_owned(), name: name.to_owned(), inactive: None, membership: membership.into() }
    };
    let members = vec![member("111122223333", "shop"), member("444455556666", "lab"), member("777788889999", "labs")];
    let listed = Listed { units: units.to_vec(), members, is_whole: true };
    let flags = |before: &str, after: &str, listed: Option<&Listed>| -> Vec<(String, bool)> {
        let fields = changed_settings(&shared(before), &shared(after), now(), listed);
        fields.into_iter().map(|field| (field.name, field.weaker)).collect()
    };
    let with = |more: &str| format!("{ORGANIZATION}{more}");
    let account = |name: &str, more: &str| format!("[accounts.{name}]\nid = \"111122223333\"\n{more}");
    let role = "role = \"keyrota\"\n";

    // Another order is no change at all.
    for (before, after) in [
        ("units = [\"A\", \"B\"]", "units = [\"B\", \"A\"]"),
        ("except = [\"a\", \"b\"]", "except = [\"b\", \"a\", \"b\"]"),
    ] {
        assert_eq!(flags(&with(before), &with(after), None), [], "{before} -> {after}");
    }
    // Changed and not weaker, with what the organisation has (`true`), or by the manifests alone as well.
    for (before, after, needs_list) in [
        // Another name for an account.
        (account("a", role), account("b", role), false),
        (with(&account("a", "region = \"eu-west-2\"\n")), with(&account("b", "region = \"eu-west-2\"\n")), false),
        // The same role by its ARN.
        (account("a", role), account("a", "role = \"arn:aws:iam::111122223333:role/keyrota\"\n"), false),
        // What the organisation says of it anyway.
        (with(""), with(&account("a", "")), false),
        (with(&account("a", "")), with(""), true),
        (
            with(&account("a", "role = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\nregion = \"eu-west-1\"\n")),
            with(""),
            true,
        ),
        // Those that are left out already.
        (with("except = [\"lab\"]"), with("except = [\"444455556666\"]"), true),
        (with("except = [\"lab*\"]"), with("except = [\"444455556666\", \"labs\"]"), true),
        // The same units, or one above.
        (with("units = [\"Workloads\"]"), with("units = [\"ou-ab12-workload\"]"), true),
        (with("units = [\"ou-ab12-prodprod\"]"), with("units = [\"Workloads\"]"), true),
        (with("units = [\"Workloads/Prod\"]"), with("units = [\"r-ab12\"]"), true),
    ] {
        let known = flags(&before, &after, Some(&listed));
        assert!(!known.is_empty() && known.iter().all(|(_, weaker)| !weaker), "{before} -> {after}: {known:?}");
        // In doubt, it is weaker.
        let unknown = flags(&before, &after, None);
        assert_eq!(unknown.iter().any(|(_, weaker)| *weaker), needs_list, "{before} -> {after}: {unknown:?}");
    }
    // Weaker, whatever is known.
    for (before, after) in [
        (account("a", role), account("b", "role = \"other\"\n")),
        (account("a", role), account("b", "")),
        (account("a", role), account("a", "role = \"arn:aws:iam::444455556666:role/keyrota\"\n")),
        (account("a", "region = \"eu-west-1\"\n"), account("b", "region = \"eu-west-2\"\n")),
        (account("a", role), format!("[accounts.a]\nid = \"444455556666\"\n{role}")),
        (with(""), with(&account("a", "role = \"keyrota\"\n"))),
        (with(""), with(&account("a", "region = \"eu-west-2\"\n"))),
        (with(&account("a", "")), with(&account("b", "region = \"eu-west-2\"\n"))),
        // What joins later may be called so.
        (with("except = [\"444455556666\"]"), with("except = [\"lab\"]")),
        (with("except = [\"lab\", \"labs\"]"), with("except = [\"lab*\"]")),
        (with("except = [\"lab\"]"), with("except = [\"777788889999\"]")),
        (with("except = [\"lab\"]"), with("except = [\"999999999999\"]")),
        // What is left out by the organisation, and declared no more.
        (with(&format!("except = [\"shop\"]\n{}", account("a", role))), with("except = [\"shop\"]")),
        // One of two units of a path, and what is below one of them.
        (with("units = [\"ou-ab12-twintwin\"]"), with("units = [\"ou-ab12-twinagai\"]")),
        (with("units = [\"Twin/Below\"]"), with("units = [\"ou-ab12-twintwin\"]")),
        (with("units = [\"Workloads\"]"), with("units = [\"ou-ab12-prodprod\"]")),
        (with(""), with("units = [\"r-zz99\"]")),
    ] {
        for known in [Some(&listed), None] {
            let flags = flags(&before, &after, known);
            assert!(flags.iter().any(|(_, weaker)| *weaker), "{before} -> {after}: {flags:?}");
        }
    }
}

/// Who delivers to GitHub no more has lost no setting that anybody wrote; one that was written is said.
#[test]
fn settings_that_nobody_wrote_are_no_difference() {
    let names = |shared: &str, before: &str, after: &str| -> Vec<String> {
        let with = |deliver: &str| {
            let rule = format!("version = 1\n[[rotate]]\nusers = [\"ci\"]\nnotify = []\ndeliver = [{deliver}]\n");
            manifest(&[("keyrota.toml", &format!("version = 1\n{shared}\n")), ("team.toml", &rule)])
        };
        changed_settings(&with(before), &with(after), now(), None).into_iter().map(|field| field.name).collect()
    };
    assert_eq!(names("", "\"github:acme/payments\"", ""), [] as [&str; 0]);
    assert_eq!(names("", "", "\"github:acme/payments\""), [] as [&str; 0]);
    let shared = |text: &str| manifest(&[("keyrota.toml", &format!("version = 1\n{text}\n"))]);
    let table = shared("[deliver.github]\nurl = \"https://github.example.com/api/v3\"");
    for (before, after) in [(&table, &shared("")), (&shared(""), &table)] {
        let fields = changed_settings(before, after, now(), None);
        assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["deliver.github.url"]);
        assert!(fields[0].weaker);
    }
}

#[test]
fn a_template_is_shown_as_a_difference() {
    let shared = ("keyrota.toml", "version = 1\n[mail]\nfrom = \"a@example.com\"\n");
    let with = |text: &str| manifest(&[shared, ("manifests/templates/deleted.en.jinja", text)]);
    let (none, one, other) =
        (manifest(&[shared]), with("Subject: Gone\n\nAsk us.\n"), with("Subject: Gone\n\nAsk someone.\n"));
    let fields = changed_settings(&one, &other, now(), None);
    let [field] = &fields[..] else { panic!("{fields:?}") };
    assert_eq!((field.name.as_str(), field.weaker), ("templates/deleted.en.jinja", false));
    let place = field.after.as_ref().and_then(|line| line.source.as_ref()).map(ToString::to_string);
    assert_eq!(place.as_deref(), Some("manifests/templates/deleted.en.jinja:1"));
    let diff = template_diff(&changed_templates(&one, &other));
    assert!(diff.contains("-Ask us.\n+Ask someone.\n"), "{diff}");
    // Where the team had none, it is compared with keyrota's own.
    let diff = template_diff(&changed_templates(&none, &other));
    assert!(diff.contains("--- a/templates/deleted.en.jinja") && diff.contains("+Ask someone.\n"), "{diff}");
    assert_eq!(
        changed_settings(&none, &other, now(), None)[0].before.as_ref().map(|line| line.value.as_str()),
        Some("keyrota's own")
    );
    assert!(changed_settings(&one, &one, now(), None).is_empty() && changed_templates(&one, &one).is_empty());
}
