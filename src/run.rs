//! One run, the program on one screen: who is in scope, what is observed, what is planned, whether it may be done, what
//! is done, and who is told. The command, the function, the tests and the benches call it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::{StreamExt, future::LocalBoxFuture, stream};
use tokio::time::Instant;

use crate::{
    apply::{Applied, Cause, Conditions, Deferred, apply},
    clock::{self, ClockOff},
    cloud::{Reads, Values, Writes},
    events::sending,
    inventory::{Inventory, KeyId, UnreadAccount},
    manifest::{Diagnostic, Manifest, diagnostic::nearest},
    names::is_meant,
    notify::notify,
    observe::{
        AT_A_TIME, AccountState, AccountView, Depth, NothingRead, Observed, ObservedAccount, Progress, Reading, Survey,
        Unlisted, Unmanaged, Whom, observe_all,
    },
    plan::{Change, Exceeded, Plan, Rotations, Verb, Viewpoint, Warning, exceeded, plan_for},
    roster::Roster,
    unread::{self, Extent},
    verdict::Verdict,
    workload::Workload,
};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// What a run may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Mode {
    /// Everything.
    Enforce,
    /// Carries on the rotations that have begun, and begins those that a run left for the pace.
    Tend,
    /// Nothing.
    Plan,
}

impl Mode {
    /// As events name it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Which rotations a run begins, or, for `plan`, shows as those that would begin.
    pub fn rotations(self) -> Rotations {
        match self {
            Self::Enforce | Self::Plan => Rotations::Due,
            Self::Tend => Rotations::Queued,
        }
    }
}

/// What a run begins with: the manifests are loaded, and the accounts entered.
#[derive(Clone, Copy)]
pub struct Run<'a, C> {
    /// What is wanted.
    pub manifest: &'a Manifest,
    /// The accounts that could be entered.
    pub clouds: &'a [C],
    /// Those that could not.
    pub not_entered: &'a [UnreadAccount],
    /// Those that nobody looks at, and why.
    pub left_out: &'a [UnreadAccount],
    /// What it may begin.
    pub mode: Mode,
    /// How much is read.
    pub depth: Depth,
    /// What is looked at of users that no rule selects.
    pub unmanaged: Unmanaged,
    /// Only these users, by name; empty: everyone in scope.
    pub users: &'a [String],
    /// The instant that is planned for.
    pub viewpoint: Viewpoint,
    /// When the time for reading is over; `None`: never.
    pub read_until: Option<Instant>,
    /// What earlier runs measured: with which accounts to begin.
    pub earlier: &'a Workload,
}

/// Nothing was ever measured.
static UNKNOWN: Workload = Workload { is_kept: false, accounts: BTreeMap::new() };

impl<'a, C: Reads> Run<'a, C> {
    /// A run of one instant that reads what its plan needs.
    pub fn new(manifest: &'a Manifest, clouds: &'a [C], mode: Mode, viewpoint: impl Into<Viewpoint>) -> Self {
        Self {
            manifest,
            clouds,
            not_entered: &[],
            left_out: &[],
            mode,
            depth: Depth::Plan,
            unmanaged: Unmanaged::Names,
            users: &[],
            viewpoint: viewpoint.into(),
            read_until: None,
            earlier: &UNKNOWN,
        }
    }

    /// Lists users and secrets of every account, resolves who is in scope, observes them, and plans. Changes nothing.
    ///
    /// # Errors
    /// No account can be listed.
    pub async fn plan(&self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Planned<'a, C>, NothingRead> {
        let Self { manifest, clouds, not_entered, left_out, mode, depth, unmanaged, users, viewpoint, .. } = *self;
        let Self { read_until, earlier, .. } = *self;
        let whom = if mode == Mode::Tend { Whom::UnderWay } else { Whom::Everyone };
        let survey = Survey { depth, whom, acts: mode != Mode::Plan, until: read_until, left_since: None };
        let reading = Reading { manifest, users, survey, viewpoint, unmanaged, earlier };
        let lent: Vec<&dyn Reads> = clouds.iter().map(|cloud| cloud as &dyn Reads).collect();
        let observed = observe_all(&lent, not_entered, &reading, progress).await?;
        let Observed { accounts, unread, unlisted, warnings, took } = observed;
        let with_cloud =
            |ObservedAccount { place, roster, inventory }| AccountState { cloud: &clouds[place], roster, inventory };
        let mut accounts: Vec<_> = accounts.into_iter().map(with_cloud).collect();
        let missing = keep(&mut accounts, users);
        let mut plan = plan_accounts_for(&accounts, viewpoint, mode.rotations());
        plan.accounts_unread = unread;
        plan.accounts_left_out = left_out.to_vec();
        let (is_timed, is_partial) = (read_until.is_some(), !users.is_empty());
        let extent = Extent { is_timed, is_partial, enforces: mode == Mode::Enforce };
        Ok(Planned { manifest, clouds, mode, accounts, unlisted, plan, warnings, missing, extent, took })
    }
}

