//! The built-in templates: goldens for each kind and language, and values that would like to be something else.

use std::{fs, path::Path, sync::Arc};

use keyrota::{
    inventory::{Account, KeyId, LastUse},
    notice::Kind,
    plan::{Class, Retirement, Verb, WaitingKind},
    template::{
        Language, Templates, Text,
        content::{AboutKey, AccountDigest, Content, Digest, Rotated},
        examples::examples,
        render,
    },
};

use strum::VariantArray;

use super::{account, at, t0};
use crate::golden::is_blessing;

fn built_in(language: Language, content: &Content) -> Text {
    let (text, flaw) = render(&Templates::default(), language, content);
    assert_eq!(flaw, None);
    text
}

/// The plain text of every example, and the HTML of the first.
#[test]
fn each_mail_in_each_language() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mail");
    let mut stale = Vec::new();
    for &kind in Kind::VARIANTS {
        for language in Language::ALL {
            let all = examples(kind, t0()).into_iter().map(|example| built_in(language, &example));
            let all: Vec<Text> = all.collect();
            let plain: Vec<String> =
                all.iter().map(|one| format!("Subject: {}\n\n{}", one.subject, one.text)).collect();
            let plain = plain.join("\n==========\n\n");
            for (extension, actual) in [("txt", &plain), ("html", &all[0].html)] {
                let path = folder.join(format!("{kind}.{}.{extension}", language.as_str()));
                if is_blessing() {
                    fs::write(&path, actual).expect("the golden is written");
                } else if fs::read_to_string(&path).unwrap_or_default() != *actual {
                    stale.push(path.display().to_string());
                }
            }
        }
    }
    assert!(stale.is_empty(), "BLESS=1 rewrites {stale:#?}");
}

/// Nothing is loaded from anywhere, and the only links are to the console.
#[test]
fn mails_load_nothing() {
    for &kind in Kind::VARIANTS {
        for example in examples(kind, t0()) {
            for language in Language::ALL {
                let Text { html, text, .. } = built_in(language, &example);
                for loading in ["<img", "<link", "<script", "<iframe", "<form", "<input", "src=", "url(", "@import"] {
                    assert!(!html.contains(loading), "{kind} has `{loading}`");
                }
                for link in html.split("http").skip(1).chain(text.split("http").skip(1)) {
                    let link = link.replace("&#x2f;", "/");
                    assert!(link.starts_with("s://console.aws.amazon.com/"), "{kind} links to {link:.60}");
                }
                // What mail programs cut off or refuse.
                assert!(html.len() < 90_000, "{kind} has {} bytes", html.len());
                assert!(html.lines().chain(text.lines()).all(|line| line.len() < 2_000));
            }
        }
    }
}

#[test]
fn every_deadline_stands_in_the_subject() {
    for (kind, dates) in [
        (Kind::Rotated, ["30 November 2026", "30 de noviembre de 2026", "30 de novembro de 2026"]),
        (Kind::StillInUse, ["6 December 2026", "6 de diciembre de 2026", "6 de dezembro de 2026"]),
        (Kind::Deactivated, ["6 December 2026", "6 de diciembre de 2026", "6 de dezembro de 2026"]),
        (Kind::Upcoming, ["6 December 2026", "6 de diciembre de 2026", "6 de dezembro de 2026"]),
    ] {
        for (language, date) in Language::ALL.into_iter().zip(dates) {
            let subject = built_in(language, &examples(kind, t0())[0]).subject;
            assert!(subject.contains(date), "{kind}: {subject}");
        }
    }
}

