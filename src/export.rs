//! What Terraform must know of the manifests: schedules, sender, accounts, and the ARNs that the policies must cover.
//!
//! Offline and exact: a pure function of the manifests. IAM's wildcards are the manifests' (`*` and `?`), with two
//! differences that this module works around or leaves wider: an ARN of a user holds its path, and IAM's `*` also
//! matches `/`. IAM has no condition on groups, so a rule that selects by group alone covers every user.
//!
//! What only the deployment knows is left as a token for Terraform to fill in: `{partition}`, and `{account}` and
//! `{region}` where the manifests don't say. No name in AWS can hold a brace.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use crate::{
    inventory::Account,
    manifest::{self, DeclaredAccount, Manifest, Pattern, PatternIndex, Rule, Source, longest_gap},
    notice::ChannelKind,
    organization::Question,
    roster::may_hold_in,
};

/// The account of the caller, where the manifests declare none.
const CALLER: &str = "caller";

/// The variables of `terraform/environments/*`.
#[derive(Debug, Serialize)]
pub struct Variables {
    /// What `[schedule]` says; Terraform has the defaults.
    pub schedules: Schedules,
    /// `None`: no mail is sent.
    pub mail: Option<Mail>,
    /// `None`: nothing is sent anywhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// By their names in the manifests.
    pub accounts: BTreeMap<String, Access>,
    /// How the accounts of an organisation are found and entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// The names or ARNs of the secrets that hold keyrota's own configuration, in the account and region that it runs in: what
    /// it signs in to GitHub with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own_secrets: Vec<String>,
}

/// The accounts of an organisation: which they are is known when AWS is asked.
#[derive(Debug, Serialize)]
pub struct Organization {
    /// The name of the role in each account, with its path if it has one.
    pub role: String,
    /// The ARN of the role in whichever account: what may be assumed.
    pub role_arn: String,
    /// What the trust policy of the role asks for.
    pub external_id: Option<String>,
    /// The region of the secrets; `None`: that of the caller.
    pub region: Option<String>,
    /// What a run asks of AWS Organizations, and no more: actions of IAM.
    pub actions: Vec<String>,
    /// What the policies of the role in each account must cover, with `{account}` for that account.
    pub access: Access,
}

/// EventBridge expressions, UTC.
#[derive(Debug, Serialize)]
pub struct Schedules {
    #[serde(skip_serializing_if = "Option::is_none")]
    /// When rotations start.
    pub enforce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// When rotations under way are carried on.
    pub tend: Option<String>,
    /// After how many days without a run something is wrong: a day more than `tend` ever leaves between two. Terraform has
    /// that of the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_within_days: Option<i64>,
}

/// The sender. Its SES identity is either of the two, unless another account's is named.
#[derive(Debug, Serialize)]
pub struct Mail {
    /// The address.
    pub address: String,
    /// Its domain.
    pub domain: String,
    /// The ARN of the identity that another account lets this one send for.
    pub from_arn: Option<String>,
    /// The name of the configuration set that mail is sent with.
    pub configuration_set: Option<String>,
    /// Where SES sends; `None`: in the region of the stack.
    pub region: Option<String>,
}

/// What is sent to beside SES, from the account of the function, whichever account it is about.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Channels {
    /// The ARN of the event bus; `None`: no events are sent.
    pub event_bus: Option<String>,
    /// ARNs of topics.
    pub topics: Vec<String>,
    /// The names of the secrets that hold the URLs of webhooks: keyrota's own configuration, which it reads.
    pub webhooks: Vec<String>,
}

/// What the policies of one account must cover.
#[derive(Debug, Default, Serialize)]
pub struct Access {
    /// 12 digits; `None`: the account of the caller.
    pub id: Option<String>,
    /// The ARN of the role to assume there; `None`: the caller's own credentials.
    pub role: Option<String>,
    /// What the trust policy of the role asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The region of its secrets; `None`: that of the caller.
    pub region: Option<String>,
    /// Who may do what to which secret.
    pub grants: Vec<Grant>,
    /// ARNs of users whose keys no rule may touch, because every rule that could select them excepts them.
    pub never: Vec<String>,
    /// ARNs of secrets. The last six characters are chosen by Secrets Manager.
    pub secrets: Vec<String>,
    /// The names of secrets as templates with `{user}`: where users read their own.
    pub templates: Vec<String>,
    /// ARNs of the secrets that are replicated, and the regions they are replicated to.
    pub replicated: Vec<String>,
    /// The regions that get copies.
    pub replica_regions: Vec<String>,
    /// ARNs of the KMS keys that the manifests name, and aliases of such: by name where they are the account's, else by
    /// ARN.
    pub kms_keys: Vec<String>,
    /// The KMS keys that are named by an alias.
    pub kms_aliases: Vec<String>,
    /// ARNs of the parameters of Systems Manager that credentials are delivered to.
    pub parameters: Vec<String>,
    /// ARNs of the secrets of users whose credentials are delivered anywhere: the only ones whose values are read.
    pub delivered: Vec<String>,
}

