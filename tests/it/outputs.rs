//! What a pull request does, in the one word and the numbers that workflows decide by; and that nothing of it hides.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use keyrota::{
    cloud::{Reads, sandbox::Sandbox},
    diff::review::{AccountPair, Accounts, Base, Review, review},
    manifest::{self, Manifest},
    report::{
        Report, Since, markdown,
        outputs::{Outputs, Verdict, outputs},
        text,
    },
};

use crate::repository::SANDBOX;

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

const SHARED: &str = "version = 1\n[defaults]\nmax-age = \"90d\"\nnotify = [\"owner@example.com\"]\nrotate-ahead = \"0d\"\n[mail]\n\
                      from = \"a@example.com\"\nfallback = [\"b@example.com\"]\n";
const DUE: &str = "[[rotate]]\nusers = [\"day-*\"]\n";

fn manifest(shared: &str, team: &str) -> Manifest {
    let files = vec![
        ("manifests/keyrota.toml".to_owned(), shared.as_bytes().to_vec()),
        ("manifests/team.toml".to_owned(), format!("version = 1\n\n{team}").into_bytes()),
    ];
    let loaded = manifest::load_files(files, now());
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// What a change from one version of the manifests to another comes to, and how it is shown.
struct Reviewed {
    outputs: Outputs,
    text: String,
    markdown: String,
}

fn reviewed_in(sandbox: &str, before: &Manifest, after: &Manifest) -> Reviewed {
    let sandbox = Sandbox::parse(sandbox, "sandbox.toml").unwrap_or_else(|error| panic!("{error}"));
    let account = Some(sandbox.account().clone());
    let places = [AccountPair { cloud: &sandbox, before: account.clone(), after: account }];
    let base: Base = Ok(before);
    let reviewed =
        review(Accounts::of(&places), base, after, now().into(), None, &|_| {}).now_or_never().expect("it never waits");
    let Review { plan, comparison, .. } = reviewed.unwrap_or_else(|error| panic!("{error:?}"));
    let since = Since { revision: "main", commit: "0123456789abcdef", comparison: &comparison, notes: &[] };
    let report = Report { since: Some(since), ..Report::new(&plan) };
    Reviewed {
        outputs: outputs(&report, false),
        text: text::styled(&text::since(&since, &plan), false).to_string(),
        markdown: markdown::render(&report, false),
    }
}

fn reviewed(before: (&str, &str), after: (&str, &str)) -> Reviewed {
    reviewed_in(SANDBOX, &manifest(before.0, before.1), &manifest(after.0, after.1))
}

fn counts(outputs: &Outputs) -> [usize; 5] {
    let Outputs { changes, create, deactivate, delete, blocked, .. } = outputs;
    [*changes, *create, *deactivate, *delete, *blocked]
}

/// The title, which is what a tired person reads.
fn title(reviewed: &Reviewed) -> &str {
    reviewed.markdown.lines().next().unwrap_or_default()
}

/// A key is due either way. The change makes of a rotation that takes three weeks one that deletes at once.
#[test]
fn what_follows_at_once_is_what_the_change_causes() {
    let at_once = format!("{DUE}overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\n");
    let change = reviewed((SHARED, DUE), (SHARED, &at_once));
    assert_eq!(change.outputs.result, Verdict::Changes);
    assert_eq!(counts(&change.outputs), [1, 0, 1, 1, 0], "what is caused beyond what was planned anyway");
    assert_eq!(change.outputs.weakened, 4, "the four policies");
    assert!(
        title(&change)
            .starts_with("### keyrota: this change causes 1 to delete, 1 to deactivate; 4 policies get weaker")
    );
    let is_text = |line: &&str| !line.is_empty() && !line.starts_with("**Warning:**");
    let lines: Vec<&str> = change.markdown.lines().filter(is_text).collect();
    assert_eq!(lines[2], "**Deletes for good:** `…0KEY` of `day-100` (before: 2026‑12‑14)");
    assert!(
        change.text.contains("before: create at once, deactivate 2026-11-30, delete 2026-12-14"),
        "{}",
        change.text
    );
    // The other way round it is a change as well, and a calm one.
    let back = reviewed((SHARED, &at_once), (SHARED, DUE));
    assert_eq!(
        (back.outputs.result, counts(&back.outputs), back.outputs.weakened),
        (Verdict::Changes, [1, 0, 0, 0, 0], 0)
    );
    assert!(title(&back).contains("1 rotation goes on differently"), "{}", title(&back));
}

/// An inactive key in the way is deleted, a new one is created and handed out: one run, all of it counted.
#[test]
fn a_run_of_several_steps_is_counted_as_such() {
    let change = reviewed((SHARED, DUE), (SHARED, "[[rotate]]\nusers = [\"day-*\", \"spare\"]\n"));
    assert_eq!((change.outputs.result, counts(&change.outputs)), (Verdict::Changes, [1, 1, 0, 1, 0]));
    assert_eq!(title(&change), "### keyrota: this change causes 1 to delete, 1 to create");
    assert!(change.markdown.contains("**Deletes for good:** `…OLD1` of `spare`\n"), "{}", change.markdown);
    assert!(change.markdown.contains("**delete** `…OLD1`, **create a new key**"), "{}", change.markdown);
    assert!(
        change.text.contains("at once also create a new key; then deactivate AKIAEXAMPLESPARENEW2 2026-11-30"),
        "{}",
        change.text
    );
}

#[test]
fn a_change_that_touches_no_key_is_still_told() {
    let with = |shared: &str, change: fn(String) -> String| change(shared.to_owned());
    let cases: [(&str, String, String, usize, &str); 9] = [
        ("all leave", SHARED.to_owned(), "[[rotate]]\nusers = [\"nobody\"]\n".to_owned(), 4, "4 users leave the scope"),
        ("max-age", SHARED.to_owned(), format!("{DUE}max-age = \"3650d\"\n"), 4, "4 policies get weaker"),
        (
            "an exemption",
            SHARED.to_owned(),
            format!("{DUE}\n[[exempt]]\nuser = \"day-100\"\nreason = \"later\"\n"),
            1,
            "1 policy gets weaker",
        ),
        (
            "the sender",
            with(SHARED, |text| text.replace("a@example.com", "c@example.com")),
            DUE.to_owned(),
            1,
            "mail settings change",
        ),
        (
            "the fallback",
            with(SHARED, |text| text.replace("fallback = [\"b@example.com\"]", "")),
            DUE.to_owned(),
            1,
            "mail settings change",
        ),
        ("a limit", SHARED.to_owned() + "[limits]\nmax-actions = 9\n", DUE.to_owned(), 0, "limits change"),
        (
            "the schedule",
            SHARED.to_owned() + "[schedule]\nenforce = \"cron(0 8 1 1 ? 2030)\"\n",
            DUE.to_owned(),
            1,
            "schedules change and get weaker",
        ),
        ("who is told", SHARED.to_owned(), format!("{DUE}notify = []\n"), 4, "4 policies get weaker"),
        ("the language", SHARED.to_owned(), format!("{DUE}language = \"es\"\n"), 0, "4 users get another policy"),
    ];
    // Nobody's key is due, so that nothing happens to keys either way.
    let young = SANDBOX.replace("2026-08-15T08:00:00Z", "2026-11-15T08:00:00Z");
    for (what, shared, team, weakened, words) in cases {
        let change = reviewed_in(&young, &manifest(SHARED, DUE), &manifest(&shared, &team));
        assert_eq!(
            (change.outputs.result, change.outputs.weakened),
            (Verdict::Policy, weakened),
            "{what}\n{}",
            change.text
        );
        assert_eq!(counts(&change.outputs), [0; 5], "{what}");
        assert!(
            title(&change).contains(words) && change.text.lines().next().is_some_and(|line| line.contains(words)),
            "{what}: {}\n{}",
            title(&change),
            change.text
        );
        assert!(!change.markdown.contains("causes nothing to be done"), "{what}");
    }
    let same = reviewed_in(&young, &manifest(SHARED, DUE), &manifest(SHARED, &format!("# moved\n\n{DUE}")));
    assert_eq!(
        (same.outputs.result, title(&same)),
        (Verdict::NoChanges, "### keyrota: this change causes nothing to be done")
    );
}

/// A setting stands there with its old and its new value and where each was written.
#[test]
fn settings_have_their_true_places() {
    let shared = SHARED.replace("from = \"a@example.com\"", "\nfrom = \"c@example.com\"");
    let change = reviewed((SHARED, DUE), (&shared, DUE));
    assert_eq!((change.outputs.settings, change.outputs.result), (1, Verdict::Policy));
    let (values, places) = ("a@example.com -> c@example.com", "manifests/keyrota.toml:7 -> manifests/keyrota.toml:8");
    let line = change.text.lines().find(|line| line.contains("mail.from")).expect("a line");
    assert!(line.contains(values) && line.contains(places) && line.contains("(weaker)"), "{line}");
    let row = "| all | `mail.from` **weaker** | `a@example.com` → `c@example.com` | `manifests/keyrota.toml:8`, before: `manifests/keyrota.toml:7` |";
    assert!(change.markdown.contains(row), "{}", change.markdown);
}

/// A user that the change brings in and that waits is the change's own, and not "pending anyway".
#[test]
fn who_waits_because_of_the_change_is_its_own() {
    let held = "\n[[secrets]]\nname = \"/aws/iam/credentials/spare\"\ntags = { Owner = \"spare\", \
                \"keyrota:deactivated\" = \"AKIAEXAMPLESPAREOLD1@2026-11-20T08:00:00Z\" }\n";
    let sandbox = SANDBOX.to_owned() + held;
    let rule = "[[rotate]]\nusers = [\"day-*\", \"spare\", \"spare-busy\"]\n\n[[exempt]]\nuser = \"day-100\"\nreason = \"x\"\n";
    let change = reviewed_in(&sandbox, &manifest(SHARED, DUE), &manifest(SHARED, rule));
    let (own, anyway) = change.text.split_once("No longer planned:").expect("an averted rotation");
    for user in ["spare ", "spare-busy", "day-100"] {
        assert!(own.contains(user) && !anyway.contains(&format!("{user} held")), "{user}\n{}", change.text);
    }
    assert!(!change.text.contains("Waiting anyway"), "{}", change.text);
    // Who is blocked is no longer rotated: that is more than a policy.
    assert_eq!((change.outputs.blocked, change.outputs.result), (1, Verdict::Changes));
    // A hold that gets shorter: the key goes sooner than before, and that is a change, and the first thing said.
    let before = manifest(SHARED, "[[rotate]]\nusers = [\"spare\"]\n");
    let after = manifest(SHARED, "[[rotate]]\nusers = [\"spare\"]\nhold = \"5d\"\n");
    let sooner = reviewed_in(&sandbox, &before, &after);
    assert_eq!((sooner.outputs.result, counts(&sooner.outputs)), (Verdict::Changes, [1, 0, 0, 0, 0]));
    let said = "**Deletes for good later:** `…OLD1` of `spare` from 2026‑11‑25 (before: 2026‑12‑04)";
    assert!(sooner.markdown.contains(said), "{}", sooner.markdown);
}

#[test]
fn what_could_not_be_read_is_an_error_and_nobodys_pending() {
    let broken = "\n[[secrets]]\nname = \"/aws/iam/credentials/day-70\"\ntags = { Owner = \"day-70\", \"keyrota:intent\" = \"soon\" }\n";
    let sandbox = SANDBOX.to_owned() + broken;
    let change = reviewed_in(&sandbox, &manifest(SHARED, DUE), &manifest(SHARED, DUE));
    let Outputs { result, unreadable, digest, .. } = &change.outputs;
    assert_eq!((*result, *unreadable, digest), (Verdict::Error, 1, &None));
    assert!(
        title(&change).contains("1 user could not be read") && change.markdown.contains("**Not known:**"),
        "{}",
        change.markdown
    );
    let anyway = change.text.split_once("Waiting anyway:").map_or("", |(_, rest)| rest);
    assert!(!anyway.contains("day-70") || change.text.contains("Could not be read:\n? day-70"), "{}", change.text);
    assert!(change.text.contains("Could not be read:\n? day-70"), "{}", change.text);
    assert!(!change.text.contains("No changes"), "{}", change.text);
}
