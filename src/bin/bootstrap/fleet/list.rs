//! The first step: which accounts are to be done. Those that this run has done already are left out, so that starting it again
//! does those alone that failed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use keyrota::{
    cloud::{Archive, aws::Bucket},
    fleet::{Expected, Listed, Made, RunAccounts, RunId, accounts, list, made_of, render_list, results},
};
use serde_json::{Value, json};

use super::{Fleet, attempt, lists, no_bucket};
use crate::{
    failure::Failure,
    function::{Function, Invocation, find},
    store::Memory,
};

/// Results that are looked at at the same time.
const AT_A_TIME: usize = 8;

impl Fleet {
    /// Lists the accounts, first those that earlier runs have left, then those with the oldest keys.
    ///
    /// # Errors
    /// They can't be listed, the run began with other manifests, or the bucket can't be used.
    pub async fn list(&self, function: &Function, run: &RunId, invocation: &Invocation) -> Result<Value, Failure> {
        let Invocation { began: now, id, .. } = invocation;
        let manifest = function.load(*now)?;
        let (bucket, commit) = (self.bucket().await?, function.revision.as_deref());
        for before in lists(bucket, run).await? {
            if let Some(message) = before.changed(run, &manifest, commit) {
                return Err(Failure { kind: "ManifestsChanged", message });
            }
        }
        let (caller, found) = find(&manifest, invocation.enter_until()).await?;
        let mut all: Vec<Listed> = match found.is_of_caller {
            true => vec![Listed { id: caller.account().to_owned(), ..Listed::default() }],
            false => found.accounts.iter().map(|(name, account)| Listed::new(name, account)).collect(),
        };
        if all.is_empty() {
            return Err(Failure { kind: "NoAccess", message: "there is no account to run in".to_owned() });
        }
        let workload = Memory(&self.store).workload(*now).await;
        all.iter_mut().for_each(|account| account.unread_since = workload.unread_since(&account.id));
        let ids: Vec<&str> = all.iter().map(|account| account.id.as_str()).collect();
        let in_order: Vec<Listed> = workload.order(&ids, *now).into_iter().map(|place| all[place].clone()).collect();
        let done = done(bucket, run, &all, &manifest.fingerprint, *now).await?;
        let to_do: Vec<Listed> = in_order.into_iter().filter(|account| !done.contains(&account.id)).collect();
        let made = Made { at: *now, by: id.clone() };
        let (count, left) = (all.len(), to_do.len());
        // The merge tells of those that nobody looks at.
        let all = RunAccounts::new(&manifest, commit, all, found.left_out());
        bucket.add(&format!("{}{made}.json", accounts(run)), &all.render()).await.map_err(no_bucket)?;
        let name = list(run, &made);
        bucket.add(&name, &render_list(&to_do)).await.map_err(no_bucket)?;
        tracing::info!(run = %run, accounts = count, to_do = left, "accounts listed");
        let (bucket, key) = bucket.address(&name);
        Ok(json!({ "run": run.to_string(), "bucket": bucket, "key": key, "accounts": count, "todo": left }))
    }
}

/// The accounts that the run has done. What only calls itself a result is none: that account is done again.
async fn done(
    bucket: &Bucket,
    run: &RunId,
    all: &[Listed],
    manifests: &str,
    now: DateTime<Utc>,
) -> Result<BTreeSet<String>, Failure> {
    let names = bucket.within(&results(run)).names("").await.map_err(no_bucket)?;
    let looking = names.iter().filter_map(|name| {
        let (id, made, is_good) = made_of(name)?;
        let account = all.iter().find(|account| account.id == id).filter(|_| is_good)?;
        let expected = Expected { run, account: id, made, manifests, now };
        Some(async move { Ok::<_, Failure>((account, name, attempt(bucket, name, &expected, true).await?)) })
    });
    let looking = stream::iter(looking.collect::<Vec<_>>()).buffered(AT_A_TIME);
    let is_done = |(account, name, attempt): (&Listed, &String, Result<_, String>)| match attempt {
        Ok(_) => Some(account.id.clone()),
        Err(error) => {
            tracing::warn!(name, error, "no result: the account is done again");
            None
        }
    };
    let done = looking.map_ok(is_done).try_collect::<Vec<Option<String>>>().await?;
    Ok(done.into_iter().flatten().collect())
}