/// Users that have these tags.
#[derive(Debug, Serialize)]
pub struct Grant {
    /// ARNs, with wildcards.
    pub users: Vec<String>,
    /// Every one of these, with one of the values; empty: whatever their tags.
    pub tags: BTreeMap<String, Vec<String>>,
}

/// The variables, and the rules whose users IAM can't tell apart from all others: they select by group alone.
pub fn terraform(manifest: &Manifest) -> (Variables, Vec<Source>) {
    let mut accounts: BTreeMap<String, Access> = manifest
        .accounts
        .iter()
        .map(|(name, declared)| (name.clone(), access(manifest, Some((name, &as_member(manifest, declared))))))
        .collect();
    // Of an organisation, the account of the caller is one, and is entered by its own credentials.
    if accounts.is_empty() || manifest.organization.is_some() {
        accounts.insert(CALLER.to_owned(), access(manifest, None));
    }
    let expression = |written: &Option<crate::manifest::Sourced<String>>| written.as_ref().map(|at| at.value.clone());
    let tend = expression(&manifest.schedule.tend);
    let run_within_days = tend.as_deref().and_then(run_within_days);
    let schedules = Schedules { enforce: expression(&manifest.schedule.enforce), tend, run_within_days };
    let mail = sender(&manifest.mail);
    let broad = |rule: &&Rule| !rule.groups.is_empty() && rule.users.is_empty() && rule.paths.is_empty();
    let broad = manifest.rules.iter().filter(broad).filter(|rule| rule.tags.is_empty());
    let own_secrets = manifest.deliver.github.secret.clone().filter(|_| manifest.delivers_to_github());
    let (own_secrets, channels) = (own_secrets.into_iter().collect(), channels(manifest));
    let organization = organization(manifest);
    let variables = Variables { schedules, mail, channels, accounts, organization, own_secrets };
    (variables, broad.map(|rule| rule.source.clone()).collect())
}

/// A day more than the longest time between two runs; `None` for a schedule that ends.
fn run_within_days(tend: &str) -> Option<i64> {
    // The same whenever it is exported: any year will do, and this one has a February 29 within reach.
    let from = NaiveDate::from_ymd_opt(2027, 12, 31).and_then(|day| day.and_hms_opt(0, 0, 0))?;
    let gap = longest_gap(tend, DateTime::<Utc>::from_naive_utc_and_offset(from, Utc))?;
    Some((gap + TimeDelta::days(1) - TimeDelta::seconds(1)).num_days() + 1)
}

fn channels(manifest: &Manifest) -> Option<Channels> {
    let bus = |bus: &str| match bus.starts_with("arn:") {
        true => bus.to_owned(),
        false => format!("arn:{{partition}}:events:{{region}}:{{account}}:event-bus/{bus}"),
    };
    let (named, event_bus) = (manifest.channels(), manifest.events.bus().map(bus));
    let of = |kind| named.of(kind).map(|(name, _)| name.to_owned()).collect();
    let is_used = event_bus.is_some() || !named.is_empty();
    is_used.then(|| Channels { event_bus, topics: of(ChannelKind::Sns), webhooks: of(ChannelKind::Slack) })
}

/// `Name <name@example.com>` or `name@example.com`.
fn sender(mail: &manifest::Mail) -> Option<Mail> {
    let from = mail.from.as_deref()?;
    let address = from.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')).map_or(from, |(_, address)| address);
    let (_, domain) = address.rsplit_once('@')?;
    Some(Mail {
        address: address.to_owned(),
        domain: domain.to_owned(),
        from_arn: mail.from_arn.clone(),
        configuration_set: mail.configuration_set.clone(),
        region: mail.region.clone(),
    })
}

fn organization(manifest: &Manifest) -> Option<Organization> {
    let manifest::Organization { role, external_id, region, .. } = manifest.organization.as_ref()?;
    let role_arn = format!("arn:{{partition}}:iam::*:role/{role}");
    let access = Access { role: Some(role_arn.replace('*', "{account}")), ..access(manifest, None) };
    Some(Organization {
        role: role.clone(),
        role_arn,
        external_id: external_id.clone(),
        region: region.clone(),
        actions: Question::of([manifest])?.actions().into_iter().map(str::to_owned).collect(),
        access,
    })
}

