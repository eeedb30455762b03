//! A change of the manifests before it takes effect: both versions planned for one instant, and for the next scheduled
//! run, on one observation of the accounts.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::future::{LocalBoxFuture, join_all};

use crate::{
    cloud::Reads,
    diff::{Comparison, Deletion, Field, Side, compare, fields, weakening},
    explain::{Line, settings},
    inventory::{Account, Inventory, UnmanagedKeys, UnreadAccount},
    manifest::{Diagnostic, Manifest},
    observe::{Depth, Listing, NothingRead, Progress, RosterAt, Unmanaged, list, merged, observe_for, unmanaged},
    organization::Listed,
    plan::{Plan, Viewpoint},
    roster::{Relevance, Roster, resolve, shared_between_accounts},
    template::Templates,
};

/// An account that either version of the manifests looks at.
pub struct AccountPair<'a> {
    /// Where the account is.
    pub cloud: &'a dyn Reads,
    /// The account under the name that this version gives it; `None` where this version does not look at it.
    pub before: Option<Account>,
    /// The same for the version after the change.
    pub after: Option<Account>,
}

/// What a review looks at.
pub struct Accounts<'a> {
    /// The accounts that either version looks at, as far as they could be entered.
    pub places: &'a [AccountPair<'a>],
    /// Those that could not.
    pub not_entered: &'a [UnreadAccount],
    /// What the organisation has, as far as it was listed.
    pub listed: Option<&'a Listed>,
}

impl<'a> Accounts<'a> {
    /// These, and no others.
    pub fn of(places: &'a [AccountPair<'a>]) -> Self {
        Self { places, not_entered: &[], listed: None }
    }
}

/// The manifests before a change: valid, or what is wrong with them.
pub type Base<'a> = Result<&'a Manifest, Vec<Diagnostic>>;

/// What the change does.
pub struct Review {
    /// The plan after the change, for now.
    pub plan: Plan,
    /// What differs, or why there is nothing to compare with.
    pub comparison: Result<Compared, Broken>,
    /// What is odd about the manifests after the change.
    pub warnings: Vec<Diagnostic>,
}

/// Both versions hold.
pub struct Compared {
    /// What differs for a run now.
    pub now: Comparison,
    /// What differs for whole runs: mail, limits, schedule, accounts. What gets weaker comes first.
    pub settings: Vec<Field>,
    /// The templates among them, with their texts.
    pub templates: Vec<Template>,
    /// The next scheduled run, if the manifests schedule one.
    pub next_run: Option<NextRun>,
}

/// A template of a mail that differs.
pub struct Template {
    /// Its file name.
    pub name: String,
    /// keyrota's own, where the team has none.
    pub before: String,
    /// The text after the change.
    pub after: String,
}

/// What the next scheduled run will do if nothing else happens before it, and clients go on as they do.
pub struct NextRun {
    /// The plan after the change, for that run.
    pub plan: Plan,
    /// What differs for that run.
    pub comparison: Comparison,
}

/// The version before the change can't be planned: there is nothing to compare with.
pub struct Broken(pub Vec<Diagnostic>);

impl Compared {
    /// Whether the change makes no difference, neither now nor to the next scheduled run.
    pub fn is_empty(&self) -> bool {
        let Self { now, settings, templates: _, next_run } = self;
        now.is_empty() && settings.is_empty() && next_run.as_ref().is_none_or(|run| run.comparison.is_empty())
    }

    /// How many users leave, and how many policies and settings get weaker.
    pub fn weakened(&self) -> usize {
        let settings = self.settings.iter().filter(|field| field.weaker).count();
        self.now.left.len() + self.now.weakened() + settings
    }

    /// Every key that is deleted because of the change, by what a run now does or the next scheduled one: each once, at the
    /// earliest.
    pub fn deletions(&self) -> Vec<Deletion> {
        let mut all = self.now.deletions();
        let later = self.later().map(|run| run.comparison.beyond(&self.now).deletions()).unwrap_or_default();
        for deletion in later {
            let is_same = |one: &&mut Deletion| {
                one.account == deletion.account && one.user == deletion.user && one.key == deletion.key
            };
            match all.iter_mut().find(is_same) {
                Some(known) if known.at <= deletion.at => {}
                Some(known) => *known = deletion,
                None => all.push(deletion),
            }
        }
        all.sort_by_key(|deletion| (!deletion.at_once, deletion.at));
        all
    }

    /// How many rotations go on at other times because of the change, with nothing else in a run now.
    pub fn rescheduled(&self) -> usize {
        let later = self.later().map(|run| run.comparison.beyond(&self.now));
        let users: BTreeSet<(String, String)> =
            later.iter().chain([&self.now]).flat_map(Comparison::rescheduled_users).collect();
        users.len()
    }

    /// The next scheduled run, if it does something else than a run now.
    pub fn later(&self) -> Option<&NextRun> {
        self.next_run.as_ref().filter(|run| !run.comparison.does_the_same(&self.now))
    }
}

