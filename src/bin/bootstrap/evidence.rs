//! Where the function leaves what lasts: the history of each run, and whatever else is evidence.

use std::env;

use chrono::{DateTime, Utc};
use keyrota::{
    apply::Applied,
    cloud::{
        Archive, ArchiveError,
        aws::{Aws, Bucket},
    },
    evidence::{self, Look, Provenance, Subject, calendars, gather},
    history::{About, BadPlace, Place, file_name, records, render},
    observe::AccountState,
    run::{Planned, plan_accounts},
};
use tokio::sync::OnceCell;

/// Names the bucket, and what its objects begin with: `s3://BUCKET/PREFIX`.
const VARIABLE: &str = "KEYROTA_EVIDENCE";

/// The bucket; its client is made once.
pub struct Evidence {
    place: Place,
    bucket: OnceCell<Bucket>,
}

impl Evidence {
    /// `None`: nobody asks for evidence.
    ///
    /// # Errors
    /// The variable does not name a bucket.
    pub fn from_environment() -> Result<Option<Self>, BadPlace> {
        let Some(text) = env::var(VARIABLE).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
        let place = text.parse()?;
        Ok(Some(Self { place, bucket: OnceCell::new() }))
    }

    /// Writes what a run did, or that a limit kept it from doing anything. That this failed is logged, and fails no run.
    pub async fn history(
        &self,
        run: &str,
        commit: Option<&str>,
        planned: &Planned<'_, Aws>,
        applied: Option<&Applied>,
        ended: DateTime<Utc>,
    ) {
        let run: String = run.chars().filter(char::is_ascii_alphanumeric).collect();
        let at = planned.plan.as_of;
        let about = About { run: &run, by: "function", at, ended, commit };
        let text = render(records(&about, planned, applied));
        self.add(&format!("history/{}", file_name(at, &run)), &text).await;
    }

    /// Writes the report of what a run has left, as a page and as JSON. That this failed is logged, and fails no run.
    pub async fn report(
        &self,
        run: &str,
        provenance: &Provenance,
        planned: &Planned<'_, Aws>,
        applied: &Applied,
        ended: DateTime<Utc>,
    ) {
        let accounts: Vec<AccountState<'_, Aws>> = planned.accounts.iter().map(|one| after(one, applied)).collect();
        let mut plan = plan_accounts(&accounts, ended);
        plan.accounts_unread.clone_from(&planned.plan.accounts_unread);
        let (looks, viewpoint): (Vec<Look<'_>>, _) = (accounts.iter().map(Look::new).collect(), ended.into());
        let report = gather(Subject {
            manifest: planned.manifest,
            provenance,
            accounts: &looks,
            plan: &plan,
            viewpoint,
            calendars: &calendars(&looks, viewpoint),
            chronicle: None,
        });
        let name = file_name(planned.plan.as_of, run);
        let name = name.trim_end_matches(".jsonl");
        self.add(&format!("reports/{name}.json"), &evidence::json::render(&report)).await;
        self.add(&format!("reports/{name}.html"), &evidence::html::render(&report)).await;
    }

    /// Adds a file. That this failed is logged, and fails no run.
    pub async fn add(&self, name: &str, content: &str) {
        let Place::Bucket { bucket, prefix } = &self.place else {
            tracing::error!(place = %self.place, "evidence not written: it goes to a bucket, s3://BUCKET/PREFIX");
            return;
        };
        let archive = self.bucket.get_or_init(|| Bucket::open(bucket, prefix)).await;
        match archive.add(name, content).await {
            Ok(()) => tracing::info!(name, place = %self.place, "evidence written"),
            Err(ArchiveError { message, hint }) => {
                tracing::error!(name, place = %self.place, error = message, hint, "evidence not written");
            }
        }
    }
}

/// An account as a run has left it, as far as the run knows.
fn after<'a>(account: &AccountState<'a, Aws>, applied: &Applied) -> AccountState<'a, Aws> {
    let AccountState { cloud, roster, inventory } = account;
    let mut inventory = inventory.clone();
    for ((account, user), state) in &applied.after {
        if *account == roster.account.id {
            inventory.users.insert(user.clone(), Ok(state.clone()));
        }
    }
    AccountState { cloud, roster: roster.clone(), inventory }
}