/// What was observed, and what is to be done about it.
pub struct Planned<'a, C> {
    /// What is wanted.
    pub manifest: &'a Manifest,
    /// The accounts that could be entered.
    pub clouds: &'a [C],
    /// What the run may begin.
    pub mode: Mode,
    /// What was observed, account by account.
    pub accounts: Vec<AccountState<'a, C>>,
    /// Those that could not be listed, where that can be noted.
    pub unlisted: Vec<Unlisted>,
    /// What is to be done.
    pub plan: Plan,
    /// What the manifests say that is not so in the accounts.
    pub warnings: Vec<Diagnostic>,
    /// How far the run goes.
    pub extent: Extent,
    /// The users that were asked for and are not in scope.
    pub missing: Vec<Missing>,
    /// How long it took to read each account.
    pub took: Vec<Duration>,
}

/// A user that was asked for and is not in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The name that was asked for.
    pub user: String,
    /// Whether it is there, and no rule selects it.
    pub is_unmanaged: bool,
    /// What may have been meant.
    pub near: Option<String>,
}

impl<C: Reads> Planned<'_, C> {
    /// Who is in scope of each account.
    pub fn rosters(&self) -> Vec<&Roster> {
        self.accounts.iter().map(|account| &account.roster).collect()
    }

    /// The limits that the plan exceeds: then nothing may be changed.
    pub fn exceeded(&self) -> Vec<Exceeded> {
        exceeded(&self.plan, &self.manifest.limits)
    }

    /// Those of the users who are in scope nowhere.
    pub fn not_in_scope(&self, users: &[String]) -> Vec<Missing> {
        not_in_scope(self.accounts.iter().map(|account| &account.roster), users)
    }

    /// Whether the clock can be trusted: if not, nothing may be changed.
    ///
    /// # Errors
    /// It is off AWS's.
    pub fn check_clock(&self) -> Result<(), ClockOff> {
        clock::check(self.accounts.iter().map(|account| account.cloud))
    }

    /// Notes what this run has measured of its accounts, and to which it did not come. `applied` is `None` where nothing was to be
    /// changed.
    pub fn measure(&self, applied: Option<&Applied>, workload: &mut Workload) {
        let at = self.plan.as_of;
        let is_over = |deferred: &&Deferred| matches!(deferred.cause, Cause::Stopped | Cause::CutOff);
        let left = || applied.into_iter().flat_map(|applied| &applied.deferred).filter(is_over);
        for (AccountState { roster, inventory, .. }, took) in self.accounts.iter().zip(&self.took) {
            let is_left = left().any(|deferred| *deferred.account == roster.account);
            workload.note(&roster.account.id, *took, inventory, is_left, at);
        }
        for id in self.plan.accounts_unread.iter().filter_map(|account| account.id.as_deref()) {
            workload.leave(id, self.mode == Mode::Enforce, at);
        }
    }

    /// Whether the run went well: for the exit code, the invocation and the metrics. `applied` is `None` where nothing was
    /// to be changed.
    pub fn verdict(&self, applied: Option<&Applied>) -> Verdict {
        Verdict::of(&self.plan, applied)
    }
}

impl<C: Values> Planned<'_, C> {
    /// Applies the plan, then notifies people; all accounts at the same time. `before_mail` gets what was done, before
    /// any mail is sent.
    ///
    /// The user whose key keyrota itself runs with comes last, for nothing can be done without it: after the mail, too, if
    /// the key stops in this run.
    pub fn apply<'a>(
        &'a self,
        conditions: &'a Conditions<'_>,
        before_mail: &'a dyn Fn(&Applied),
    ) -> LocalBoxFuture<'a, Applied> {
        let Self { manifest, clouds, mode, accounts, unlisted, plan, warnings: _, missing: _, extent, took: _ } = self;
        let clouds = clouds.iter().map(|cloud| cloud as &dyn Writes).collect();
        let lent = |AccountState { cloud, roster, inventory }: &'a AccountState<'_, C>| AccountView {
            cloud: *cloud as &dyn Values,
            roster,
            inventory,
        };
        let accounts = accounts.iter().map(lent).collect();
        let (is_enforcing, extent) = (*mode == Mode::Enforce, *extent);
        Work { manifest, clouds, accounts, unlisted, plan, is_enforcing, extent, conditions }.carry_out(before_mail)
    }
}

