//! What a workflow runs for, as the file of the event says, and with which commit its manifests are to be compared.

use serde_json::Value;

/// A run of a workflow: what it is for, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `pull_request`, `push`, …
    pub name: String,
    /// The pull request that it is for, if any.
    pub pull_request: Option<PullRequest>,
    /// Whether anyone may read what is written. Unknown counts as yes.
    pub is_public: bool,
    base: Option<String>,
    head: Option<String>,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// The commit at its head.
    pub head: Option<String>,
    /// Whether it comes from another repository, whose workflows have no credentials.
    pub is_fork: bool,
}

/// What the manifests are compared with, and what must be checked out for that to be right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Base {
    /// Nothing: the whole plan is shown.
    None,
    /// The base branch is the first parent of the merge commit whose second is this one.
    Merge { head: Option<String> },
    /// A commit that the event names; if given, this one is checked out.
    Commit { base: String, head: Option<String> },
}

/// Where there was nothing before: a branch that was just made.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

impl Event {
    /// Reads what `GITHUB_EVENT_PATH` holds.
    ///
    /// # Errors
    /// An event that must not be used, or that lacks what it needs.
    pub fn read(name: &str, event: &Value) -> Result<Self, String> {
        if name == "pull_request_target" {
            return Err(
                "use the event `pull_request`: `pull_request_target` has the secrets, and runs on a fork's behalf"
                    .to_owned(),
            );
        }
        let text =
            |path: &str| event.pointer(path).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let pull_request = match name {
            "pull_request" => Some(PullRequest {
                number: event
                    .pointer("/pull_request/number")
                    .and_then(Value::as_u64)
                    .ok_or("the event `pull_request` has no `pull_request.number`")?,
                head: text("/pull_request/head/sha"),
                // The repository of a deleted fork is null.
                is_fork: text("/pull_request/head/repo/full_name") != text("/repository/full_name"),
            }),
            _ => None,
        };
        let (base, head) = match name {
            "merge_group" => {
                let base = text("/merge_group/base_sha").ok_or("the event `merge_group` names no `base_sha`")?;
                (Some(base), text("/merge_group/head_sha"))
            }
            "push" => (text("/before").filter(|before| before != NO_COMMIT), text("/head_commit/id")),
            _ => (None, None),
        };
        let is_private = event.pointer("/repository/private").and_then(Value::as_bool);
        let is_public = !is_private.unwrap_or(false);
        Ok(Self { name: name.to_owned(), pull_request, is_public, base, head })
    }

    /// What to compare with; `wanted` is what the workflow asks for by itself.
    pub fn base(&self, wanted: &str) -> Base {
        match (&self.pull_request, &self.base) {
            _ if !wanted.is_empty() => Base::Commit { base: wanted.to_owned(), head: None },
            (Some(PullRequest { head, .. }), _) => Base::Merge { head: head.clone() },
            (None, Some(base)) => Base::Commit { base: base.clone(), head: self.head.clone() },
            (None, None) => Base::None,
        }
    }

    /// Whether there are no credentials to plan with.
    pub fn is_fork(&self) -> bool {
        self.pull_request.as_ref().is_some_and(|pull_request| pull_request.is_fork)
    }
}
