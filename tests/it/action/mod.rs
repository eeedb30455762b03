//! The action, run step by step over a real history, with GitHub on loopback.

mod comments;
mod errors;
mod events;
mod example;
mod install;
mod lint;
mod workflows;

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    repository::{Repository, SANDBOX, binary},
    support::{
        expression,
        github::{self, BOT, Fault, GitHub},
        runner::{self, Job, Outcome},
        system::write_script,
    },
};

const RULE: &str = "[[rotate]]\nusers = [\"day-100\"]\n";
/// What each of the comments begins with.
const MARKER: &str = "<!-- keyrota:plan manifests run=";

/// A pull request to a repository, with the runner's checkout of it and a keyrota that plans in a sandbox.
struct PullRequest {
    origin: Repository,
    github: GitHub,
    binary: PathBuf,
    _folder: TempDir,
}

impl PullRequest {
    /// The base branch has [`RULE`].
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sandbox = folder.path().join("sandbox.toml");
        fs::write(&sandbox, SANDBOX).expect("a file");
        let wrapper = folder.path().join("keyrota");
        let script = format!("#!/bin/sh\nexec '{}' \"$@\" --sandbox '{}'\n", binary().display(), sandbox.display());
        write_script(&wrapper, &script);
        let origin = Repository::with_rule(RULE);
        origin.git(&["checkout", "--quiet", "-b", "change"]);
        Self { origin, github: GitHub::start(), binary: wrapper, _folder: folder }
    }

    /// Pushes this rule to the pull request's branch.
    fn push(&self, rule: &str) {
        self.origin.write("manifests/team.toml", &format!("version = 1\n\n{rule}"));
        self.origin.commit();
    }

    /// The merge commit that GitHub makes, checked out with so many commits.
    fn checkout(&self, depth: u32) -> Repository {
        self.origin.git(&["checkout", "--quiet", "--detach", "main"]);
        self.origin.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "change"]);
        self.origin.git(&["update-ref", "refs/pull/7/merge", "HEAD"]);
        self.origin.git(&["checkout", "--quiet", "change"]);
        let checkout = Repository::new();
        let url = format!("file://{}", self.origin.path().display());
        checkout.git(&["remote", "add", "origin", &url]);
        checkout.git(&["fetch", "--quiet", &format!("--depth={depth}"), "origin", "refs/pull/7/merge"]);
        checkout.git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
        checkout
    }

    fn run(&self, inputs: &[(&str, &str)]) -> Outcome {
        self.run_as("pull_request", self.event("example/access-keys"), 2, inputs)
    }

    fn run_as(&self, event_name: &str, event: Value, depth: u32, inputs: &[(&str, &str)]) -> Outcome {
        self.run_in(&self.checkout(depth), event_name, event, (1, 1), inputs)
    }

    /// In a checkout, as the run with this number.
    fn run_in(
        &self,
        checkout: &Repository,
        event_name: &str,
        event: Value,
        run: (u64, u64),
        inputs: &[(&str, &str)],
    ) -> Outcome {
        let (workspace, github) = (checkout.path(), &self.github.url);
        let job = Job { workspace, github, event_name, event, environment: vec![], run };
        let binary = self.binary.to_str().expect("UTF-8");
        job.run(&[&[("binary", binary)], inputs].concat())
    }

    /// Pull request 7, from a branch of this repository, or of another.
    fn event(&self, head: &str) -> Value {
        let sha = self.origin.git(&["rev-parse", "change"]);
        json!({
            "pull_request": { "number": 7, "head": { "sha": sha, "repo": { "full_name": head } } },
            "repository": { "full_name": "example/access-keys", "private": true },
        })
    }

    /// The comments of the action's own.
    fn own_comments(&self) -> Vec<String> {
        let comments = self.github.comments().into_iter().filter(|comment| comment.login == BOT);
        comments.map(|comment| comment.body).collect()
    }
}