fn hostile(text: &str) -> [Content; 2] {
    let account = Account { name: Some(text.to_owned()), region: text.to_owned(), ..account() };
    let account = Arc::new(account);
    let (user, secret, key) = (text.to_owned(), text.to_owned(), KeyId::new(text));
    let rotated = Rotated {
        account: Arc::clone(&account),
        user: user.clone(),
        key: key.clone(),
        secret: secret.clone(),
        old: Some((key.clone(), at(7))),
        at_once: false,
        moved_from: Some(text.to_owned()),
        delivered: vec![text.to_owned()],
        undelivered: vec![text.to_owned()],
        because: Some(text.to_owned()),
    };
    let last_use = LastUse::At { time: at(0), service: Some(text.to_owned()), region: Some(text.to_owned()) };
    let about = AboutKey {
        other: None,
        account,
        user,
        key,
        secret,
        places: vec![text.to_owned()],
        last_use,
        reason: Some("reactivated"),
        since: Some(at(0)),
        began: None,
        deadline: Some(at(7)),
    };
    [
        Content::Rotated(rotated),
        Content::Keys { kind: Kind::Blocked, about: vec![about; 2], because: Some(text.to_owned()) },
    ]
}

#[test]
fn values_stay_what_they_are() {
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='x",
        "{{ subject }}{% endif %}",
        "a\r\nBcc: eve@example.com\r\n\r\nbody",
        "a\n\n<h1>b",
        "\u{202e}gpj\u{2066}\u{200b}\u{0}\u{1b}[31m",
        "<tr><td>",
        "</pre></td>",
    ] {
        for content in hostile(text) {
            for language in Language::ALL {
                let Text { subject, text: plain, html } = built_in(language, &content);
                assert!(!subject.chars().any(|c| c.is_control() || c == '\u{202e}'), "{subject:?}");
                let is_odd = |c: char| (c.is_control() && c != '\n') || ('\u{200b}'..='\u{206f}').contains(&c);
                assert!(!plain.chars().chain(html.chars()).any(is_odd), "{plain}");
                assert!(!plain.lines().any(|line| line.starts_with("Bcc:") || line == "body"), "{plain}");
                for broken in ["<script", "<img", "' onmouse", "\" onmouse", "<h1>b", "<tr><td>", "alert(1)<"] {
                    assert!(!html.contains(broken), "{broken} in {html}");
                }
                // As many tags as the same mail about a harmless user.
                let harmless = hostile("x").into_iter().find(|one| one.kind() == content.kind()).expect("both kinds");
                let tags = |html: &str| {
                    html.replace("<span style=\"white-space:nowrap\">", "").replace("</span>", "").matches('<').count()
                };
                assert_eq!(tags(&html), tags(&built_in(language, &harmless).html));
            }
        }
    }
}

fn plain_of(kind: Kind, user: &str, partition: &str, region: &str) -> String {
    let account = Account { partition: partition.to_owned(), region: region.to_owned(), ..account() };
    let content = examples(kind, t0()).remove(0).about_user(&Arc::new(account), user, "/team a/ñ&x", &[]);
    built_in(Language::English, &content).text
}

#[test]
fn commands_can_be_pasted_into_a_shell() {
    for (user, written) in [
        ("ci-deployer", "--user-name ci-deployer "),
        ("ci.dep_loyer@example.com", "--user-name ci.dep_loyer@example.com "),
        ("a,b=c+d", "--user-name 'a,b=c+d' "),
        ("=cmd", "--user-name '=cmd' "),
        ("-x", "--user-name=-x "),
        ("it's; rm -rf $HOME", "--user-name \"it's; rm -rf \"'$HOME' "),
    ] {
        let text = plain_of(Kind::Deactivated, user, "aws", "eu-west-1");
        let expected =
            format!("\n    aws iam update-access-key {written}--access-key-id AKIAEXAMPLEREPORTS01 --status Active\n");
        assert!(text.contains(&expected), "{text}");
    }
    // In HTML the quotes are the same characters once a mail program has read them.
    let content = examples(Kind::Deactivated, t0()).remove(0);
    let html = built_in(Language::English, &content.about_user(&Arc::new(account()), "a,b", "s", &[])).html;
    assert!(html.contains(">&#x27;a,b&#x27;</span>"), "{html}");
}

