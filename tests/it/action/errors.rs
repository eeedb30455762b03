//! What goes wrong reaches the pull request, and no old comment stays as if it were true.

use std::fs;

use super::{PullRequest, RULE, runner::Outcome};
use crate::{repository::binary, support::system::write_script};

const WIDER: &str = "[[rotate]]\nusers = [\"day-*\", \"spare\"]\n";

/// The text is in the comment, the summary and an annotation, and nothing of the old comment is left.
#[track_caller]
fn told(pull: &PullRequest, outcome: &Outcome, result: &str, sentence: &str) {
    assert!(!outcome.is_success && outcome.output("result") == result, "{outcome:?}");
    let own = pull.own_comments();
    assert_eq!(own.len(), 1, "{own:?}");
    assert!(own[0].contains(sentence), "{sentence} is not in the comment {}", own[0]);
    assert!(outcome.summary.contains(sentence), "{sentence} is not in the summary {}", outcome.summary);
    let annotated = outcome
        .log
        .lines()
        .any(|line| line.starts_with("::error ") && line.replace("%25", "%").replace("%0A", "\n").contains(sentence));
    assert!(annotated, "{sentence} is in no annotation: {}", outcome.log);
}

/// A pull request whose comment shows a plan that is about to be no longer true.
fn with_comment() -> PullRequest {
    let pull = PullRequest::new();
    pull.push(WIDER);
    assert!(pull.run(&[]).is_success);
    assert!(pull.own_comments()[0].contains("1 to delete"));
    pull
}

#[test]
fn manifests_that_contradict_each_other() {
    for pull in [PullRequest::new(), with_comment()] {
        pull.push("[[rotate]]\nusers = [\"day-1*\"]\n\n[[rotate]]\nusers = [\"day-?00\"]\n");
        let outcome = pull.run(&[]);
        let sentence = "`day-100`";
        // At run time such a user may be blocked instead: then it is the plan that says so.
        match outcome.output("result") {
            "invalid" => told(&pull, &outcome, "invalid", sentence),
            _ => assert!(pull.own_comments()[0].contains("blocked"), "{outcome:?}"),
        }
    }
}

#[test]
fn a_limit_that_is_exceeded() {
    for pull in [PullRequest::new(), with_comment()] {
        pull.push(WIDER);
        let shared = fs::read_to_string(pull.origin.path().join("manifests/keyrota.toml")).expect("a manifest");
        pull.origin.write("manifests/keyrota.toml", &format!("{shared}\n[limits]\nmax-actions = 1\n"));
        pull.origin.commit();
        let outcome = pull.run(&[]);
        told(&pull, &outcome, "limit", "`max-actions` allows 1");
        assert!(pull.own_comments()[0].contains("1 to delete"), "the plan is shown all the same");
    }
}

#[test]
fn a_base_that_can_not_be_read() {
    for pull in [PullRequest::new(), with_comment()] {
        pull.origin.git(&["checkout", "--quiet", "main"]);
        pull.origin.write("manifests/team.toml", &format!("version = 2\n\n{RULE}"));
        pull.origin.commit();
        pull.origin.git(&["checkout", "--quiet", "-B", "change"]);
        pull.push(WIDER);
        let outcome = pull.run(&[]);
        told(&pull, &outcome, "error", "the manifests at `HEAD^1` can't be compared");
    }
}

