//! The Markdown of a plan: nothing that manifests, tags or AWS hold can leave its code span, and it always fits.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use comrak::{Arena, Options, nodes::NodeValue, parse_document};
use keyrota::{
    inventory::{Account, KeyId},
    manifest::Source,
    plan::{Action, Change, Origin, Plan, Reason, Settled, Tells, Waiting, WaitingOn},
    report::{
        Report,
        markdown::{MOST_BYTES, render},
    },
    untrusted::{cell, code},
};

use crate::repository::Repository;

/// What someone might write to get out.
const HOSTILE: [&str; 24] = [
    "@octocat",
    "a|b",
    "a\\|b",
    "a\\\\|@octocat",
    "`",
    "``",
    "a`@octocat`b",
    "` @octocat `",
    "```\n@octocat\n```",
    "~~~\n@octocat",
    "<img src=x onerror=alert(1)>",
    "<!-- keyrota:plan manifests -->",
    "--><b>",
    "</details>",
    "a\n\n# heading",
    "a\r\n| b |",
    "[x](https://example.com)",
    "https://example.com",
    "![x](y)",
    "a\u{202e}b\u{200b}",
    "#1",
    "\\",
    "a\\`@octocat",
    "`|`@octocat`|`",
];

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn account() -> Arc<Account> {
    let (id, name) = ("111122223333".to_owned(), Some("prod".to_owned()));
    Arc::new(Account { id, name, partition: "aws".to_owned(), region: "eu-west-1".to_owned(), membership: None })
}

fn source(file: &str) -> Source {
    Source { file: Arc::from(file), line: 1 }
}

fn delete(user: &str, key: &str) -> Change {
    let action = Action::Delete { key: KeyId::new(key), expected: Vec::new(), clear: false };
    let (reason, destination) = (Reason::HoldOver { since: None, origin: Origin::Inactive }, "secret".to_owned());
    Change {
        account: account(),
        user: user.to_owned(),
        action,
        reason,
        destination,
        moves_to: None,
        made_with: None,
        source: source("a.toml"),
        then: vec![],
        is_assumed: false,
        begins: true,
        queue: None,
        tells: Tells::default(),
    }
}

fn waits(user: &str, wait: WaitingOn) -> Waiting {
    let (key, source) = (Some(KeyId::new("AKIAEXAMPLEWAITS0001")), source("a.toml"));
    Waiting {
        account: account(),
        user: user.to_owned(),
        key,
        wait,
        moves_to: None,
        source,
        until: None,
        then: vec![],
        is_assumed: false,
        overdue: None,
    }
}

