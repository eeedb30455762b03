//! One comment a plan, whatever runs at once, fails or was there before.

use std::thread;

use super::{
    MARKER, PullRequest, RULE,
    github::{APP_TOKEN, BOT, Fault},
};

const WIDER: &str = "[[rotate]]\nusers = [\"day-*\", \"spare\"]\n";
const WIDEST: &str = "[[rotate]]\nusers = [\"*\"]\n";

/// Two pushes whose runs overlap: neither sees the comment of the other before it writes its own.
#[test]
fn two_pushes_at_once() {
    let pull = PullRequest::new();
    pull.push(WIDER);
    let (first, first_event) = (pull.checkout(2), pull.event("example/access-keys"));
    pull.push(WIDEST);
    let (second, second_event) = (pull.checkout(2), pull.event("example/access-keys"));
    let head = pull.origin.git(&["rev-parse", "change"]);
    pull.github.hold_lists(2);
    thread::scope(|scope| {
        scope.spawn(|| pull.run_in(&first, "pull_request", first_event, (10, 1), &[]));
        scope.spawn(|| pull.run_in(&second, "pull_request", second_event, (11, 1), &[]));
    });
    let own = pull.own_comments();
    assert_eq!(own.len(), 1, "{own:?}");
    assert!(own[0].starts_with(&format!("{MARKER}11.1 head={head} -->\n")) && own[0].contains("spare-busy"), "{own:?}");
}

#[test]
fn an_older_run_has_no_say() {
    let pull = PullRequest::new();
    pull.push(WIDER);
    let (older, older_event) = (pull.checkout(2), pull.event("example/access-keys"));
    pull.push(WIDEST);
    let (newer, newer_event) = (pull.checkout(2), pull.event("example/access-keys"));
    let old = |run| pull.run_in(&older, "pull_request", older_event.clone(), run, &[]);
    assert!(pull.run_in(&newer, "pull_request", newer_event, (21, 1), &[]).is_success);
    let written = pull.own_comments();
    // It finished later, and again when someone tried it once more.
    for attempt in [1, 2] {
        let outcome = old((20, attempt));
        assert!(outcome.is_success && outcome.log.contains("a later push has its own run"), "{outcome:?}");
        assert!(outcome.summary.contains("1 to delete"), "its own summary is its own: {}", outcome.summary);
        assert_eq!(pull.own_comments(), written);
    }
    // Nor does it write first what is outdated: the newer run is still on its way.
    pull.github.remove_comments();
    pull.github.set_head(&pull.origin.git(&["rev-parse", "change"]));
    old((20, 1));
    assert_eq!(pull.own_comments(), Vec::<String>::new());
    // The same run, tried again, has a say.
    pull.github.set_head("");
    old((20, 1));
    let outcome = old((20, 2));
    assert!(outcome.is_success && pull.own_comments()[0].starts_with(&format!("{MARKER}20.2 ")), "{outcome:?}");
}

/// What earlier overlapping runs left behind is put in order.
#[test]
fn several_comments_become_one() {
    let pull = PullRequest::new();
    pull.push(WIDER);
    pull.github.comment(BOT, &format!("{MARKER}3.1 head=a -->\nold"));
    pull.github.comment(BOT, &format!("{MARKER}4.1 head=b -->\nnewer"));
    pull.github.comment(BOT, &format!("{MARKER}2.1 head=c -->\noldest"));
    let checkout = pull.checkout(2);
    let event = pull.event("example/access-keys");
    assert!(pull.run_in(&checkout, "pull_request", event.clone(), (3, 2), &[]).is_success);
    let own = pull.github.comments();
    assert!(own.len() == 1 && own[0].id == 1_000 && own[0].body.ends_with("newer"), "{own:?}");
    assert!(pull.run_in(&checkout, "pull_request", event, (5, 1), &[]).is_success);
    let own = pull.github.comments();
    assert!(own.len() == 1 && own[0].body.contains("1 to delete"), "{own:?}");
}

/// Each folder and each label has its own; the ways to write a folder have one.
#[test]
fn folders_and_labels() {
    let pull = PullRequest::new();
    pull.push(WIDER);
    let text =
        |name: &str| std::fs::read_to_string(pull.origin.path().join("manifests").join(name)).expect("a manifest");
    for folder in ["a/b", "a-b", "a_b", "m", "m--", "a"] {
        for name in ["keyrota.toml", "team.toml"] {
            pull.origin.write(&format!("{folder}/{name}"), &text(name));
        }
    }
    pull.origin.commit();
    let absolute = |checkout: &crate::repository::Repository| format!("{}/m", checkout.path().display());
    let checkout = pull.checkout(2);
    let run = |inputs: &[(&str, &str)]| {
        let outcome = pull.run_in(&checkout, "pull_request", pull.event("example/access-keys"), (1, 1), inputs);
        assert!(outcome.is_success, "{inputs:?}: {outcome:?}");
    };
    let folders = ["a/b", "a-b", "a_b", "m", "m--", "a"];
    folders.iter().for_each(|folder| run(&[("manifests", folder)]));
    assert_eq!(pull.own_comments().len(), folders.len());
    for same in ["m/", "./m", "m/.", "a/../m", &absolute(&checkout)] {
        run(&[("manifests", same)]);
        assert_eq!(pull.own_comments().len(), folders.len(), "{same}");
    }
    for (position, label) in ["prod", "test", "prod eu", "--><!--"].iter().enumerate() {
        run(&[("manifests", "m"), ("label", label)]);
        run(&[("manifests", "m/"), ("label", label)]);
        assert_eq!(pull.own_comments().len(), folders.len() + position + 1, "{label}");
    }
    let own = pull.own_comments();
    for comment in &own {
        let (marker, text) = comment.split_once(" -->\n").expect("a marker");
        assert!(!marker["<!--".len()..].contains("--") && text.starts_with("### keyrota"), "{comment}");
    }
    let keys: std::collections::BTreeSet<_> = own.iter().map(|comment| comment.split(" run=").next()).collect();
    assert_eq!(keys.len(), own.len(), "{keys:?}");
}