/// A plan that is carried out.
struct Work<'a> {
    manifest: &'a Manifest,
    clouds: Vec<&'a dyn Writes>,
    accounts: Vec<AccountView<'a, dyn Values>>,
    unlisted: &'a [Unlisted],
    plan: &'a Plan,
    is_enforcing: bool,
    extent: Extent,
    conditions: &'a Conditions<'a>,
}

impl<'a> Work<'a> {
    fn carry_out(self, before_mail: &'a dyn Fn(&Applied)) -> LocalBoxFuture<'a, Applied> {
        Box::pin(async move {
            let Self { manifest, clouds, accounts, unlisted, plan, is_enforcing, extent, conditions } = &self;
            let is_last = |change: &&Change| {
                plan.warnings.iter().filter_map(|it| it.own_key_of(change)).any(|key| stops(change, key))
            };
            let (last, others): (Vec<_>, Vec<_>) = plan.changes.iter().partition(is_last);
            let work = async {
                let mut applied = self.apply_only(&others).await;
                self.take_turns(&mut applied).await;
                applied
            };
            let mut applied = self.sending(work).await;
            // Who tells people reads no credential.
            let lent = |&AccountView { cloud, roster, inventory }: &AccountView<'a, dyn Values>| {
                let cloud: &dyn Writes = cloud;
                AccountView { cloud, roster, inventory }
            };
            let told: Vec<_> = accounts.iter().map(lent).collect();
            unread::note(&told, plan, &applied, *extent).await;
            unread::note_unlisted(clouds, unlisted, plan.as_of, *extent).await;
            applied.deferred.extend(last.iter().map(|change| Deferred::new(change, Cause::Last)));
            before_mail(&applied);
            notify(&told, plan, &mut applied, &manifest.mail, *is_enforcing, conditions).await;
            applied.deferred.retain(|deferred| deferred.cause != Cause::Last);
            applied.extend(self.sending(self.apply_only(&last)).await);
            applied
        })
    }

    /// Sends what is done as events meanwhile, if the manifests name a bus: from one place, whichever account it is about.
    async fn sending(&self, work: impl Future<Output = Applied>) -> Applied {
        let cloud = self.accounts.first().map(|account| account.cloud as &dyn Writes);
        let (applied, events) = sending(cloud, self.manifest.events.bus(), &self.conditions.events, work).await;
        Applied { events, ..applied }
    }

    /// Lets the next rotations in the queue begin in place of those that could not: else a few users of whom nothing can be
    /// begun would hold up all others for good.
    async fn take_turns(&self, applied: &mut Applied) {
        let mut queue: Vec<&Change> = self.plan.queue.iter().take(MOST_LOST_TURNS).collect();
        let mut counted = 0;
        loop {
            let mut turns = Vec::new();
            for outcome in &applied.outcomes[counted..] {
                let Change { action, queue: turn, .. } = &outcome.change;
                let is_begin = turn.is_some() && (action.starts_rotation() || action.verb() == Verb::Create);
                let is_lost = outcome.result.is_err() && is_begin;
                let next = queue.iter().position(|next| is_lost && next.account == outcome.change.account);
                turns.extend(next.map(|next| queue.remove(next)));
            }
            counted = applied.outcomes.len();
            if turns.is_empty() || !(self.conditions.may_start)() {
                return;
            }
            applied.extend(self.apply_only(&turns).await);
        }
    }