/// Some 420 rotations, some users whom a person must help, and a change that most users leave by: whatever is cut, these
/// are there, and the page says where the rest is.
#[test]
fn what_matters_survives_the_cut() {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"leaves-*\", \"due-0000\"]\n");
    let mut sandbox = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n".to_owned();
    let mut user = |name: &str, keys: &[(&str, &str)]| {
        let keys =
            keys.iter().map(|(id, dates)| format!("{{ id = \"{id}\", {dates} }}")).collect::<Vec<_>>().join(", ");
        sandbox += &format!("\n[[users]]\nname = \"{name}\"\nkeys = [{keys}]\n");
    };
    for number in 0..420 {
        user(&format!("due-{number:04}"), &[(&format!("AKIADUE{number:013}"), "created = 2026-08-01")]);
    }
    for number in 0..30 {
        let (one, other) = (format!("AKIABUSYONE{number:09}"), format!("AKIABUSYTWO{number:09}"));
        let used = "created = 2026-01-01, last-used = 2026-11-23";
        user(&format!("busy-{number:04}"), &[(&one, used), (&other, used)]);
        user(&format!("leaves-{number:04}"), &[(&format!("AKIALEAVES{number:010}"), "created = 2026-11-01")]);
    }
    user(
        "gone",
        &[
            ("AKIAGONEOLD000000001", "created = 2026-01-01, status = \"inactive\""),
            ("AKIAGONENEW000000002", "created = 2026-08-01"),
        ],
    );
    repository.write("sandbox.toml", &sandbox);
    repository.write("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"due-*\", \"busy-*\", \"gone\"]\n");
    // What waits for its turn is counted in the title as well.
    let paced = repository.plan(&["--base", "HEAD", "--format", "markdown"]).stdout;
    let title = "### keyrota: this change causes 24 to create, 30 blocked, 396 to create when their turn comes; 30 users leave it";
    assert_eq!(paced.lines().next(), Some(title));
    let shared = std::fs::read_to_string(repository.path().join("manifests/keyrota.toml")).expect("a file");
    repository.write("manifests/keyrota.toml", &(shared + "\n[pace]\nmax-rotations = 0\n"));
    repository.commit();
    repository.write("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"leaves-*\", \"due-0000\"]\n");
    repository.commit();
    repository.write("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"due-*\", \"busy-*\", \"gone\"]\n");
    let markdown = repository.plan(&["--base", "HEAD", "--format", "markdown"]).stdout;
    assert!(markdown.len() < MOST_BYTES && markdown.len() > MOST_BYTES / 2, "{} bytes", markdown.len());
    let (title, rest) = markdown.split_once('\n').expect("lines");
    assert_eq!(title, "### keyrota: this change causes 1 to delete, 420 to create, 30 blocked; 30 users leave it");
    for needed in [
        "**Deletes for good:** `…0001` of `gone`\n",
        "**Leaves the scope, or gets weaker**",
        "| `leaves-0000`, `leaves-0001`,",
        "and 22 more | **leaves the scope**",
        "**Waits because of this change: 30**",
        "`busy-0029` | **blocked**",
        "**Caused by this change: 420**",
        "| `-` | `gone` | **delete** `…0001`, **create a new key** |",
        "more** did not fit here; the job's log and the plan's JSON have them all.",
        "<sub>In all, with what is pending anyway: 1 to delete, 421 to create, 30 blocked, 30 overdue; 451 in scope of account",
    ] {
        assert!(rest.contains(needed), "{needed:?} is not in\n{markdown}");
    }
    outside_of_code(&markdown);
}

/// No table is wider than five columns, and no date breaks at the end of a line.
#[test]
fn tables_are_narrow_and_dates_hold_together() {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"day-*\"]\n");
    repository
        .write("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"*\"]\nmax-age = \"60d\"\nhold = \"3d\"\n");
    for arguments in [&["--base", "HEAD"][..], &[]] {
        let markdown = repository.plan(&[&["--format", "markdown"], arguments].concat()).stdout;
        let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
        assert!(rows.len() > 4, "{markdown}");
        for row in rows {
            assert!(row.matches('|').count() <= 6, "{row}");
            assert!(!row.contains("2026-") && !row.contains("2027-"), "a date that breaks in {row}");
        }
        assert!(markdown.contains("2026\u{2011}1"), "{markdown}");
    }
}

#[test]
fn account_ids_and_addresses_are_hidden_on_request() {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"day-*\"]\n");
    let mail = "\n[mail]\nfrom = \"Security <security@example.com>\"\nfallback = [\"ops@example.org\"]\n";
    let shared = std::fs::read_to_string(repository.path().join("manifests/keyrota.toml")).expect("a manifest") + mail;
    repository.write("manifests/keyrota.toml", &shared);
    for format in ["markdown", "text"] {
        let shown = repository.plan(&["--base", "HEAD", "--format", format]).stdout;
        let masked = repository.plan(&["--base", "HEAD", "--format", format, "--mask"]).stdout;
        for hidden in ["111122223333", "security@example.com", "ops@example.org"] {
            assert!(!masked.contains(hidden), "{hidden} in\n{masked}");
        }
        assert!(shown.contains("security@example.com"), "{shown}");
        assert_eq!(shown.contains("111122223333"), masked.contains("…3333"), "{masked}");
        assert!(masked.contains("s…@e…"), "{masked}");
        // The digest is twelve digits as well, some day.
        let digest = |text: &str| text.split_once("r2:").map(|(_, rest)| rest[..12].to_owned());
        assert_eq!(digest(&masked), digest(&shown));
    }
    use keyrota::report::masked;
    for (text, hidden) in [
        ("arn:aws:iam::111122223333:user/x", "arn:aws:iam::…3333:user/x"),
        ("r2:111122223333", "r2:111122223333"),
        ("a111122223333 1111222233334 11112222333", "a111122223333 1111222233334 11112222333"),
        ("<a.b+c@sub.example.com>, @octocat", "<a…@s…>, @octocat"),
        ("é@example.com ü x@y", "é@example.com ü x…@y…"),
    ] {
        assert_eq!(masked(text), hidden);
    }
}

