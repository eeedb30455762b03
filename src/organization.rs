//! Which accounts there are: those that the manifests declare, and those that an organisation has. Pure: what AWS Organizations
//! answers is handed over, as is what a folder of sandboxes makes up.

mod meant;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    counted::counted,
    inventory::{Account, Membership, Unit, UnreadAccount},
    manifest::{
        Code, DeclaredAccount, Diagnostic, Manifest, Organization, Pattern, Rule, Source, UnitName,
        diagnostic::{any_of, nearest, quote},
    },
    roster::holds_in,
};

pub use self::meant::meant_account;

/// What manifests ask of an organisation: no more is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Whether it matters in which unit an account is.
    pub units: bool,
    /// Whether its tags matter.
    pub tags: bool,
    /// The only units whose accounts matter, by path or id; empty: all.
    pub within: BTreeSet<String>,
}

impl Question {
    /// What these manifests ask; `None`: nothing, for they find no accounts.
    pub fn of<'a>(manifests: impl IntoIterator<Item = &'a Manifest>) -> Option<Self> {
        let asking = |manifest: &'a Manifest| Some((manifest, manifest.organization.as_ref()?));
        let asking: Vec<_> = manifests.into_iter().filter_map(asking).collect();
        let rules = || asking.iter().flat_map(|(manifest, _)| &manifest.rules);
        let all = asking.iter().any(|(_, organization)| organization.units.is_empty());
        let named = asking.iter().flat_map(|(_, organization)| &organization.units);
        let within = named.map(|unit| unit.text.clone()).filter(|_| !all).collect::<BTreeSet<_>>();
        let units = !within.is_empty()
            || asking.iter().any(|(_, organization)| !organization.units.is_empty())
            || rules().any(|rule| !rule.units.is_empty());
        (!asking.is_empty()).then(|| Self { units, tags: rules().any(|rule| !rule.account_tags.is_empty()), within })
    }

    /// What is asked of AWS, as actions of IAM.
    pub fn actions(&self) -> Vec<&'static str> {
        let mut actions = vec!["organizations:DescribeOrganization"];
        match self.units {
            true => actions.extend([
                "organizations:ListAccountsForParent",
                "organizations:ListOrganizationalUnitsForParent",
                "organizations:ListRoots",
            ]),
            false => actions.push("organizations:ListAccounts"),
        }
        if self.tags {
            actions.push("organizations:ListTagsForResource");
        }
        actions
    }

    /// Whether the accounts of a unit matter, which has these above it, itself included.
    pub fn includes(&self, units: &[Unit]) -> bool {
        self.within.is_empty()
            || units.iter().any(|unit| self.within.contains(&unit.id) || self.within.contains(&unit.path))
    }
}

/// What an organisation has, as it was listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Every unit, the root as well; empty where nobody asked.
    pub units: Vec<Unit>,
    /// The accounts.
    pub members: Vec<Member>,
    /// Whether what is not here is not in the organisation: a single sandbox is one account of many.
    pub is_whole: bool,
}

/// An account as its organisation has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// 12 digits.
    pub id: String,
    /// The name that the organisation gives it; others may have the same.
    pub name: String,
    /// `None`: it can be entered. Else what AWS says of it: `SUSPENDED`, `PENDING_CLOSURE`.
    pub inactive: Option<String>,
    /// Its units and tags.
    pub membership: Arc<Membership>,
}

/// The accounts of the manifests, and what is to be said of them.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// By name, then id. Of an organisation several may have one name.
    pub accounts: Vec<(String, DeclaredAccount)>,
    /// What the manifests say of the organisation that is not so. One that is an error stops the run.
    pub diagnostics: Vec<Diagnostic>,
    /// Accounts that are left out because AWS has closed or suspended them, with its word for it.
    pub inactive: Vec<UnreadAccount>,
    /// Accounts that `except` leaves out.
    pub excepted: Vec<UnreadAccount>,
    /// Accounts that are left out because they are below none of the `units`, as far as they were listed.
    pub outside: Vec<UnreadAccount>,
    /// Whether accounts of some units only are looked at: others were perhaps not listed.
    pub is_of_units: bool,
    /// Accounts that are left out because others were asked for.
    pub not_asked_for: Vec<UnreadAccount>,
    /// Whether none are meant but the caller's.
    pub is_of_caller: bool,
}