/// A declared account as it is entered: what it does not say itself, the organisation says.
fn as_member(manifest: &Manifest, declared: &DeclaredAccount) -> DeclaredAccount {
    let Some(organization) = &manifest.organization else { return declared.clone() };
    let external_id = match declared.role {
        Some(_) => declared.external_id.clone(),
        None => declared.external_id.clone().or_else(|| organization.external_id.clone()),
    };
    DeclaredAccount {
        role: declared.role.clone().or_else(|| Some(organization.role.clone())),
        region: declared.region.clone().or_else(|| organization.region.clone()),
        external_id,
        ..declared.clone()
    }
}

fn access(manifest: &Manifest, declared: Option<(&String, &DeclaredAccount)>) -> Access {
    let id = declared.map_or("{account}", |(_, account)| &account.id);
    let found = manifest.organization.as_ref().and_then(|organization| organization.region.clone());
    let region = declared.map_or(found, |(_, account)| account.region.clone());
    let region_text = region.as_deref().unwrap_or("{region}");
    let account = |name: &String, id: &str| Account {
        id: id.to_owned(),
        name: Some(name.clone()),
        partition: "{partition}".to_owned(),
        region: region_text.to_owned(),
        membership: None,
    };
    // Whose account the caller's is, and which an organisation has, the manifests don't say: every rule may hold there, but for
    // one that names accounts which have a role of their own.
    let is_of_others = |rule: &Rule| {
        let has_role = |pattern: &Pattern| {
            let named =
                |(name, account): (&String, &DeclaredAccount)| pattern.matches(name) || pattern.matches(&account.id);
            pattern.is_exact() && manifest.accounts.iter().any(|one| named(one) && one.1.role.is_some())
        };
        manifest.organization.is_some() && !rule.accounts.is_empty() && rule.accounts.iter().all(has_role)
    };
    let holds = |rule: &&Rule| match declared {
        Some((name, declared)) => may_hold_in(rule, &account(name, &declared.id)),
        None => !is_of_others(rule),
    };
    let rules: Vec<&Rule> = manifest.rules.iter().filter(holds).collect();

    let mut secrets = BTreeSet::new();
    let mut replicated = BTreeSet::new();
    let mut replica_regions = BTreeSet::new();
    let mut templates = BTreeSet::new();
    let (mut parameters, mut delivered) = (BTreeSet::new(), BTreeSet::new());
    let (mut kms_keys, mut kms_aliases) = (BTreeSet::new(), BTreeSet::new());
    for rule in &rules {
        let policy = &rule.policy;
        let names = secret_names(rule);
        if !policy.replicate_to.value.is_empty() {
            replicated.extend(names.iter().cloned());
            replica_regions.extend(policy.replicate_to.value.iter().cloned());
        }
        if !policy.deliver.value.is_empty() {
            delivered.extend(names.iter().cloned());
        }
        parameters.extend(parameter_names(rule));
        secrets.extend(names);
        if policy.secret.value.contains("{user}") {
            templates.insert(policy.secret.value.clone());
        }
        let regions = || std::iter::once(region_text).chain(policy.replicate_to.value.iter().map(String::as_str));
        match policy.kms_key.value.as_deref() {
            None => {}
            Some(arn) if arn.starts_with("arn:") && arn.contains(":key/") => {
                kms_keys.insert(arn.to_owned());
            }
            // IAM knows an alias only as a property of its key.
            Some(alias) if alias.contains("alias/") => {
                let own = alias.split_once(&format!(":kms:{region_text}:{id}:"));
                kms_aliases.insert(own.map_or(alias, |(_, name)| name).to_owned());
            }
            Some(key) => {
                kms_keys.extend(regions().map(|region| format!("arn:{{partition}}:kms:{region}:{id}:key/{key}")));
            }
        }
    }
    let secret_arns = |names: BTreeSet<String>| -> Vec<String> {
        let arn = |name| format!("arn:{{partition}}:secretsmanager:{region_text}:{id}:secret:{name}-??????");
        prune(names).into_iter().map(arn).collect()
    };
    // A name with levels begins with `/`, which stands in the ARN already.
    let parameter_arn = |name: String| {
        let name = name.trim_start_matches('/');
        format!("arn:{{partition}}:ssm:{region_text}:{id}:parameter/{name}")
    };
    Access {
        id: declared.map(|(_, account)| account.id.clone()),
        role: declared.and_then(|(_, account)| account.role.as_deref()).map(|role| match role.starts_with("arn:") {
            true => role.to_owned(),
            false => format!("arn:{{partition}}:iam::{id}:role/{role}"),
        }),
        external_id: declared.and_then(|(_, account)| account.external_id.clone()),
        region: region.clone(),
        grants: grants(&rules, id),
        never: never(&rules, id),
        secrets: secret_arns(secrets),
        templates: templates.into_iter().collect(),
        replicated: secret_arns(replicated),
        replica_regions: replica_regions.into_iter().collect(),
        kms_keys: kms_keys.into_iter().collect(),
        kms_aliases: kms_aliases.into_iter().collect(),
        parameters: prune(parameters).into_iter().map(parameter_arn).collect(),
        delivered: secret_arns(delivered),
    }
}

