//! The step of one account: enters it and no other, runs there, and leaves what it did for the merge.

use chrono::Utc;
use keyrota::{
    apply::Applied,
    cloud::{
        Archive, Reads,
        aws::{Aws, Connected, Problem},
    },
    evidence,
    fleet::{
        AboutAttempt, Attempt, AttemptFailure, Expected, Listed, Made, RunId, begun, evidence as evidence_name,
        made_of, result, results,
    },
    manifest::Manifest,
    run::{Mode, Run},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Fleet, attempt as attempt_of, lists, no_bucket};
use crate::{
    evidence::report_after,
    failure::Failure,
    function::{Function, Invocation, Ran, carry_out, is_throttled, sign_in},
};

impl Fleet {
    /// Runs in one account. What was done there by this run before is not done again.
    ///
    /// # Errors
    /// As a run over all accounts; or what was done could not be left in the bucket.
    pub async fn account(
        &self,
        function: &Function,
        run: &RunId,
        account: Listed,
        invocation: &Invocation,
    ) -> Result<Value, Failure> {
        let Invocation { began, id, .. } = invocation;
        let bucket = self.bucket().await?;
        // Whatever calls: only what the run has listed, as it did, is entered.
        let lists = lists(bucket, run).await?;
        let Some(list) = lists.iter().find(|list| list.accounts.iter().any(|listed| listed.is(&account))) else {
            let message = format!("the run {run} has not listed the account {account} so");
            return Err(Failure { kind: "BadEvent", message });
        };
        let before = bucket.within(&format!("{}{}/", results(run), account.id)).names("").await.map_err(no_bucket)?;
        for name in before {
            let name = format!("{}/{name}", account.id);
            let Some((_, made, true)) = made_of(&name) else { continue };
            let expected = Expected { run, account: &account.id, made, manifests: &list.manifests, now: *began };
            match attempt_of(bucket, &name, &expected, true).await? {
                Ok(_) => {
                    tracing::info!(run = %run, account = account.id, "done already");
                    let run = run.to_string();
                    return Ok(json!({ "run": run, "account": account.id, "result": "done", "before": true }));
                }
                Err(error) => tracing::warn!(name, error, "no result: the account is done again"),
            }
        }
        let mut manifest = function.load(*began)?;
        // The merge sends one for all accounts.
        manifest.mail.digest.clear();
        let made = Made { at: *began, by: id.clone() };
        let (name, made_name) = (run.to_string(), made.to_string());
        let about = AboutAttempt {
            run,
            account: &account,
            made: &made_name,
            manifests: &manifest.fingerprint,
            began: *began,
            ended: *began,
            commit: function.revision.as_deref(),
        };
        // Should it be cut off, the merge knows that there was one.
        let mark = format!("{}{}/{made}.json", begun(run), account.id);
        bucket.add(&mark, "{}\n").await.map_err(no_bucket)?;
        let (attempt, changes, why) = match list.changed(run, &manifest, about.commit) {
            Some(message) => unread(&about, Failure { kind: "ManifestsChanged", message }, None),
            None => self.attempt(function, &manifest, about, &made, invocation).await,
        };
        let file = result(run, &account.id, &made, attempt.is_good());
        bucket.add(&file, &attempt.render()).await.map_err(no_bucket)?;
        let failed = why.or_else(|| Failure::of(&attempt.verdict, changes));
        match failed {
            Some(failure) => Err(failure),
            None => Ok(json!({ "run": name, "account": account.id, "result": "done", "changes": changes })),
        }
    }