impl Found {
    /// The accounts that the manifests alone tell.
    pub fn declared(manifest: &Manifest) -> Self {
        let accounts = manifest.accounts.iter().map(|(name, account)| (name.clone(), account.clone())).collect();
        Self { accounts, is_of_caller: manifest.is_of_caller(), ..Self::default() }
    }

    /// The accounts of the manifests in an organisation; `own` is the account of the caller, whose own credentials are used.
    ///
    /// What `[accounts]` says of an account wins over what the organisation says: its name, its role, its region. It may also
    /// declare accounts that the organisation has not, or that `units` and `except` leave out.
    pub fn within(manifest: &Manifest, listed: &Listed, own: Option<&str>) -> Self {
        let Some(organization) = &manifest.organization else { return Self::declared(manifest) };
        let by_id: HashMap<&str, (&String, &DeclaredAccount)> =
            manifest.accounts.iter().map(|(name, account)| (account.id.as_str(), (name, account))).collect();
        let owners = owners(manifest, listed);
        let mut accounts = Vec::new();
        let (mut inactive, mut excepted, mut outside) = (Vec::new(), Vec::new(), Vec::new());
        let mut met = HashSet::new();
        for member in &listed.members {
            let declared = by_id.get(member.id.as_str());
            let name = declared.map_or(&member.name, |(name, _)| name);
            // Of a part of the organisation the whole has said it.
            let shares_name = member.membership.shares_name
                || owners.get(&name.to_lowercase()).is_some_and(|accounts| accounts.len() > 1);
            let is_left_out = !is_within(organization, member)
                || organization.except.iter().any(|except| names(except, member, name));
            // One that the manifests declare is looked at as if there were no organisation.
            if is_left_out {
                let (list, why) = match is_within(organization, member) {
                    true => (&mut excepted, "left out by `except` of `[organization]`"),
                    false => (&mut outside, "below none of the `units` of `[organization]`"),
                };
                if declared.is_none() {
                    list.push(UnreadAccount { shares_name, ..left_out(member, name, why.to_owned()) });
                }
                continue;
            }
            met.insert(member.id.as_str());
            if let Some(state) = &member.inactive {
                let why = format!("{} in AWS Organizations", state.to_lowercase().replace('_', " "));
                inactive.push(UnreadAccount { shares_name, ..left_out(member, name, why) });
                continue;
            }
            let found = account(organization, member, declared.map(|(_, own)| *own), own);
            let place = found.membership.map(|place| Arc::new(Membership { shares_name, ..(*place).clone() }));
            accounts.push((name.clone(), DeclaredAccount { membership: place, ..found }));
        }
        let others = manifest.accounts.iter().filter(|(_, account)| !met.contains(account.id.as_str()));
        accounts.extend(others.map(|(name, account)| (name.clone(), account.clone())));
        let order = |(name, account): &(String, DeclaredAccount)| (name.to_lowercase(), account.id.clone());
        accounts.sort_by_cached_key(order);
        inactive.sort_by(|a: &UnreadAccount, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let diagnostics =
            if listed.is_whole { mistakes(manifest, organization, listed, &accounts) } else { Vec::new() };
        let (is_of_units, not_asked_for) = (!organization.units.is_empty(), Vec::new());
        Self { accounts, diagnostics, inactive, excepted, outside, is_of_units, not_asked_for, is_of_caller: false }
    }

    /// The accounts that nobody looks at, and why; those below none of the units are no business of the manifests.
    pub fn left_out(&self) -> Vec<UnreadAccount> {
        self.inactive.iter().chain(&self.excepted).chain(&self.not_asked_for).cloned().collect()
    }

    /// The account under the name that these manifests give it; `None` if they do not look there.
    pub fn named(&self, account: &Account) -> Option<Account> {
        if self.is_of_caller {
            return Some(Account { name: None, ..account.clone() });
        }
        let (name, declared) = self.accounts.iter().find(|(_, declared)| declared.id == account.id)?;
        Some(Account { name: Some(name.clone()), membership: declared.membership.clone(), ..account.clone() })
    }

    /// What is to be said of accounts that are left out because AWS has closed or suspended them.
    pub fn note(&self) -> Option<String> {
        const SHOWN: usize = 10;
        if self.inactive.is_empty() {
            return None;
        }
        let words = |UnreadAccount { id, name, error, .. }: &UnreadAccount| {
            let (name, id) = (name.as_deref().unwrap_or_default(), id.as_deref().unwrap_or_default());
            format!("{name} ({id}, {})", error.trim_end_matches(" in AWS Organizations"))
        };
        let mut shown: Vec<String> = self.inactive.iter().take(SHOWN).map(words).collect();
        if let Some(more) = self.inactive.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            shown.push(format!("{more} more"));
        }
        let count = counted(self.inactive.len(), "account");
        let verb = if self.inactive.len() == 1 { "is" } else { "are" };
        Some(format!("{count} {verb} left out, as AWS Organizations says of them: {}", shown.join(", ")))
    }
}