#[test]
fn a_change_of_scope_is_shown_once_and_kept_up_to_date() {
    let pull = PullRequest::new();
    // A person who writes the marker, or quotes the action, gets no say.
    pull.github.comment("octocat", &format!("{MARKER}1.1 head=x -->\nmine"));
    pull.github.comment(BOT, &format!("> {MARKER}quoted by another workflow"));
    (0..120).for_each(|_| pull.github.comment("octocat", "LGTM"));
    pull.push("[[rotate]]\nusers = [\"day-100\", \"spare\", \"spare-busy\"]\n");
    let outcome = pull.run(&[]);
    assert!(outcome.is_success, "{outcome:?}");
    let outputs = ["result", "changes", "create", "deactivate", "delete", "blocked"].map(|name| outcome.output(name));
    assert_eq!(outputs, ["changes", "1", "1", "0", "1", "1"]);
    assert!(outcome.output("digest").starts_with("r2:"), "{outcome:?}");
    let own = pull.own_comments();
    assert_eq!(own.len(), 2, "{own:?}");
    let head = pull.origin.git(&["rev-parse", "change"]);
    let title = "### keyrota: this change causes 1 to delete, 1 to create, 1 blocked";
    assert!(own[1].starts_with(&format!("{MARKER}1.1 head={head} -->\n{title}")), "{}", own[1]);
    assert!(own[1].contains(outcome.summary.trim()), "the summary is the same: {}", outcome.summary);
    let footer = format!(
        "<sub>`manifests` at commit `{}` of this pull request, by [run 1]({}/example/access-keys/actions/runs/1/attempts/1).</sub>",
        &head[..10],
        pull.github.url
    );
    assert!(own[1].contains(&footer), "{}", own[1]);
    assert!(
        outcome.log.contains("::warning file=manifests/team.toml,line=3,title=blocked::spare-busy: "),
        "{}",
        outcome.log
    );
    assert!(outcome.log.contains("Caused by this change:"), "the log has the plan: {}", outcome.log);

    // A second push edits the comment, and a third that takes everything back does too.
    pull.push("[[rotate]]\nusers = [\"day-100\", \"day-70\"]\nmax-age = \"60d\"\n");
    let outcome = pull.run(&[]);
    let own = pull.own_comments();
    assert!(own.len() == 2 && own[1].contains("this change causes 1 to create\n"), "{own:?}");
    assert_eq!((outcome.output("create"), outcome.output("delete")), ("1", "0"));
    pull.push(RULE);
    let outcome = pull.run(&[]);
    assert_eq!(outcome.output("result"), "no-changes");
    let own = pull.own_comments();
    assert!(own.len() == 2 && own[1].contains("this change causes nothing to be done"), "{own:?}");
    let others = pull.github.comments().into_iter().filter(|comment| comment.login == "octocat");
    assert!(others.into_iter().all(|comment| comment.body == "LGTM" || comment.body.ends_with("mine")));

    // Someone deletes the comment: a new one is written when there is something to say.
    pull.github.remove_comments();
    pull.push("[[rotate]]\nusers = [\"day-*\"]\n");
    pull.run(&[]);
    assert_eq!(pull.own_comments().len(), 1);
}

#[test]
fn a_change_that_concerns_nobody_is_silent() {
    let pull = PullRequest::new();
    pull.push(&format!("# Only a comment.\n{RULE}"));
    let outcome = pull.run(&[("fail-on", "changes")]);
    assert!(outcome.is_success, "what was pending anyway is no change: {outcome:?}");
    assert_eq!((outcome.output("result"), outcome.output("changes")), ("no-changes", "0"));
    assert!(outcome.summary.contains("no one's policy changes"), "{}", outcome.summary);
    assert!(outcome.summary.contains("Pending anyway: 1"), "{}", outcome.summary);
    assert_eq!(pull.github.comments().len(), 0);
}

#[test]
fn a_broken_manifest_is_annotated() {
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-100\"]\nmax-agee = \"60d\"\n");
    let outcome = pull.run(&[]);
    assert!(!outcome.is_success, "{outcome:?}");
    assert_eq!((outcome.output("result"), outcome.output("digest")), ("invalid", ""));
    let annotations: Vec<_> = outcome.log.lines().filter(|line| line.starts_with("::error ")).collect();
    let annotation =
        "::error file=manifests/team.toml,line=5,col=1,title=KR0007::unknown key `max-agee` in `[[rotate]]`";
    assert!(annotations.len() == 1 && annotations[0].starts_with(annotation), "{annotations:?}");
    assert!(outcome.summary.starts_with("### keyrota: the manifests have 1 error\n\n```text\nerror[KR0007]"));
    assert!(pull.own_comments()[0].contains("the manifests have 1 error"), "{:?}", pull.own_comments());
    // A comment that shows an older plan is not left standing.
    pull.push("[[rotate]]\nusers = [\"day-*\"]\n");
    pull.run(&[]);
    pull.push("[[rotate]]\nusers = []\n");
    pull.run(&[]);
    assert!(pull.own_comments()[0].contains("the manifests have 1 error"), "{:?}", pull.own_comments());
}