/// The users of all rules, those without conditions on tags first.
fn grants(rules: &[&Rule], id: &str) -> Vec<Grant> {
    let mut users: BTreeMap<BTreeMap<String, Vec<String>>, BTreeSet<String>> = BTreeMap::new();
    for rule in rules {
        let values = |patterns: &[Pattern]| {
            let values: BTreeSet<_> = patterns.iter().map(|pattern| pattern.text.clone()).collect();
            values.into_iter().collect()
        };
        let tags = rule.tags.iter().map(|(key, patterns)| (key.clone(), values(patterns))).collect();
        users.entry(tags).or_default().extend(user_arns(&any_if_empty(&rule.users), &rule.paths, id));
    }
    let unconditional = Wider::of(&users.get(&BTreeMap::new()).cloned().unwrap_or_default());
    let mut grants = Vec::new();
    for (tags, mut users) in users {
        if !tags.is_empty() {
            users.retain(|arn| unconditional.covering(arn).next().is_none());
        }
        if !users.is_empty() {
            grants.push(Grant { users: prune(users), tags });
        }
    }
    grants
}

/// What rules except and no rule can select: a denial costs nothing, and outlives every mistake in the code.
fn never(rules: &[&Rule], id: &str) -> Vec<String> {
    let mut arns = BTreeSet::new();
    for except in rules.iter().flat_map(|rule| &rule.except) {
        let cannot = |rule: &&Rule| {
            // Of two globs it is not known whether a name could match both.
            let names_others = |user: &Pattern| match except.is_exact() {
                true => !user.matches(&except.text),
                false => user.is_exact() && !except.matches(&user.text),
            };
            let excepts = rule.except.is_written(&except.text);
            excepts || (!rule.users.is_empty() && rule.users.iter().all(names_others))
        };
        if rules.iter().all(cannot) {
            arns.extend(user_arns(&[&except.text], &[], id));
        }
    }
    prune(arns)
}

fn any_if_empty(patterns: &[Pattern]) -> Vec<&str> {
    match patterns.is_empty() {
        true => vec!["*"],
        false => patterns.iter().map(|pattern| pattern.text.as_str()).collect(),
    }
}

/// Users of these names below these paths; empty paths: anywhere.
fn user_arns(names: &[&str], paths: &[Pattern], id: &str) -> BTreeSet<String> {
    let paths: BTreeSet<String> = any_if_empty(paths).into_iter().flat_map(folders).collect();
    let arn = |(path, name): (&String, &&str)| format!("arn:{{partition}}:iam::{id}:user{path}{name}");
    paths.iter().flat_map(|path| names.iter().map(move |name| (path, name))).map(arn).collect()
}

/// A pattern of paths as patterns that start and end with `/`, as paths do: `/ci/*` is `/ci/` and `/ci/*/`. Without
/// the second slash, `/ci/*` and the name `svc-*` would make `/ci/*svc-*`, which is wider.
fn folders(path: &str) -> Vec<String> {
    let starts = match (path.strip_prefix('*'), path.strip_prefix('?')) {
        (Some(rest), _) if rest.starts_with('/') => vec![rest.to_owned(), format!("/*{rest}")],
        (Some(rest), _) => vec!["/".to_owned() + rest, format!("/*{rest}")],
        (None, Some(rest)) => vec!["/".to_owned() + rest],
        (None, None) => vec![path.to_owned()],
    };
    let ends = |path: String| match (path.strip_suffix('*'), path.strip_suffix('?')) {
        (Some(rest), _) if rest.ends_with('/') => vec![rest.to_owned(), format!("{rest}*/")],
        (Some(rest), _) => vec![format!("{rest}*/")],
        (None, Some(rest)) => vec![format!("{rest}/")],
        (None, None) => vec![path],
    };
    starts.into_iter().flat_map(ends).collect()
}