fn left_out(member: &Member, name: &str, error: String) -> UnreadAccount {
    UnreadAccount { id: Some(member.id.clone()), name: Some(name.to_owned()), error, ..UnreadAccount::default() }
}

/// The accounts that have each name, by the name in lower case: that of the organisation, and that of the manifests.
fn owners<'a>(manifest: &'a Manifest, listed: &'a Listed) -> HashMap<String, HashSet<&'a str>> {
    let listed = listed.members.iter().map(|member| (member.name.as_str(), member.id.as_str()));
    let declared = manifest.accounts.iter().map(|(name, account)| (name.as_str(), account.id.as_str()));
    ids_by_name(listed.chain(declared))
}

/// Of names and ids: the ids of each name in lower case.
fn ids_by_name<'a>(accounts: impl Iterator<Item = (&'a str, &'a str)>) -> HashMap<String, HashSet<&'a str>> {
    let mut ids: HashMap<String, HashSet<&str>> = HashMap::new();
    for (name, id) in accounts {
        ids.entry(name.to_lowercase()).or_default().insert(id);
    }
    ids
}

/// Whether the account is below one of the units that are looked at.
pub(crate) fn is_within(organization: &Organization, member: &Member) -> bool {
    let is_in = |name: &UnitName| member.membership.units.iter().any(|unit| name.names(unit));
    organization.units.is_empty() || organization.units.iter().any(is_in)
}

/// Whether the account is meant, by its id, as its organisation calls it, or by another name.
pub(crate) fn names(pattern: &Pattern, member: &Member, name: &str) -> bool {
    pattern.matches(&member.id) || pattern.matches(&member.name) || pattern.matches(name)
}

fn account(
    organization: &Organization,
    member: &Member,
    declared: Option<&DeclaredAccount>,
    own: Option<&str>,
) -> DeclaredAccount {
    let Organization { source, role, external_id, region, .. } = organization;
    let (own_role, own_external_id, own_region) = match declared {
        Some(own) => (own.role.clone(), own.external_id.clone(), own.region.clone()),
        None => (None, None, None),
    };
    let is_own = own_role.is_none() && own == Some(&member.id);
    let external_id = match own_role {
        // A role of its own has a trust policy of its own.
        Some(_) => own_external_id,
        None if is_own => None,
        None => own_external_id.or_else(|| external_id.clone()),
    };
    DeclaredAccount {
        source: declared.map_or(source, |own| &own.source).clone(),
        id: member.id.clone(),
        role: own_role.or_else(|| (!is_own).then(|| role.clone())),
        region: own_region.or_else(|| region.clone()),
        external_id,
        membership: Some(Arc::new(Membership { name: member.name.clone(), ..(*member.membership).clone() })),
    }
}

