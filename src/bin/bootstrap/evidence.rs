//! Where the function leaves what lasts: the history of each run, and whatever else is evidence.

use chrono::{DateTime, Utc};
use keyrota::{
    apply::Applied,
    cloud::{ArchiveError, aws::Aws},
    evidence::{self, Look, Provenance, Subject, calendars, gather},
    history::{About, BadPlace, file_name, records, render},
    observe::AccountState,
    run::{Planned, plan_accounts},
};

use crate::store::Store;

/// Names the bucket, and what its objects begin with: `s3://BUCKET/PREFIX`.
const VARIABLE: &str = "KEYROTA_EVIDENCE";

/// The bucket.
pub struct Evidence {
    pub store: Store,
}

impl Evidence {
    /// `None`: nobody asks for evidence.
    ///
    /// # Errors
    /// The variable does not name a bucket.
    pub fn from_environment() -> Result<Option<Self>, BadPlace> {
        Ok(Store::named(VARIABLE)?.map(|store| Self { store }))
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
        let report = report_after(provenance, planned, applied, ended);
        let name = file_name(planned.plan.as_of, run);
        let name = name.trim_end_matches(".jsonl");
        self.add(&format!("reports/{name}.json"), &evidence::json::render(&report)).await;
        self.add(&format!("reports/{name}.html"), &evidence::html::render(&report)).await;
    }

    /// Adds a file. That this failed is logged, and fails no run.
    pub async fn add(&self, name: &str, content: &str) {
        match self.store.add(name, content).await {
            Ok(()) => tracing::info!(name, place = %self.store, "evidence written"),
            Err(ArchiveError { message, hint, .. }) => {
                tracing::error!(name, place = %self.store, error = message, hint, "evidence not written");
            }
        }
    }
}

/// The report of what a run has left.
pub fn report_after(
    provenance: &Provenance,
    planned: &Planned<'_, Aws>,
    applied: &Applied,
    ended: DateTime<Utc>,
) -> evidence::Evidence {
    let accounts: Vec<AccountState<'_, Aws>> = planned.accounts.iter().map(|one| after(one, applied)).collect();
    let mut plan = plan_accounts(&accounts, ended);
    plan.accounts_unread.clone_from(&planned.plan.accounts_unread);
    let (looks, viewpoint): (Vec<Look<'_>>, _) = (accounts.iter().map(Look::new).collect(), ended.into());
    gather(Subject {
        manifest: planned.manifest,
        provenance,
        accounts: &looks,
        plan: &plan,
        viewpoint,
        calendars: &calendars(&looks, viewpoint),
        chronicle: None,
    })
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