    /// What this invocation does, how many changes it tries, and why it fails beside them.
    async fn attempt(
        &self,
        function: &Function,
        manifest: &Manifest,
        about: AboutAttempt<'_>,
        made: &Made,
        invocation: &Invocation,
    ) -> (Attempt, usize, Option<Failure>) {
        let (run, mode) = (about.run, about.run.mode());
        let clouds = match enter(manifest, about.account, invocation.enter_until()).await {
            Ok(cloud) => [cloud],
            Err((failure, hint)) => return unread(&about, failure, hint),
        };
        let is_reported = mode == Mode::Enforce && function.evidence.is_some();
        // What was due when a run began that could not enter is due still.
        let earlier = about.account.workload();
        let wanted = Run { earlier: &earlier, ..Run::new(manifest, &clouds, mode, about.began) };
        let ran = carry_out(wanted, is_reported, invocation.deadline, &|_, _| {}).await;
        let is_refused = clouds[0].is_refused();
        let Ran { planned, applied, exceeded } = match ran {
            Ok(ran) => ran,
            Err(failure) => return unread(&about, failure.throttled_if(is_refused), None),
        };
        let is_refused = is_refused || is_throttled(&planned, applied.as_ref());
        let ended = Utc::now();
        let about = AboutAttempt { ended, ..about };
        if is_reported {
            let none = Applied::default();
            let report = report_after(&function.provenance(), &planned, applied.as_ref().unwrap_or(&none), ended);
            let name = evidence_name(run, &about.account.id, &made.to_string());
            let written = match self.bucket().await {
                Ok(bucket) => bucket.add(&name, &evidence::json::render(&report)).await.map_err(no_bucket),
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                tracing::error!(name, error = error.message, "evidence not written");
            }
        }
        let why = (applied.is_none() && mode != Mode::Plan).then(|| Failure::limit_exceeded(&exceeded));
        let of_attempt = why.as_ref().map(|failure| AttemptFailure {
            kind: failure.kind.to_owned(),
            message: failure.message.clone(),
            hint: None,
        });
        let changes = applied.as_ref().map_or(0, |applied| applied.outcomes.len());
        let attempt = Attempt::new(&about, &planned, applied.as_ref(), of_attempt);
        let why =
            why.or_else(|| Failure::of(&attempt.verdict, changes).map(|failure| failure.throttled_if(is_refused)));
        (attempt, changes, why)
    }
}

/// Nothing is known of the account.
fn unread(about: &AboutAttempt<'_>, failure: Failure, hint: Option<String>) -> (Attempt, usize, Option<Failure>) {
    let about = AboutAttempt { ended: Utc::now(), ..about.clone() };
    let of_attempt = AttemptFailure { kind: failure.kind.to_owned(), message: failure.message.clone(), hint };
    tracing::error!(account = about.account.id, name = about.account.name, error = failure.message, "account not read");
    (Attempt::unread(&about, of_attempt), 0, Some(failure))
}

/// Enters an account as the list names it.
///
/// # Errors
/// What is wrong, and what to do about it.
async fn enter(
    manifest: &Manifest,
    account: &Listed,
    until: Option<Instant>,
) -> Result<Aws, (Failure, Option<String>)> {
    let no_access = |message| Failure { kind: "NoAccess", message };
    let caller = sign_in(manifest, until).await.map_err(|failure| (failure, None))?;
    let connected = match &account.name {
        None if manifest.is_of_caller() => Ok(caller.enter_own()),
        None => return Err(changed(account)),
        Some(name) => match account.declared(manifest, caller.account()) {
            Some((own, declared)) if own == *name => caller.enter(&[(own, &declared)]).await,
            _ => return Err(changed(account)),
        },
    };
    match connected {
        Ok(Connected { accounts, .. }) => match accounts.into_iter().next() {
            Some(cloud) if cloud.account().id == account.id => Ok(cloud),
            Some(cloud) => {
                let own = &cloud.account().id;
                Err((no_access(format!("the credentials are of account {own}, not {}", account.id)), None))
            }
            None => Err((no_access("it could not be entered".to_owned()), None)),
        },
        Err(error) => match error.problems.into_iter().next() {
            Some(Problem { message, hint, is_throttled, .. }) => {
                Err((no_access(message).throttled_if(is_throttled), Some(hint)))
            }
            None => Err((no_access("it could not be entered".to_owned()), None)),
        },
    }
}

fn changed(account: &Listed) -> (Failure, Option<String>) {
    let message = format!("the manifests of this package do not look at account {account}");
    let failure = Failure { kind: "ManifestsChanged", message };
    (failure, Some("they have changed since the run began: start another".to_owned()))
}