#[test]
fn rules_that_contradict_each_other_for_a_user_are_annotated() {
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-1*\"]\n\n[[rotate]]\nusers = [\"day-?00\"]\n");
    let outcome = pull.run(&[]);
    assert!(outcome.is_success, "{outcome:?}");
    assert_eq!((outcome.output("result"), outcome.output("blocked")), ("changes", "1"));
    assert!(outcome.log.contains("::warning file=manifests/team.toml,line=4,"), "{}", outcome.log);
    assert!(outcome.summary.contains("two rules select it"), "{}", outcome.summary);
}

#[test]
fn a_broken_base_is_shown() {
    let pull = PullRequest::new();
    pull.origin.git(&["checkout", "--quiet", "main"]);
    pull.origin.write("manifests/bad.toml", "version = 1\nodd = 1\n");
    pull.origin.commit();
    pull.origin.git(&["checkout", "--quiet", "-B", "change"]);
    pull.origin.git(&["rm", "--quiet", "manifests/bad.toml"]);
    pull.origin.commit();
    let outcome = pull.run(&[]);
    assert!(outcome.is_success, "{outcome:?}");
    assert_eq!((outcome.output("result"), outcome.output("create")), ("changes", "1"));
    assert!(pull.own_comments()[0].contains("have errors"), "{:?}", pull.own_comments());
}

#[test]
fn a_fork_is_checked_and_nothing_else() {
    for head in [json!("someone/access-keys"), Value::Null] {
        let pull = PullRequest::new();
        pull.push("[[rotate]]\nusers = [\"day-*\"]\n");
        let mut event = pull.event("someone/access-keys");
        if head.is_null() {
            // The fork was deleted.
            event["pull_request"]["head"]["repo"] = Value::Null;
        }
        // A keyrota without a sandbox would need credentials to plan.
        let binary = binary();
        let binary = binary.to_str().expect("UTF-8");
        let outcome = pull.run_as("pull_request", event.clone(), 2, &[("binary", binary)]);
        assert!(outcome.is_success, "{outcome:?}");
        assert_eq!((outcome.output("result"), outcome.output("plan-json")), ("checked", ""));
        assert!(outcome.summary.contains("### keyrota: the manifests are valid"), "{}", outcome.summary);
        pull.push("[[rotate]]\nusers = [\"day-*\"]\nodd = 1\n");
        let outcome = pull.run_as("pull_request", event, 2, &[("binary", binary)]);
        assert!(!outcome.is_success && outcome.log.contains("::error file=manifests/team.toml,line=5"), "{outcome:?}");
        assert_eq!(pull.github.take_requests(), Vec::<String>::new());
    }
}

#[test]
fn without_a_pull_request_the_whole_plan_is_shown() {
    let pull = PullRequest::new();
    let event = json!({ "repository": { "full_name": "example/access-keys" } });
    for event_name in ["push", "schedule", "workflow_dispatch"] {
        let outcome = pull.run_as(event_name, event.clone(), 1, &[]);
        assert!(outcome.is_success, "{outcome:?}");
        assert_eq!((outcome.output("result"), outcome.output("create")), ("changes", "1"));
        assert!(outcome.summary.starts_with("### keyrota: 1 to create\n"), "{}", outcome.summary);
    }
    let outcome = pull.run_as("push", event, 1, &[("command", "check")]);
    assert_eq!(outcome.output("result"), "checked");
    assert_eq!(pull.github.take_requests(), Vec::<String>::new());
}