    async fn apply_only(&self, changes: &[&Change]) -> Applied {
        let is_own = |change: &&&Change| self.plan.warnings.iter().any(|warning| warning.own_key_of(change).is_some());
        let (own, others): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(is_own);
        let mut all = Applied::default();
        for changes in [others, own] {
            let accounts = self.accounts.iter().enumerate().map(|(place, account)| {
                let here = changes.iter().filter(|change| *change.account == account.roster.account);
                (place, account, here.map(|&change| change.clone()).collect::<Vec<Change>>())
            });
            let mut accounts: Vec<_> = accounts.filter(|(_, _, here)| !here.is_empty()).collect();
            // Those come last for which there may be no time.
            accounts.sort_by_key(|(_, account, here)| oldest_key(account.inventory, here));
            let work = accounts.into_iter().map(|(place, AccountView { cloud, roster, inventory }, here)| async move {
                let applied = apply(*cloud, roster, inventory, &here, self.conditions).await;
                if self.accounts.len() > AT_A_TIME {
                    cloud.give_back();
                }
                (place, applied)
            });
            let mut done: Vec<_> = stream::iter(work).buffer_unordered(AT_A_TIME).collect().await;
            done.sort_by_key(|(place, _)| *place);
            done.into_iter().for_each(|(_, applied)| all.extend(applied));
        }
        all
    }
}

/// When the oldest active key of those was created who are changed.
fn oldest_key(inventory: &Inventory, changes: &[Change]) -> Option<DateTime<Utc>> {
    let states = changes.iter().filter_map(|change| inventory.users.get(&change.user)?.as_ref().ok());
    states.flat_map(|state| &state.keys).filter(|key| key.is_active()).map(|key| key.created).min()
}

/// One plan for all accounts, for a run that begins what is due.
pub fn plan_accounts<C: Reads>(accounts: &[AccountState<'_, C>], viewpoint: impl Into<Viewpoint>) -> Plan {
    plan_accounts_for(accounts, viewpoint, Rotations::Due)
}

fn plan_accounts_for<C: Reads>(
    accounts: &[AccountState<'_, C>],
    viewpoint: impl Into<Viewpoint>,
    rotations: Rotations,
) -> Plan {
    let viewpoint = viewpoint.into();
    let mut all = Plan::empty(viewpoint.at);
    for AccountState { roster, inventory, .. } in accounts {
        all.extend(plan_for(roster, inventory, viewpoint, rotations));
    }
    all.warnings.extend(accounts.iter().filter_map(own_key));
    all
}

/// Takes everyone else out of the scope, if users are named, and says which of them were not in it.
fn keep<C>(accounts: &mut [AccountState<'_, C>], users: &[String]) -> Vec<Missing> {
    if users.is_empty() {
        return Vec::new();
    }
    let missing = not_in_scope(accounts.iter().map(|account| &account.roster), users);
    for AccountState { roster, .. } in accounts {
        // Who is named is begun: a queue would be one of the whole account.
        roster.pace = None;
        roster.entries.retain(|entry| is_meant(&entry.user.name, users));
        roster.unmanaged.retain(|user| is_meant(&user.name, users));
    }
    missing
}

/// Those of the users who are in scope nowhere.
fn not_in_scope<'a>(rosters: impl Iterator<Item = &'a Roster> + Clone, users: &[String]) -> Vec<Missing> {
    let in_scope = || rosters.clone().flat_map(|roster| &roster.entries).map(|entry| entry.user.name.as_str());
    let unmanaged = || rosters.clone().flat_map(|roster| &roster.unmanaged).map(|user| user.name.as_str());
    let missing = users.iter().filter(|user| !in_scope().any(|name| name.eq_ignore_ascii_case(user)));
    let missing = missing.map(|user| Missing {
        user: user.clone(),
        is_unmanaged: unmanaged().any(|name| name.eq_ignore_ascii_case(user)),
        near: nearest(user, in_scope().chain(unmanaged())).map(str::to_owned),
    });
    missing.collect()
}

/// Whether keyrota runs with the key of a user that it may rotate here.
fn own_key<C: Reads>(account: &AccountState<'_, C>) -> Option<Warning> {
    let AccountState { cloud, roster, inventory } = account;
    let key = cloud.own_key()?;
    let entry = roster.entries.iter().filter(|entry| entry.exempt.is_none()).find(|entry| {
        let state = inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
        state.is_some_and(|state| state.key(key).is_some())
    })?;
    let account = Arc::new(roster.account.clone());
    Some(Warning::OwnKey { account, user: entry.user.name.clone(), key: key.clone() })
}

/// So many users that can't begin give their turns to others. If it is more, something else is wrong than with them.
const MOST_LOST_TURNS: usize = 100;

/// Whether carrying the change out, with what follows at once, stops this key.
fn stops(change: &Change, key: &KeyId) -> bool {
    let is_it = |verb: Verb, of: Option<&KeyId>| verb.ends_a_key() && of == Some(key);
    is_it(change.action.verb(), change.action.key())
        || change.then.iter().any(|step| step.same_run && is_it(step.verb, step.key.existing()))
}
