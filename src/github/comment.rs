//! One comment on a pull request, edited in place.
//!
//! Runs of one pull request may overlap, and GitHub knows no comparing and swapping. So each comment says, in a line that
//! is not shown, which run wrote it. A run looks first and leaves what a later one wrote; after it has written it looks
//! again, and of two comments that were made at once the newer text stays, in the older comment.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use serde_json::{Value, json};

use super::api::{Api, ApiError};

/// Who a workflow's own token comments as. No person's login can hold brackets.
const WORKFLOW: &str = "github-actions[bot]";
/// Of comments, each with a hundred.
const MOST_PAGES: usize = 100;
/// GitHub refuses comments of 65,536 characters.
const LONGEST: usize = 65_000;

/// Where the comment stands, and whose it is.
pub struct Thread<'a> {
    /// The way to GitHub.
    pub api: &'a Api,
    /// `OWNER/NAME`.
    pub repository: &'a str,
    /// The number of the pull request.
    pub number: u64,
    /// The plan that the comment is about: each has its own. See [`key`].
    pub key: String,
    /// Whether the token is the workflow's own, so that the author is known.
    pub is_own_token: bool,
}

/// Which run writes, in the order in which they began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The id of the workflow run.
    pub id: u64,
    /// Its how many-th attempt, counted from 1.
    pub attempt: u64,
}

/// What became of the comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// There was none, and now there is.
    Created,
    /// The one that was there says something else now.
    Edited,
    /// There was none, and nothing to say.
    Silent,
    /// A later run has written, or will: this one has no say any more.
    Outdated,
}

/// A comment of ours.
struct Own {
    id: u64,
    run: Run,
    body: String,
}

/// Names a plan by its folder and label, so that no two are alike: `a/b`, `a-b`, and neither of them with a label.
pub fn key(folder: &str, label: &str) -> String {
    let mut key = encoded(folder);
    if !label.is_empty() {
        let _ = write!(key, " {}", encoded(label));
    }
    key
}

/// Letters, digits, `.`, `_` and `/` as they are. A dash is not: two of them would end the line that is not shown.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'/');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