#[test]
fn links_go_to_the_console_of_the_partition() {
    for (partition, region, host) in [
        ("aws", "eu-west-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ] {
        let text = plain_of(Kind::Rotated, "bob", partition, region);
        let link = format!("\nhttps://{host}/secretsmanager/secret?name=%2Fteam%20a%2F%C3%B1%26x&region={region}\n");
        assert!(text.contains(&link), "{text}");
        let text = plain_of(Kind::Blocked, "a,b=c", partition, region);
        let link = format!("\nhttps://{host}/iam/home#/users/details/a%2Cb%3Dc?section=security_credentials\n");
        assert!(text.contains(&link), "{text}");
    }
}

/// Templates are checked with examples: one for each reason why a key goes.
#[test]
fn every_retirement_has_an_example() {
    let examples = examples(Kind::Retiring, t0());
    for &retirement in Retirement::VARIANTS {
        let is_it = |example: &Content| matches!(example, Content::Retiring(one) if one.why == retirement.as_str());
        assert!(examples.iter().any(is_it), "{retirement:?}");
    }
}

fn said(language: Language, content: &Content) -> String {
    built_in(language, content).text
}

/// A reason that a template does not know would reach people as an English aside, or as nothing.
#[test]
fn every_reason_to_be_blocked_has_words_in_every_language() {
    // No key of the user's is what it is about, so that only the digest tells of it.
    let in_digest_only = [
        WaitingKind::ForeignSecret,
        WaitingKind::SecretBeingDeleted,
        WaitingKind::ExposedSecret,
        WaitingKind::ReplicaSecret,
        WaitingKind::ReplicaFailed,
        WaitingKind::AmbiguousRules,
        WaitingKind::SharedSecret,
        WaitingKind::SharedPlace,
        WaitingKind::NoRecipient,
    ];
    let blocked = WaitingKind::VARIANTS.iter().filter(|kind| kind.class() == Class::Blocked);
    let unreadable = WaitingKind::VARIANTS.iter().filter(|kind| kind.class() == Class::Unreadable);
    let of_digest: Vec<_> = blocked.clone().chain(unreadable).collect();
    assert!(of_digest.len() > 10);
    for language in Language::ALL {
        let digest = |reason: &'static str| {
            let blocked = vec![("bob".to_owned(), reason.into(), "DETAILS".to_owned())];
            let account = account();
            let one = AccountDigest { account, done: vec![], failed: vec![], blocked };
            said(language, &Content::Digest(Digest { accounts: vec![one], ..Digest::default() }))
        };
        for kind in &of_digest {
            assert!(
                !digest(kind.code()).contains("bob: DETAILS"),
                "{language:?}: the digest has no words for {kind:?}"
            );
        }
        assert!(digest("nonsense").contains("bob: DETAILS"), "this test could not fail");

        let mail = |reason: &'static str| {
            let mut example = examples(Kind::Blocked, t0()).remove(0);
            let Content::Keys { about, .. } = &mut example else { panic!("{example:?}") };
            about[0].reason = Some(reason);
            said(language, &example)
        };
        for kind in blocked.clone().filter(|kind| !in_digest_only.contains(kind)) {
            assert_ne!(mail(kind.code()), mail("nonsense"), "{language:?}: the mail has no words for {kind:?}");
        }
    }
}

/// The same of every action, in the digest.
#[test]
fn every_action_has_words_in_every_language() {
    for language in Language::ALL {
        for &verb in Verb::VARIANTS {
            let account = account();
            let done = vec![("bob".to_owned(), vec![verb.as_str().into()])];
            let failed = vec![("eve".to_owned(), verb.as_str().into(), "DETAILS".to_owned())];
            let one = AccountDigest { account, done, failed, blocked: vec![] };
            let text = said(language, &Content::Digest(Digest { accounts: vec![one], ..Digest::default() }));
            let bare = [format!("bob: {verb}\n"), format!("eve: {verb}: DETAILS")];
            assert!(!bare.iter().any(|bare| text.contains(bare)), "{language:?}: no words for {verb}: {text}");
        }
    }
}