/// What passes by itself is tried again; no answer that broke off leaves two comments.
#[test]
fn faults_that_pass() {
    use Fault::{Code, Dropped, DroppedAfter, Html, Limited, None, Truncated};
    // The head, the list, the comment, and the list again.
    let cases = [
        vec![Dropped, None, Truncated],
        vec![None, Html(200), None],
        vec![None, Code(502), Html(503)],
        vec![None, None, Dropped],
        vec![None, None, DroppedAfter],
        vec![None, None, Truncated],
        vec![None, None, Html(200)],
        vec![None, None, Limited(1)],
        vec![None, None, None, Dropped],
    ];
    // Most of it is waiting for the next try.
    side_by_side(cases, |faults| {
        let pull = PullRequest::new();
        pull.push(WIDER);
        let checkout = pull.checkout(2);
        for is_first in [true, false] {
            pull.github.fail(&faults);
            let event = pull.event("example/access-keys");
            let outcome = pull.run_in(&checkout, "pull_request", event, (1, 1), &[]);
            assert!(outcome.is_success && !outcome.log.contains("::warning title=keyrota"), "{faults:?}: {outcome:?}");
            let own = pull.own_comments();
            assert!(own.len() == 1 && own[0].contains("1 to delete"), "{faults:?}, {is_first}: {own:?}");
        }
    });
}

/// Runs a test's cases at the same time.
fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    let test = &test;
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || test(case));
        }
    });
}

/// What does not pass is explained in one line, and fails nothing: the plan is no other for it.
#[test]
fn faults_that_stay() {
    use Fault::{Code, Dropped, Html, Limited, Said};
    let run = |pull: &PullRequest, inputs: &[(&str, &str)]| {
        pull.push(WIDER);
        let checkout = pull.checkout(2);
        let outcome = pull.run_in(&checkout, "pull_request", pull.event("example/access-keys"), (1, 1), inputs);
        assert!(outcome.is_success && outcome.summary.contains("1 to delete"), "{outcome:?}");
        assert!(!outcome.log.contains("panicked") && !outcome.log.contains("Traceback"), "{}", outcome.log);
        outcome.log
    };
    let cases = [
        (Dropped, "GitHub can't be reached: "),
        (Html(200), "the answer (200) is not GitHub's: it is an HTML page, as of a proxy that wants a login"),
        (Html(407), "the answer (407) is not GitHub's: it is an HTML page"),
        (Code(500), "GitHub answers 500"),
        (Limited(3_600), "GitHub's rate limit is used up until "),
        (Said(422, "Validation Failed\n::error::forged"), "GitHub answers 422, `Validation Failed\\n::error::forged`"),
    ];
    side_by_side(cases, |(fault, sentence)| {
        let pull = PullRequest::new();
        pull.github.fail(&[&[Fault::None, Fault::None][..], &vec![fault; 8]].concat());
        let log = run(&pull, &[]);
        assert!(
            log.contains(&format!("::warning title=keyrota::the comment could not be written: {sentence}")),
            "{log}"
        );
    });
    let pull = PullRequest::new();
    assert!(run(&pull, &[("token", "ghs_wrong")]).contains("the input `token` is not valid"));
    pull.github.lock();
    assert!(run(&pull, &[]).contains("issue is locked.`; the conversation is locked: unlock it"));
}

/// The token of another app writes as that app.
#[test]
fn another_token() {
    let pull = PullRequest::new();
    pull.push(WIDER);
    pull.github.comment("octocat", &format!("{MARKER}9.9 head=x -->\nforged"));
    for _ in 0..2 {
        assert!(pull.run(&[("token", APP_TOKEN)]).is_success);
        let comments = pull.github.comments();
        assert_eq!(comments.len(), 2, "{comments:?}");
        assert!(comments[1].login == "keyrota-app[bot]" && comments[1].body.contains("1 to delete"), "{comments:?}");
    }
    assert!(pull.github.comments()[0].body.ends_with("forged"));
}

/// `true` as people write it.
#[test]
fn the_input_comment() {
    for (value, count) in [("True", 1), ("TRUE", 1), ("true", 1), ("False", 0), ("FALSE", 0)] {
        let pull = PullRequest::new();
        pull.push(WIDER);
        assert!(pull.run(&[("comment", value)]).is_success);
        assert_eq!(pull.own_comments().len(), count, "{value}");
    }
    let pull = PullRequest::new();
    pull.push(&format!("# Nothing.\n{RULE}"));
    assert!(pull.run(&[]).is_success);
    assert_eq!(pull.github.take_requests().iter().filter(|request| !request.starts_with("GET ")).count(), 0);
}