/// keyrota against AWS, without a sandbox.
fn against_aws(pull: &PullRequest, environment: Vec<(&'static str, String)>) -> Outcome {
    let checkout = pull.checkout(2);
    let event = pull.event("example/access-keys");
    let (workspace, github) = (checkout.path(), &pull.github.url);
    let job = super::runner::Job { workspace, github, event_name: "pull_request", event, environment, run: (2, 1) };
    job.run(&[("binary", binary().to_str().expect("UTF-8"))])
}

#[test]
fn missing_credentials() {
    for pull in [PullRequest::new(), with_comment()] {
        pull.push(WIDER);
        let environment = vec![
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", "/nonexistent".to_owned()),
        ];
        told(&pull, &against_aws(&pull, environment), "error", "credentials");
    }
}

/// Everything is denied that the account is asked.
#[tokio::test]
async fn denied_calls() {
    for pull in [PullRequest::new(), with_comment()] {
        pull.push(WIDER);
        let account = crate::emulator::account();
        account.create_user("day-100", "/", &[], &[]).await;
        account.create_key("day-100", "2026-01-01T00:00:00Z".parse().expect("a time")).await;
        for action in ["GetAccountAuthorizationDetails", "ListUsers"] {
            let denied = format!("not authorized to perform: iam:{action}");
            account.add_fault(crate::emulator::Fault::error(action, 403, "AccessDenied", &denied).forever());
        }
        told(&pull, &against_aws(&pull, account.environment()), "error", "iam:");
    }
}

/// keyrota is ended from outside, as by a runner that has no memory left.
#[test]
fn a_keyrota_that_ends_without_a_result() {
    let pull = with_comment();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wrapper = folder.path().join("crashing");
    let script = format!("#!/bin/sh\ncase $2 in plan) kill -9 $$ ;; *) exec '{}' \"$@\" ;; esac\n", binary().display());
    write_script(&wrapper, &script);
    let outcome = pull.run(&[("binary", wrapper.to_str().expect("UTF-8"))]);
    assert!(!outcome.is_success, "{outcome:?}");
    let own = pull.own_comments();
    assert!(own.len() == 1 && own[0].contains("keyrota ended before it was done"), "{own:?}");
    assert!(outcome.summary.contains("keyrota ended before it was done"), "{outcome:?}");
}

/// Time alone ends exemptions: whoever changes something else is warned, who touches it is told.
#[test]
fn an_exemption_that_ended() {
    let ended = "\n[[exempt]]\nuser = \"day-50\"\nreason = \"r\"\nuntil = 2026-01-31\n";
    let pull = PullRequest::new();
    pull.origin.git(&["checkout", "--quiet", "main"]);
    pull.origin.write("manifests/exempt.toml", &format!("version = 1\n{ended}"));
    pull.origin.commit();
    pull.origin.git(&["checkout", "--quiet", "-B", "change"]);
    pull.push(WIDER);
    for inputs in [&[][..], &[("command", "check")]] {
        let outcome = pull.run(inputs);
        assert!(outcome.is_success, "{outcome:?}");
        let annotations: Vec<_> = outcome.log.lines().filter(|line| line.contains("title=KR0028")).collect();
        assert_eq!(annotations.len(), 1, "{annotations:?}");
        assert!(annotations[0].starts_with("::warning file=manifests/exempt.toml,"), "{annotations:?}");
    }
    // A fork is checked only, by the same rule.
    let outcome = pull.run_as("pull_request", pull.event("someone/access-keys"), 2, &[]);
    assert!(outcome.is_success && outcome.output("result") == "checked", "{outcome:?}");
    // This one brings an ended exemption in.
    pull.origin.write("manifests/mine.toml", &format!("version = 1\n{}", ended.replace("day-50", "day-70")));
    pull.origin.commit();
    let outcome = pull.run(&[]);
    assert!(!outcome.is_success && outcome.output("result") == "invalid", "{outcome:?}");
    assert!(outcome.log.contains("::error file=manifests/mine.toml,"), "{}", outcome.log);
}

/// What everyone may read names no account and no address.
#[test]
fn public_repositories_are_masked() {
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-*\", \"spare\"]\nnotify = [\"someone@example.com\"]\n");
    let shared = fs::read_to_string(pull.origin.path().join("manifests/keyrota.toml")).expect("a manifest");
    pull.origin.write("manifests/keyrota.toml", &format!("{shared}\n[mail]\nfrom = \"keyrota@example.com\"\n"));
    pull.origin.commit();
    for (private, mask, is_masked) in [
        (Some(true), "", false),
        (Some(false), "", true),
        (None, "", true),
        (Some(true), "true", true),
        (Some(false), "false", false),
    ] {
        let mut event = pull.event("example/access-keys");
        event["repository"]["private"] = private.map_or(serde_json::Value::Null, serde_json::Value::from);
        let outcome = pull.run_as("pull_request", event, 2, &[("mask", mask)]);
        assert!(outcome.is_success, "{outcome:?}");
        for text in [&outcome.summary, &pull.own_comments()[0], &outcome.log] {
            let shows = text.contains("111122223333") || text.contains("someone@example.com");
            assert_eq!(!shows, is_masked, "{private:?}, {mask:?}: {text}");
        }
    }
}