/// The names of a rule's secrets: its template filled in as the roster does, with patterns for names.
fn secret_names(rule: &Rule) -> BTreeSet<String> {
    let fill = |user: &str| rule.policy.secret.value.replace("{user}", user).replace(',', "_");
    any_if_empty(&rule.users).into_iter().map(fill).collect()
}

/// The names of the parameters that a rule's users deliver to, with patterns for names.
fn parameter_names(rule: &Rule) -> BTreeSet<String> {
    let users = any_if_empty(&rule.users);
    let places = &rule.policy.deliver.value;
    places.iter().flat_map(|place| users.iter().filter_map(|user| place.parameter(user))).collect()
}

/// Without those that another covers.
fn prune(patterns: BTreeSet<String>) -> Vec<String> {
    let wider = Wider::of(&patterns);
    let covered = |one: &String| wider.covering(one).any(|other| other != one);
    patterns.iter().filter(|one| !covered(one)).cloned().collect()
}

/// Patterns of which it is asked what they cover.
struct Wider {
    patterns: Vec<Pattern>,
    index: PatternIndex<usize>,
}

impl Wider {
    fn of(patterns: &BTreeSet<String>) -> Self {
        let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::case_sensitive(text)).collect();
        let index = patterns.iter().enumerate().map(|(at, pattern)| (pattern, at)).collect();
        Self { patterns, index }
    }

    /// Those that cover a pattern, itself among them.
    fn covering(&self, narrower: &str) -> impl Iterator<Item = &str> {
        let candidates = self.index.candidates(narrower).into_iter().map(|at| &self.patterns[at]);
        candidates.filter(move |wider| covers(wider, narrower)).map(|wider| wider.text.as_str())
    }
}

/// Whether everything that the narrower pattern matches is matched by the wider one. May say no where it is so.
fn covers(wider: &Pattern, narrower: &str) -> bool {
    // A `*` can stand for the other's wildcards, a `?` can't.
    wider.text == narrower || (!wider.text.contains('?') && wider.matches(narrower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_and_end_with_a_slash() {
        let cases: [(&str, &[&str]); 9] = [
            ("*", &["/", "/*/"]),
            ("/", &["/"]),
            ("/ci/", &["/ci/"]),
            ("/ci/*", &["/ci/", "/ci/*/"]),
            ("/ci*", &["/ci*/"]),
            ("/ci?", &["/ci/"]),
            ("*/ci/", &["/ci/", "/*/ci/"]),
            ("*ci/", &["/ci/", "/*ci/"]),
            ("/*/ci/", &["/*/ci/"]),
        ];
        for (path, expected) in cases {
            let folders: BTreeSet<_> = folders(path).into_iter().collect();
            assert_eq!(folders, expected.iter().map(|&text| text.to_owned()).collect(), "{path}");
        }
    }

    #[test]
    fn a_pattern_covers_only_what_it_matches_whatever_the_wildcards_stand_for() {
        assert!(covers(&Pattern::case_sensitive("user/ci-*"), "user/ci-a*"));
        assert!(covers(&Pattern::case_sensitive("user/*"), "user/*/*"));
        assert!(!covers(&Pattern::case_sensitive("user/ci-?"), "user/ci-*"));
        assert!(!covers(&Pattern::case_sensitive("user/ci-a"), "user/ci-*"));
    }

    #[test]
    fn silence_is_too_long_a_day_after_the_next_run() {
        for (tend, days) in [
            ("cron(0 8 * * ? *)", Some(2)),
            ("cron(0 8 ? * MON-FRI *)", Some(4)),
            ("cron(0 * * * ? *)", Some(2)),
            ("cron(0 8 ? * MON *)", Some(8)),
            ("rate(1 hour)", Some(2)),
            ("rate(1 day)", Some(2)),
            ("rate(36 hours)", Some(3)),
            ("cron(0 8 1 1 ? 2020)", None),
        ] {
            assert_eq!(run_within_days(tend), days, "{tend}");
        }
    }

    #[test]
    fn the_sender_is_the_bare_address() {
        let from = Some("Security <security@mail.example.com>".to_owned());
        let mail = sender(&manifest::Mail { from, ..manifest::Mail::default() }).expect("an address");
        assert_eq!((mail.address.as_str(), mail.domain.as_str()), ("security@mail.example.com", "mail.example.com"));
    }
}