#[test]
fn what_it_fails_on() {
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-100\", \"spare-busy\"]\n");
    for (fail_on, is_success) in [("error", true), ("blocked", false), ("changes", false)] {
        let outcome = pull.run(&[("fail-on", fail_on)]);
        assert_eq!(outcome.is_success, is_success, "{outcome:?}");
    }
    pull.push("[[rotate]]\nusers = [\"day-100\", \"spare\"]\n");
    for (fail_on, is_success) in [("error", true), ("blocked", true), ("changes", false)] {
        let outcome = pull.run(&[("fail-on", fail_on)]);
        assert_eq!(outcome.is_success, is_success, "{outcome:?}");
    }
    // A limit fails it too, and the plan is shown nevertheless.
    pull.push("[[rotate]]\nusers = [\"day-100\", \"spare\"]\n");
    let shared = fs::read_to_string(pull.origin.path().join("manifests/keyrota.toml")).expect("a manifest");
    pull.origin.write("manifests/keyrota.toml", &format!("{shared}\n[limits]\nmax-actions = 1\n"));
    pull.origin.commit();
    let outcome = pull.run(&[]);
    assert!(!outcome.is_success && outcome.output("result") == "limit", "{outcome:?}");
    assert!(outcome.summary.contains("1 to delete") && outcome.log.contains("`max-actions` allows 1"), "{outcome:?}");
}

#[test]
fn what_the_person_who_set_it_up_must_know() {
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-*\"]\n");
    let own = || pull.event("example/access-keys");
    for (outcome, sentence) in [
        (pull.run_as("pull_request", own(), 1, &[]), "use actions/checkout with `fetch-depth: 2` and without `ref`"),
        (pull.run_as("pull_request_target", own(), 2, &[]), "use the event `pull_request`"),
        (pull.run(&[("command", "apply")]), "`command: apply`: write `check` or `plan`"),
        (
            pull.run(&[("fail-on", "never")]),
            "`fail-on: never`: write `error`, `blocked`, `weakened`, `policy` or `changes`",
        ),
        (pull.run(&[("comment", "yes")]), "`comment: yes`: write `true` or `false`"),
        (pull.run(&[("mask", "1")]), "`mask: 1`: write `true` or `false`"),
        (pull.run(&[("base", "--output=x")]), "`base: --output=x`: write a branch, a tag or a commit"),
        (pull.run(&[("binary", "missing")]), "`binary: missing` is no executable file"),
        (pull.run(&[("manifests", "missing")]), "::error file=missing"),
    ] {
        assert!(!outcome.is_success && outcome.log.contains(sentence), "{sentence}: {outcome:?}");
    }
}

#[test]
fn inputs_are_no_commands() {
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-*\"]\n");
    let checkout = pull.checkout(2);
    let hostile = "$(touch pwned)`touch pwned`';touch pwned;'";
    let event = pull.event("example/access-keys");
    let job = Job {
        workspace: checkout.path(),
        github: &pull.github.url,
        event_name: "pull_request",
        event,
        environment: vec![],
        run: (1, 1),
    };
    let binary = pull.binary.to_str().expect("UTF-8");
    let action = runner::yaml(&runner::root().join("action.yml"));
    for input in action["inputs"].as_object().expect("inputs").keys() {
        let outcome = job.run(&[("binary", binary), (input, hostile)]);
        // A token only makes the comment fail, and a label may be anything.
        let means_something = ["version", "token", "label"].contains(&input.as_str());
        assert_eq!(outcome.is_success, means_something, "{input}: {outcome:?}");
        assert!(!checkout.path().join("pwned").exists(), "{input} was run");
    }
}

#[test]
fn a_comment_that_can_not_be_written_is_a_warning() {
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-*\", \"spare\"]\n");
    pull.github.fail(&[Fault::None, Fault::None, Fault::Said(403, "Resource not accessible by integration")]);
    let outcome = pull.run(&[]);
    assert!(outcome.is_success, "{outcome:?}");
    let warning = "::warning title=keyrota::the comment could not be written: GitHub answers 403, \
                   `Resource not accessible by integration`; the job needs `permissions: pull-requests: write`";
    assert!(outcome.log.contains(warning), "{}", outcome.log);
    assert!(outcome.summary.contains("1 to delete"), "{}", outcome.summary);
    assert_eq!(pull.github.comments().len(), 0);
    // Nobody wants one.
    pull.github.take_requests();
    pull.run(&[("comment", "false")]);
    assert_eq!(pull.github.take_requests(), Vec::<String>::new());
}