/// Why GitHub is not asked in a review.
const NOT_ASKED: &str =
    "the change names another GitHub, or something else to sign in with: it is not asked before that is merged";

/// Observes all accounts once and compares, as of `viewpoint`. `next_run` is when rotations start next.
///
/// # Errors
/// An account that can't be listed.
pub fn review<'a>(
    accounts: Accounts<'a>,
    base: Base<'a>,
    head: &'a Manifest,
    viewpoint: Viewpoint,
    next_run: Option<DateTime<Utc>>,
    progress: &'a (dyn Fn(Progress) + Sync),
) -> LocalBoxFuture<'a, Result<Review, NothingRead>> {
    Box::pin(observe_and_compare(accounts, base, head, viewpoint, next_run, progress))
}

async fn observe_and_compare(
    accounts: Accounts<'_>,
    base: Base<'_>,
    head: &Manifest,
    viewpoint: Viewpoint,
    next_run: Option<DateTime<Utc>>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Review, NothingRead> {
    let Accounts { places, not_entered, listed: in_organization } = accounts;
    let later = next_run.map(|at| Viewpoint { at, ..viewpoint });
    let instants: Vec<Viewpoint> = std::iter::once(viewpoint).chain(later).collect();
    // Whoever writes the change would choose what is read and sent, and where to: with the permissions of whoever reviews it.
    let signs_in_as_before = {
        let before = base.as_ref().map(|base| base.deliver.github.clone()).unwrap_or_default();
        head.deliver.github.signs_in_as(&before)
    };
    let (cautious_head, cautious_base);
    let (base, head) = match signs_in_as_before {
        true => (base, head),
        false => {
            cautious_head = without_asking(head);
            cautious_base = base.map(without_asking);
            (cautious_base.as_ref().map_err(Clone::clone), &cautious_head)
        }
    };
    let valid_base = base.as_ref().ok().copied();
    let listing = join_all(places.iter().map(|place| list_pair(place, valid_base, head))).await;
    let (places, listed, mut unread) = readable(places, listing)?;
    unread.extend_from_slice(not_entered);
    let mut warnings: Vec<(&Account, Vec<Diagnostic>)> = Vec::new();
    let mut after = Vec::new();
    for (place, listing) in places.iter().copied().zip(&listed) {
        let Some(account) = &place.after else {
            after.push(Vec::new());
            continue;
        };
        let (rosters, found) = resolve_for(head, account, listing, &instants);
        after.push(rosters);
        warnings.push((account, found));
    }
    let shared = shared_places(head, &mut after);
    let before = base.map(|base| {
        let resolved = |(place, listing): (&AccountPair<'_>, &Listing)| {
            let account = place.before.as_ref();
            account.map(|account| resolve_for(base, account, listing, &instants).0).unwrap_or_default()
        };
        let mut before: Vec<Vec<Roster>> = places.iter().copied().zip(&listed).map(resolved).collect();
        shared_places(base, &mut before);
        (base, before)
    });
    let (base, before) = match before {
        Ok((base, before)) => (Ok(base), before),
        Err(errors) => (Err(errors), vec![Vec::new(); places.len()]),
    };
    let rosters: Vec<[Vec<Roster>; 2]> = before.into_iter().zip(after).map(|(before, after)| [before, after]).collect();
    let observing = places.iter().zip(&rosters).zip(&listed);
    let observing = observing.map(|((place, both), listed)| observe_both(place, both, listed, &instants, progress));
    let inventories = join_all(observing).await;
    let compare_at = |instant: usize| {
        let side = |version: usize| -> Vec<Side<'_>> {
            let places = rosters.iter().zip(&inventories);
            places
                .filter_map(|(rosters, inventories)| {
                    let (roster, inventory) = (rosters[version].get(instant)?, inventories[version].get(instant)?);
                    Some(Side { roster, inventory })
                })
                .collect()
        };
        compare(&side(0), &side(1), instants[instant])
    };
    let (mut plan, comparison) = compare_at(0);
    plan.accounts_unread = unread;
    let mut warnings = merged(head, warnings, &plan.accounts_unread);
    warnings.extend(shared);
    let later = next_run.map(|_| compare_at(1));
    let comparison = match base {
        Ok(base) => Ok(Compared {
            now: comparison,
            settings: changed_settings(base, head, viewpoint.at, in_organization),
            templates: changed_templates(base, head),
            next_run: later.map(|(plan, comparison)| NextRun { plan, comparison }),
        }),
        Err(errors) => Err(Broken(errors)),
    };
    Ok(Review { plan, comparison, warnings })
}

/// The same manifests, by which GitHub is not asked what it holds.
fn without_asking(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.deliver.github.not_asked = Some(NOT_ASKED);
    manifest
}

