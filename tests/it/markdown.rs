//! The Markdown of a plan: nothing that manifests, tags or AWS hold can leave its code span, and it always fits.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use comrak::{Arena, Options, nodes::NodeValue, parse_document};
use keyrota::{
    inventory::{Account, KeyId},
    manifest::Source,
    plan::{Action, Change, Plan, Reason, Settled, Wait, Waiting},
    report::{
        Report,
        markdown::{MOST_BYTES, code, render},
    },
    untrusted::cell,
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
    Arc::new(Account { id, name, partition: "aws".to_owned(), region: "eu-west-1".to_owned() })
}

fn source(file: &str) -> Source {
    Source { file: Arc::from(file), line: 1 }
}

fn delete(user: &str, key: &str) -> Change {
    let action = Action::Delete { key: KeyId::new(key), expected: Vec::new(), clear: false };
    let (reason, destination) = (Reason::HoldOver { since: None }, "secret".to_owned());
    Change {
        account: account(),
        user: user.to_owned(),
        action,
        reason,
        destination,
        source: source("a.toml"),
        then: vec![],
        is_assumed: false,
    }
}

fn waits(user: &str, wait: Wait) -> Waiting {
    let (key, source) = (Some(KeyId::new("AKIAEXAMPLEWAITS0001")), source("a.toml"));
    Waiting {
        account: account(),
        user: user.to_owned(),
        key,
        wait,
        source,
        until: None,
        then: vec![],
        is_assumed: false,
    }
}

fn markdown(plan: &Plan) -> String {
    render(&Report { plan, revision: Some("0123abc"), since: None, applied: None }, false)
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
        plan.waiting.push(waits(hostile, Wait::Exempt { reason: hostile.to_owned() }));
        plan.waiting.push(waits(hostile, Wait::Unreadable { error: hostile.to_owned(), cause: hostile.to_owned() }));
        plan.waiting.push(waits(hostile, Wait::ForeignSecret { secret: hostile.to_owned() }));
        plan.settled.push(Settled { account: account(), user: hostile.to_owned(), next_rotation: Some(now()) });
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
    plan.waiting.push(waits("other", Wait::TwoKeysInUse));
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
        plan.waiting = (0..waiting).map(|n| waits(&format!("{long}{n}"), Wait::InHold)).collect();
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