fn markdown(plan: &Plan) -> String {
    render(&Report { revision: Some("0123abc"), ..Report::new(plan) }, false)
}

/// The text outside of code, the code spans, and the cells of each table row; fails on what must not be there.
#[track_caller]
fn outside_of_code(markdown: &str) -> (String, Vec<String>) {
    let arena = Arena::new();
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.strikethrough = true;
    let (mut text, mut spans) = (String::new(), Vec::new());
    for node in parse_document(&arena, markdown, &options).descendants() {
        match &node.data.borrow().value {
            NodeValue::Text(plain) => text += plain,
            NodeValue::Code(span) => spans.push(span.literal.clone()),
            NodeValue::Link(_) | NodeValue::Image(_) => panic!("a link in\n{markdown}"),
            NodeValue::HtmlInline(html) => {
                assert!(["<sub>", "</sub>"].contains(&html.as_ref()), "{html} in\n{markdown}");
            }
            NodeValue::HtmlBlock(html) => {
                let html = html.literal.trim();
                let is_own =
                    html.starts_with("<details><summary>") || html == "</details>" || html.starts_with("<sub>");
                assert!(is_own && html.matches('<').count() <= 4, "{html} in\n{markdown}");
            }
            _ => {}
        }
    }
    (text, spans)
}

#[test]
fn a_code_span_holds_whatever_it_is_given() {
    for hostile in HOSTILE {
        let (text, spans) = outside_of_code(&format!("before {} after\n", code(hostile)));
        assert_eq!((text.as_str(), spans.len()), ("before  after", 1), "{hostile:?}");
        let row = format!("| a | b |\n|---|---|\n| {} | end |\n", cell(hostile));
        let (text, spans) = outside_of_code(&row);
        assert_eq!((text.as_str(), spans.len()), ("abend", 1), "{hostile:?} in\n{row}");
    }
    assert_eq!(outside_of_code(&code("a|b")).1, ["a|b"]);
    assert_eq!(outside_of_code(&format!("| a |\n|---|\n| {} |\n", cell("a|b"))).1, ["a|b"]);
}

#[test]
fn a_plan_of_hostile_names() {
    for hostile in HOSTILE {
        let mut plan = Plan::empty(now());
        plan.changes.push(delete(hostile, "AKIAEXAMPLEDELETE001"));
        plan.waiting.push(waits(hostile, WaitingOn::Exempt { reason: hostile.to_owned() }));
        plan.waiting.push(waits(
            hostile,
            WaitingOn::Unreadable { error: hostile.to_owned(), cause: hostile.to_owned(), hint: None },
        ));
        plan.waiting.push(waits(hostile, WaitingOn::ForeignSecret { secret: hostile.to_owned() }));
        plan.settled.push(Settled {
            account: account(),
            user: hostile.to_owned(),
            next_rotation: Some(now()),
            goes_unused: None,
        });
        let (text, _) = outside_of_code(&markdown(&plan));
        assert!(!text.contains("octocat") && !text.contains("example.com") && !text.contains("heading"), "{text}");
        let mut settled = Plan::empty(now());
        settled.settled = plan.settled;
        assert!(!outside_of_code(&markdown(&settled)).0.contains("octocat"), "{hostile}");
    }
}