/// What the manifests name and the organisation has not.
fn mistakes(
    manifest: &Manifest,
    organization: &Organization,
    listed: &Listed,
    accounts: &[(String, DeclaredAccount)],
) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    let mut check = |source: &Source, units: &[UnitName]| {
        mistakes.extend(units.iter().filter_map(|unit| wrong_unit(manifest, source, unit, listed)));
    };
    check(&organization.source, &organization.units);
    manifest.rules.iter().for_each(|rule| check(&rule.source, &rule.units));
    let known = Names::new(listed, accounts);
    for except in &organization.except {
        if !listed.members.iter().any(|member| names(except, member, &member.name)) && !known.matches(except) {
            let message =
                format!("`except` leaves nobody out: no account that is looked at is called {}", quote(&except.text));
            let label = manifest.sources.label_part(&organization.source, &except.span, "");
            mistakes.push(known.help(Diagnostic::warning(Code::AccountsUnmatched, message, label), &except.text));
        }
    }
    for Rule { source, accounts, .. } in &manifest.rules {
        for pattern in accounts.iter().filter(|pattern| !known.matches(pattern)) {
            let message = format!("{} matches no account that is looked at", quote(&pattern.text));
            let label = manifest.sources.label_part(source, &pattern.span, "");
            mistakes.push(known.help(Diagnostic::warning(Code::AccountsUnmatched, message, label), &pattern.text));
        }
    }
    let looked_at: Vec<Account> = accounts
        .iter()
        .map(|(name, DeclaredAccount { id, membership, .. })| Account {
            id: id.clone(),
            name: Some(name.clone()),
            partition: String::new(),
            region: String::new(),
            membership: membership.clone(),
        })
        .collect();
    let is_narrow = |rule: &&Rule| !rule.units.is_empty() || !rule.account_tags.is_empty();
    let is_known = |rule: &&Rule| {
        rule.units.iter().all(|unit| wrong_unit(manifest, &rule.source, unit, listed).is_none())
            && rule.accounts.iter().all(|pattern| known.matches(pattern))
    };
    let is_elsewhere = |rule: &&Rule| !looked_at.iter().any(|account| holds_in(rule, account));
    for rule in manifest.rules.iter().filter(is_narrow).filter(is_known).filter(is_elsewhere) {
        let message = "the rule holds in no account that is looked at".to_owned();
        let help = "see in which units the accounts are, and which tags they have; tags of accounts compare with case";
        let label = manifest.sources.label(&rule.source, "");
        mistakes.push(Diagnostic::warning(Code::AccountsUnmatched, message, label).help(help));
    }
    for exemption in &manifest.exemptions {
        let Some(account) = &exemption.account else { continue };
        let user = quote(&exemption.user);
        let label = manifest.sources.label(&exemption.source, "");
        if known.matches(&Pattern::new(account)) {
            // An exemption is of one account, and of one that is looked at.
            let named = known.names.get(&account.to_lowercase()).into_iter().flatten();
            let mut ids: Vec<&str> = named.chain(known.ids.get(account.as_str())).copied().collect();
            ids.retain(|id| looked_at.iter().any(|account| account.id == *id));
            ids.sort_unstable();
            ids.dedup();
            if ids.is_empty() {
                let message = format!("the exemption of {user} holds nowhere: {} is not looked at", quote(account));
                let help = "`units` and `except` of [organization] leave it out, or it is not active";
                mistakes.push(Diagnostic::warning(Code::UnknownAccount, message, label).help(help));
                continue;
            }
            if ids.len() < 2 || known.ids.contains(account.as_str()) {
                continue;
            }
            let message = format!(
                "the exemption of {user} holds in {} accounts, for so many are called {}",
                ids.len(),
                quote(account)
            );
            let help = format!("name the one that is meant by its id: {}", any_of(ids.iter().take(10)));
            mistakes.push(Diagnostic::warning(Code::UnknownAccount, message, label).help(help));
            continue;
        }
        let message =
            format!("the exemption of {user} holds nowhere: no account that is looked at is called {}", quote(account));
        mistakes.push(known.help(Diagnostic::warning(Code::UnknownAccount, message, label), account));
    }
    mistakes.sort_by(|a, b| a.position().cmp(&b.position()));
    mistakes
}