/// The settings of whole runs that differ; the weaker ones first. `listed` is what the organisation has, where that is known.
pub fn changed_settings(
    before: &Manifest,
    after: &Manifest,
    now: DateTime<Utc>,
    listed: Option<&Listed>,
) -> Vec<Field> {
    let mut settings = fields(&settings(before), &settings(after));
    // What nobody wrote, and what is not used on one side, is no change of a setting.
    let is_written = |line: &Option<Line>| line.as_ref().is_some_and(|line| line.source.is_some());
    settings.retain(|field| {
        (field.before.is_some() && field.after.is_some()) || is_written(&field.before) || is_written(&field.after)
    });
    for field in &mut settings {
        field.weaker = weakening::of_setting(&field.name, before, after, now, listed);
    }
    settings.sort_by_key(|field| !field.weaker);
    settings
}

/// The templates that differ.
pub fn changed_templates(before: &Manifest, after: &Manifest) -> Vec<Template> {
    let texts = |manifest: &Manifest, name: &str| manifest.mail.templates.text(name).to_owned();
    Templates::names()
        .map(|name| Template { before: texts(before, &name), after: texts(after, &name), name })
        .filter(|template| template.before != template.after)
        .collect()
}

type Readable<'a, 'b> = (Vec<&'a AccountPair<'b>>, Vec<Listing>, Vec<UnreadAccount>);

/// The accounts that could be listed, and those that could not.
///
/// # Errors
/// None could be listed.
fn readable<'a, 'b>(
    places: &'a [AccountPair<'b>],
    listing: Vec<Result<Listing, UnreadAccount>>,
) -> Result<Readable<'a, 'b>, NothingRead> {
    let (mut read, mut listed, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    for (place, result) in places.iter().zip(listing) {
        match result {
            Ok(listing) => {
                read.push(place);
                listed.push(listing);
            }
            Err(error) => unread.push(error),
        }
    }
    if read.is_empty() && !unread.is_empty() {
        Err(NothingRead(unread, Vec::new()))
    } else {
        Ok((read, listed, unread))
    }
}

/// Lists users and secrets of an account, with the details that either version asks for.
async fn list_pair(
    place: &AccountPair<'_>,
    base: Option<&Manifest>,
    head: &Manifest,
) -> Result<Listing, UnreadAccount> {
    let AccountPair { cloud, before, after } = place;
    let relevance = [(Some(head), after), (base, before)]
        .map(|(manifest, account)| Some(Relevance::new(manifest?, account.as_ref()?)));
    let is_relevant =
        |name: &str, path: &str| relevance.iter().flatten().any(|relevance| relevance.includes(name, path));
    let listing = list(*cloud, &is_relevant, "").await;
    listing.map_err(|error| UnreadAccount::new(cloud.account(), &error))
}

/// The rosters of one account, one for each instant: exemptions end.
fn resolve_for(
    manifest: &Manifest,
    account: &Account,
    listing: &Listing,
    instants: &[Viewpoint],
) -> (Vec<Roster>, Vec<Diagnostic>) {
    let mut rosters = Vec::new();
    let mut warnings = Vec::new();
    for viewpoint in instants {
        let (roster, found) = resolve(manifest, account, &listing.users, viewpoint.at);
        rosters.push(roster);
        warnings = found;
    }
    (rosters, warnings)
}

/// Stops the users of several accounts that deliver to one place, as a run does, at each instant; `rosters` are those of each
/// account.
fn shared_places(manifest: &Manifest, rosters: &mut [Vec<Roster>]) -> Vec<Diagnostic> {
    let instants = rosters.iter().map(Vec::len).max().unwrap_or_default();
    let mut warnings = Vec::new();
    for instant in 0..instants {
        let mut at_once: Vec<&mut Roster> = rosters.iter_mut().filter_map(|account| account.get_mut(instant)).collect();
        warnings = shared_between_accounts(manifest, &mut at_once);
    }
    warnings
}

/// The inventories that belong to the rosters of an account: before and after, one for each instant.
async fn observe_both(
    place: &AccountPair<'_>,
    [before, after]: &[Vec<Roster>; 2],
    listing: &Listing,
    instants: &[Viewpoint],
    progress: &(dyn Fn(Progress) + Sync),
) -> [Vec<Inventory>; 2] {
    let mut rosters_at = Vec::new();
    for rosters in [before, after] {
        rosters_at
            .extend(rosters.iter().zip(instants).map(|(roster, viewpoint)| RosterAt { roster, viewpoint: *viewpoint }));
    }
    let users: BTreeSet<_> =
        rosters_at.iter().flat_map(|one| &one.roster.entries).map(|entry| &entry.user.name).collect();
    progress(Progress::InScope(users.len()));
    let read = || progress(Progress::Read);
    // As a plan asks for them: whom the change leaves to no rule must not go unseen.
    let unmanaged = async {
        match after.first() {
            Some(roster) => unmanaged(place.cloud, roster, Unmanaged::Ages).await,
            None => UnmanagedKeys::default(),
        }
    };
    let reading = observe_for(place.cloud, &rosters_at, listing, Depth::Plan.into(), &read);
    let (mut inventories, unmanaged) = futures::join!(reading, unmanaged);
    let mut inventories_after = inventories.split_off(before.len());
    inventories_after.iter_mut().for_each(|inventory| inventory.unmanaged = unmanaged.clone());
    [inventories, inventories_after]
}
