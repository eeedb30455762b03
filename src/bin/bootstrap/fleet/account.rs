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
        AboutAttempt, Attempt, AttemptFailure, Listed, Made, RunId, evidence as evidence_name, made_of, result, results,
    },
    manifest::Manifest,
    run::{Mode, Run},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Fleet, merge::listed, no_bucket};
use crate::{
    evidence::report_after,
    failure::Failure,
    function::{Function, Invocation, Ran, carry_out, failure, limit_exceeded, sign_in},
};

/// What a state machine tries again: AWS has refused every call for coming too fast.
const THROTTLED: &str = "Throttled";

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
        let before = bucket.within(&format!("{}{}/", results(run), account.id)).names("").await.map_err(no_bucket)?;
        let is_done = |name: &String| made_of(&format!("{}/{name}", account.id)).is_some_and(|(.., is_good)| is_good);
        if before.iter().any(is_done) {
            tracing::info!(run = %run, account = account.id, "done already");
            return Ok(json!({ "run": run.to_string(), "account": account.id, "result": "done", "before": true }));
        }
        // Whatever calls: only what the run has listed, as it did, is entered.
        if !listed(bucket, run).await?.contains(&account) {
            let message = format!("the run {run} has not listed the account {account} so");
            return Err(Failure { kind: "BadEvent", message });
        }
        let mut manifest = function.load(*began)?;
        // The merge sends one for all accounts.
        manifest.mail.digest.clear();
        let made = Made { at: *began, by: id.clone() };
        let name = run.to_string();
        let about =
            AboutAttempt { run, account: &account, began: *began, ended: *began, commit: function.revision.as_deref() };
        let (attempt, changes, why) = self.attempt(function, &manifest, about, &made, invocation).await;
        let file = result(run, &account.id, &made, attempt.is_good());
        bucket.add(&file, &attempt.render()).await.map_err(no_bucket)?;
        let failed = why.or_else(|| failure(&attempt.verdict, changes));
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
        let unread = |failure: Failure, hint: Option<String>| {
            let about = AboutAttempt { ended: Utc::now(), ..about.clone() };
            let of_attempt = AttemptFailure { kind: failure.kind.to_owned(), message: failure.message.clone(), hint };
            tracing::error!(
                account = about.account.id,
                name = about.account.name,
                error = failure.message,
                "account not read"
            );
            (Attempt::unread(&about, of_attempt), 0, Some(failure))
        };
        let clouds = match enter(manifest, about.account, invocation.enter_until()).await {
            Ok(cloud) => [cloud],
            Err((message, hint)) => return unread(Failure { kind: "NoAccess", message }, hint),
        };
        let is_reported = mode == Mode::Enforce && function.evidence.is_some();
        let wanted = Run::new(manifest, &clouds, mode, about.began);
        let ran = carry_out(wanted, is_reported, invocation.deadline, &|_, _| {}).await;
        let is_refused = clouds[0].is_refused();
        let Ran { planned, applied, exceeded } = match ran {
            Ok(ran) => ran,
            Err(failure) => return unread(throttled(failure, is_refused), None),
        };
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
        let why = (applied.is_none() && mode != Mode::Plan).then(|| limit_exceeded(&exceeded));
        let of_attempt = why.as_ref().map(|failure| AttemptFailure {
            kind: failure.kind.to_owned(),
            message: failure.message.clone(),
            hint: None,
        });
        let changes = applied.as_ref().map_or(0, |applied| applied.outcomes.len());
        let attempt = Attempt::new(&about, &planned, applied.as_ref(), of_attempt);
        let why = why.or_else(|| failure(&attempt.verdict, changes).map(|failure| throttled(failure, is_refused)));
        (attempt, changes, why)
    }
}

/// The failure, under the name that state machines try again, if AWS has refused everything.
fn throttled(failure: Failure, is_refused: bool) -> Failure {
    if is_refused { Failure { kind: THROTTLED, ..failure } } else { failure }
}

/// Enters an account as the list names it.
///
/// # Errors
/// What is wrong, and what to do about it.
async fn enter(manifest: &Manifest, account: &Listed, until: Option<Instant>) -> Result<Aws, (String, Option<String>)> {
    let caller = sign_in(manifest, until).await.map_err(|failure| (failure.message, None))?;
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
                Err((format!("the credentials are of account {}, not {}", cloud.account().id, account.id), None))
            }
            None => Err(("it could not be entered".to_owned(), None)),
        },
        Err(error) => match error.problems.into_iter().next() {
            Some(Problem { message, hint, .. }) => Err((message, Some(hint))),
            None => Err(("it could not be entered".to_owned(), None)),
        },
    }
}

fn changed(account: &Listed) -> (String, Option<String>) {
    let message = format!("the manifests of this package do not look at account {account}");
    (message, Some("they have changed since the run began: start another".to_owned()))
}