/// A unit that is none, or several.
fn wrong_unit(manifest: &Manifest, source: &Source, name: &UnitName, listed: &Listed) -> Option<Diagnostic> {
    let label = manifest.sources.label_part(source, &name.span, "");
    let units: Vec<&Unit> = listed.units.iter().filter(|unit| name.names(unit)).collect();
    let (message, help) = match units[..] {
        [_] => return None,
        [] => {
            let message = format!("the organisation has no unit {}", quote(&name.text));
            (message, meant(&name.text, &listed.units))
        }
        _ => {
            let ids = any_of(units.iter().map(|unit| &unit.id));
            let message = format!("the organisation has {} units {}", units.len(), quote(&name.text));
            (message, format!("name the one that is meant by its id: {ids}"))
        }
    };
    Some(Diagnostic::error(Code::Unit, message, label).help(help))
}

/// The unit that was probably meant.
fn meant(written: &str, units: &[Unit]) -> String {
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let below = units.iter().filter(|unit| last(&unit.path) == written.to_lowercase());
    let below: Vec<&str> = below.map(|unit| unit.path.as_str()).collect();
    let near = nearest(written, units.iter().flat_map(|unit| [unit.path.as_str(), unit.id.as_str()]));
    match (&below[..], near) {
        ([_, ..], _) => {
            format!("did you mean {}? A unit is named from the root down", any_of(&below[..below.len().min(3)]))
        }
        // The unit above is spelt as it is: what is below it is asked for.
        ([], Some(near)) if written.strip_prefix(near).is_some_and(|rest| rest.starts_with('/')) => {
            let is_child = |path: &&str| {
                path.strip_prefix(near).and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| !rest.contains('/'))
            };
            let children: Vec<&str> = units.iter().map(|unit| unit.path.as_str()).filter(is_child).collect();
            match children.len() {
                0 => format!("{} has no units below it", quote(near)),
                _ => format!("those below {} are {}", quote(near), any_of(children.iter().take(10))),
            }
        }
        ([], Some(near)) => format!("did you mean {}?", quote(near)),
        ([], None) => {
            let mut top: Vec<&str> =
                units.iter().map(|unit| unit.path.as_str()).filter(|path| !path.contains('/')).collect();
            top.dedup();
            match top.len() {
                0 => "write the path of a unit (`Workloads/Prod`), or its id".to_owned(),
                _ => format!("those at the top are {}", any_of(top.iter().take(10))),
            }
        }
    }
}

/// By what accounts are known.
struct Names<'a> {
    all: Vec<(&'a str, &'a str)>,
    /// By the name in lower case.
    names: HashMap<String, HashSet<&'a str>>,
    ids: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn new(listed: &'a Listed, accounts: &'a [(String, DeclaredAccount)]) -> Self {
        let members = listed.members.iter().map(|member| (member.name.as_str(), member.id.as_str()));
        let declared = accounts.iter().map(|(name, account)| (name.as_str(), account.id.as_str()));
        let mut all: Vec<(&str, &str)> = members.chain(declared).collect();
        all.sort_unstable();
        all.dedup();
        Self { names: ids_by_name(all.iter().copied()), ids: all.iter().map(|(_, id)| *id).collect(), all }
    }

    fn matches(&self, pattern: &Pattern) -> bool {
        match pattern.is_exact() {
            true => self.ids.contains(pattern.text.as_str()) || self.names.contains_key(&pattern.text.to_lowercase()),
            false => self.all.iter().any(|(name, id)| pattern.matches(name) || pattern.matches(id)),
        }
    }

    fn help(&self, diagnostic: Diagnostic, written: &str) -> Diagnostic {
        match meant_account(written, &self.all) {
            Some(meant) => diagnostic.help(meant),
            None => diagnostic.help("accounts are named as in AWS Organizations, or by their 12 digits"),
        }
    }
}
