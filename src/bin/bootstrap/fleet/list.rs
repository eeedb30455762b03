//! The first step: which accounts are to be done. Those that this run has done already are left out, so that starting it again
//! does those alone that failed.

use std::collections::BTreeSet;

use keyrota::{
    cloud::Archive,
    fleet::{Listed, Made, RunId, accounts, left_out, list, made_of, render_list, results},
};
use serde_json::{Value, json};

use super::{Fleet, no_bucket};
use crate::{
    failure::Failure,
    function::{Function, Invocation, find},
    store::Memory,
};

impl Fleet {
    /// Lists the accounts, first those that earlier runs have left, then those with the oldest keys.
    ///
    /// # Errors
    /// They can't be listed, or the bucket can't be used.
    pub async fn list(&self, function: &Function, run: &RunId, invocation: &Invocation) -> Result<Value, Failure> {
        let Invocation { began: now, id, .. } = invocation;
        let manifest = function.load(*now)?;
        let (caller, found) = find(&manifest, invocation.enter_until()).await?;
        let all: Vec<Listed> = match found.is_of_caller {
            true => vec![Listed { id: caller.account().to_owned(), ..Listed::default() }],
            false => found.accounts.iter().map(|(name, account)| Listed::new(name, account)).collect(),
        };
        if all.is_empty() {
            return Err(Failure { kind: "NoAccess", message: "there is no account to run in".to_owned() });
        }
        let workload = Memory(&self.store).workload(*now).await;
        let ids: Vec<&str> = all.iter().map(|account| account.id.as_str()).collect();
        let in_order = workload.order(&ids, *now).into_iter().map(|place| all[place].clone());
        let bucket = self.bucket().await?;
        let names = bucket.within(&results(run)).names("").await.map_err(no_bucket)?;
        let done: BTreeSet<&str> =
            names.iter().filter_map(|name| made_of(name)).filter(|(.., is_good)| *is_good).map(|(id, ..)| id).collect();
        let to_do: Vec<Listed> = in_order.filter(|account| !done.contains(account.id.as_str())).collect();
        let made = Made { at: *now, by: id.clone() };
        bucket.add(&format!("{}{made}.json", accounts(run)), &render_list(&all)).await.map_err(no_bucket)?;
        // The merge tells of them.
        let left = json!(found.left_out()).to_string();
        bucket.add(&format!("{}{made}.json", left_out(run)), &left).await.map_err(no_bucket)?;
        let name = list(run, &made);
        bucket.add(&name, &render_list(&to_do)).await.map_err(no_bucket)?;
        let (count, left) = (all.len(), to_do.len());
        tracing::info!(run = %run, accounts = count, to_do = left, "accounts listed");
        let (bucket, key) = bucket.address(&name);
        Ok(json!({ "run": run.to_string(), "bucket": bucket, "key": key, "accounts": count, "todo": left }))
    }
}