/// The whole way: a file's name, an exemption, a sender and a role that are made to get out.
#[test]
fn hostile_manifests() {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"day-100\"]\n");
    let rules = "version = 1\n\n[[rotate]]\nusers = [\"day-*\"]\nexcept = [\"day-100\"]\n\n[[exempt]]\nuser = \"day-70\"\n\
                 reason = \"`|` @octocat ```` </details> <b> ~~~ | x\"\n";
    repository.write("manifests/`@octocat|<b>.toml", rules);
    let markdown = repository.plan(&["--base", "HEAD", "--format", "markdown"]).stdout;
    assert!(markdown.contains("4 users") || markdown.contains("3 users enter"), "{markdown}");
    let (text, spans) = outside_of_code(&markdown);
    assert!(!text.contains("octocat"), "{text}");
    assert!(spans.iter().any(|span| span.contains("manifests/`@octocat|<b>.toml:3")), "{spans:?}");
    // And where the base is what is broken.
    repository.write("manifests/broken.toml", "version = 1\nx = '````@octocat</details>'\n```\n");
    repository.commit();
    std::fs::remove_file(repository.path().join("manifests/broken.toml")).expect("a removed file");
    let markdown = repository.plan(&["--base", "HEAD", "--format", "markdown"]).stdout;
    assert!(markdown.contains("have errors"), "{markdown}");
    assert!(!outside_of_code(&markdown).0.contains("octocat"), "{markdown}");
}

#[test]
fn keys_are_shown_by_their_last_four_characters() {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"none\"]\n");
    repository.write("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"*\"]\n");
    for arguments in [&["--base", "HEAD"][..], &[]] {
        let markdown = repository.plan(&[&["--format", "markdown"], arguments].concat()).stdout;
        assert!(!markdown.contains("AKIA"), "{markdown}");
        assert!(markdown.contains("**Deletes for good:** `…OLD1` of `spare`"), "{markdown}");
        assert!(markdown.contains("…0KEY is 100d old, the limit is 90d"), "{markdown}");
    }
}

#[test]
fn counts_and_deletions_come_first() {
    let mut plan = Plan::empty(now());
    plan.changes.push(delete("someone", "AKIAEXAMPLEDELETE001"));
    plan.waiting.push(waits(
        "other",
        WaitingOn::TwoKeysInUse { move_off: KeyId::new("AKIAMOVEOFF000000001"), is_by_hand: false },
    ));
    let markdown = markdown(&plan);
    let mut lines = markdown.lines().filter(|line| !line.is_empty());
    assert_eq!(lines.next(), Some("### keyrota: 1 to delete, 1 blocked"));
    assert_eq!(lines.next(), Some("**Deletes for good:** `…E001` of `someone`"));
}

#[test]
fn it_fits_and_says_what_does_not() {
    for (changes, waiting) in [(0, 0), (1, 3_000), (100, 100), (5_000, 0), (5_000, 5_000)] {
        let mut plan = Plan::empty(now());
        let long = "x".repeat(60);
        plan.changes = (0..changes).map(|n| delete(&format!("{long}{n}"), &format!("AKIAEXAMPLE{n:09}"))).collect();
        plan.waiting = (0..waiting).map(|n| waits(&format!("{long}{n}"), WaitingOn::InHold)).collect();
        let markdown = markdown(&plan);
        assert!(markdown.len() < MOST_BYTES, "{} bytes", markdown.len());
        let (text, _) = outside_of_code(&markdown);
        assert!(text.contains("Digest"), "the end is never cut off");
        if changes > 0 {
            assert!(markdown.starts_with(&format!("### keyrota: {changes} to delete")), "{markdown}");
        }
        if changes + waiting > 1_000 {
            assert!(markdown.contains("did not fit here"), "{changes} and {waiting}");
        }
        assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count());
    }
}

#[test]
fn mistakes_as_annotations() {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"day-100\"]\n");
    repository.write("manifests/a,b:c%.toml", "version = 1\n\nodd = '100%'\n");
    let ran = repository.keyrota(&["check", "--format", "github"]);
    let line = ran.stdout.lines().find(|line| line.starts_with("::error ")).unwrap_or_else(|| panic!("{ran:?}"));
    assert!(
        line.starts_with("::error file=manifests/a%2Cb%3Ac%25.toml,line=3,col=1,title=KR0007::unknown key `odd`%0A"),
        "{line}"
    );
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("::error ")).count(), 1);
    // Who is blocked is told at the rule that selects the user.
    repository.git(&["clean", "--quiet", "--force"]);
    repository.write("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"spare-busy\"]\n");
    let ran = repository.plan(&["--format", "github"]);
    assert!(
        ran.stdout.contains("::warning file=manifests/team.toml,line=3,title=blocked::spare-busy: a new key is due"),
        "{ran:?}"
    );
}