impl Thread<'_> {
    /// Makes the text the one comment of its plan. If there is none yet, one is only made of a text that is worth it.
    ///
    /// # Errors
    /// GitHub refuses, or can't be reached for a while.
    pub fn write(&self, run: Run, head: &str, text: &str, is_worth_it: bool) -> Result<Written, ApiError> {
        let author = self.author()?;
        if self.is_behind(head)? {
            return Ok(Written::Outdated);
        }
        let marker = format!("{}{}.{} head={head} -->", self.start(), run.id, run.attempt);
        let body = match format!("{marker}\n{text}") {
            body if body.chars().count() <= LONGEST => body,
            _ => {
                format!("{marker}\n### keyrota\n\nThe plan is too long for a comment; the summary of the job has it.\n")
            }
        };
        let own = self.own(author.as_deref())?;
        let written = match own.first() {
            _ if own.iter().any(|own| own.run > run) => Written::Outdated,
            None if !is_worth_it => return Ok(Written::Silent),
            None => {
                self.create(&body, run, author.as_deref())?;
                Written::Created
            }
            Some(first) => match self.edit(first.id, &body) {
                // Someone deleted it meanwhile.
                Err(ApiError::Refused { code: 404 | 410, .. }) if is_worth_it => {
                    self.create(&body, run, author.as_deref())?;
                    Written::Created
                }
                Err(ApiError::Refused { code: 404 | 410, .. }) => Written::Silent,
                edited => edited.map(|_| Written::Edited)?,
            },
        };
        self.settle(author.as_deref())?;
        Ok(written)
    }

    /// Of several comments that runs made at once one stays: the oldest, with the newest text.
    fn settle(&self, author: Option<&str>) -> Result<(), ApiError> {
        let own = self.own(author)?;
        let [first, others @ ..] = own.as_slice() else { return Ok(()) };
        if let Some(newest) = others.iter().max_by_key(|own| own.run).filter(|newest| newest.run > first.run) {
            self.edit(first.id, &newest.body)?;
        }
        others.iter().try_for_each(|own| self.api.delete(&format!("{}/issues/comments/{}", self.path(), own.id)))
    }

    /// A call that broke off may have made the comment all the same: that is looked at before it is made again.
    fn create(&self, body: &str, run: Run, author: Option<&str>) -> Result<(), ApiError> {
        let path = format!("{}/issues/{}/comments", self.path(), self.number);
        let mut is_again = false;
        self.api.repeated(|| {
            if is_again && self.own_by(author, |path| self.api.get_once(path))?.iter().any(|own| own.run == run) {
                return Ok(());
            }
            is_again = true;
            self.api.post(&path, &json!({ "body": body })).map(|_| ())
        })
    }

    fn edit(&self, id: u64, body: &str) -> Result<Value, ApiError> {
        self.api.patch(&format!("{}/issues/comments/{id}", self.path()), &json!({ "body": body }))
    }

    /// Whether the pull request has moved on. A head that can't be told is taken to be ours.
    fn is_behind(&self, head: &str) -> Result<bool, ApiError> {
        match self.api.get(&format!("{}/pulls/{}", self.path(), self.number)) {
            Ok(pull) => Ok(pull.pointer("/head/sha").and_then(Value::as_str).is_some_and(|now| now != head)),
            Err(ApiError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ours, the oldest first.
    fn own(&self, author: Option<&str>) -> Result<Vec<Own>, ApiError> {
        self.own_by(author, |path| self.api.get(path))
    }

    fn own_by(
        &self,
        author: Option<&str>,
        get: impl Fn(&str) -> Result<Value, ApiError>,
    ) -> Result<Vec<Own>, ApiError> {
        let start = self.start();
        let mut own = Vec::new();
        for page in 1..=MOST_PAGES {
            let path = format!("{}/issues/{}/comments?per_page=100&page={page}", self.path(), self.number);
            let comments = match get(&path)? {
                Value::Array(comments) => comments,
                _ => return Err(ApiError::Garbled { code: 200, what: "no list of comments" }),
            };
            own.extend(comments.iter().filter_map(|comment| read(comment, &start, author)));
            if comments.len() < 100 {
                break;
            }
        }
        own.sort_by_key(|own| own.id);
        Ok(own)
    }

    /// Who writes with this token; `None` for an app whose name it does not tell.
    fn author(&self) -> Result<Option<String>, ApiError> {
        if self.is_own_token {
            return Ok(Some(WORKFLOW.to_owned()));
        }
        match self.api.get("/user") {
            Ok(user) => Ok(user["login"].as_str().map(str::to_owned)),
            Err(ApiError::Refused { code: 403 | 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn path(&self) -> String {
        format!("/repos/{}", self.repository)
    }

    /// What each of our comments begins with.
    fn start(&self) -> String {
        format!("<!-- keyrota:plan {} run=", self.key)
    }
}

/// By its marker and its author, because a person can write the marker as well.
fn read(comment: &Value, start: &str, author: Option<&str>) -> Option<Own> {
    let is_bot = comment.pointer("/user/type").and_then(Value::as_str) == Some("Bot");
    let login = comment.pointer("/user/login").and_then(Value::as_str)?;
    if !author.map_or(is_bot, |author| author == login) {
        return None;
    }
    let body = comment["body"].as_str()?.replace("\r\n", "\n");
    let (marker, _) = body.strip_prefix(start)?.split_once(" -->")?;
    let (id, attempt) = marker.split_once(' ')?.0.split_once('.')?;
    let run = Run { id: id.parse().ok()?, attempt: attempt.parse().ok()? };
    Some(Own { id: comment["id"].as_u64()?, run, body })
}
