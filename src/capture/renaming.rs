//! Which name takes the place of which: the same everywhere, and in the same order where order tells something.

use std::collections::BTreeMap;

use crate::{
    cloud::sandbox::World,
    inventory::{KeyId, Rename},
    manifest::{
        UnitName,
        recipients::{addresses_in, is_bare_address},
    },
    notice::{ChannelKind, USER_NAME},
};

/// Where credentials go by default: that says nothing of anybody.
const DEFAULT_TEMPLATE: &str = "/aws/iam/credentials/{user}";
/// What stands for the account itself.
const OWN_ACCOUNT: &str = "111122223333";

/// Whose keys of conditions AWS has named.
const AWS_KEYS: [&str; 8] = ["aws", "ec2", "iam", "kms", "lambda", "s3", "secretsmanager", "sts"];

/// The names so far.
pub(super) struct Names {
    users: BTreeMap<String, String>,
    keys: BTreeMap<KeyId, KeyId>,
    /// Names of secrets that a template gives a user.
    secrets: BTreeMap<String, String>,
    templates: BTreeMap<String, String>,
    own_account: String,
    /// Everything else, by its kind and its old name.
    others: BTreeMap<(&'static str, String), usize>,
    counts: BTreeMap<&'static str, usize>,
}

impl Names {
    /// Users and keys are numbered in the order of their names. `templates` are those of secrets' names.
    pub fn new<'a>(own_account: &str, world: &World, templates: impl Iterator<Item = &'a str>) -> Self {
        let mut names = Self {
            users: BTreeMap::new(),
            keys: BTreeMap::new(),
            secrets: BTreeMap::new(),
            templates: BTreeMap::from([(DEFAULT_TEMPLATE.to_owned(), DEFAULT_TEMPLATE.to_owned())]),
            own_account: own_account.to_owned(),
            others: BTreeMap::new(),
            counts: BTreeMap::new(),
        };
        // Whose secrets would have one name, whose still do.
        let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut sorted: Vec<&str> = world.users.iter().map(|user| user.name.as_str()).collect();
        sorted.sort_unstable();
        sorted.iter().for_each(|name| alike.entry(name.replace(',', "_")).or_default().push(name));
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &sorted {
            let next = numbers.len() + 1;
            alike[&name.replace(',', "_")].iter().for_each(|one| {
                numbers.entry(one).or_insert(next);
            });
        }
        for name in sorted {
            let group = &alike[&name.replace(',', "_")];
            let position = group.iter().position(|one| *one == name).unwrap_or_default();
            let marks = 0..group.len().ilog2() + u32::from(!group.len().is_power_of_two());
            let marks: String = marks.map(|bit| if position >> bit & 1 == 1 { ',' } else { '_' }).collect();
            let domain = if is_bare_address(name) { "@example.com" } else { "" };
            names.users.insert(name.to_ascii_lowercase(), format!("user-{:04}{marks}{domain}", numbers[name]));
        }
        let mut keys: Vec<&KeyId> = world.users.iter().flat_map(|user| &user.keys).map(|key| &key.id).collect();
        keys.sort_unstable();
        keys.into_iter().for_each(|key| {
            names.key(key);
        });
        let mut all: Vec<&str> = templates.collect();
        all.push(DEFAULT_TEMPLATE);
        all.sort_unstable();
        all.dedup();
        for template in all {
            let other = names.template(template);
            for user in &world.users {
                let filled = |template: &str, user: &str| template.replace("{user}", user).replace(',', "_");
                let new = filled(&other, &names.users[&user.name.to_ascii_lowercase()]);
                names.secrets.insert(filled(template, &user.name), new);
            }
        }
        names
    }

    pub fn user(&mut self, name: &str) -> String {
        match self.users.get(&name.to_ascii_lowercase()) {
            Some(other) => other.clone(),
            None => self.other("gone", &name.to_ascii_lowercase()),
        }
    }

    pub fn key(&mut self, key: &KeyId) -> KeyId {
        let next = self.keys.len() + 1;
        self.keys.entry(key.clone()).or_insert_with(|| KeyId::new(format!("AKIA{next:016}"))).clone()
    }

    pub fn account(&mut self, id: &str) -> String {
        if id == self.own_account {
            return OWN_ACCOUNT.to_owned();
        }
        format!("22223333{:04}", self.number("account id", id) % 10_000)
    }

    /// Something of a kind, by a number.
    pub fn other(&mut self, kind: &'static str, name: &str) -> String {
        format!("{kind}-{}", self.number(kind, name))
    }

    /// An account's name, in manifests or its organisation: those compare without case.
    pub fn account_name(&mut self, name: &str) -> String {
        self.other("account", &name.to_lowercase())
    }

    /// A unit by path or id. Nobody has named the root, and how ids look is AWS's.
    pub fn unit(&mut self, unit: &str) -> String {
        if unit == "Root" {
            return unit.to_owned();
        }
        let name = UnitName::new(unit);
        match unit.split('-').next() {
            Some("r") if name.is_id() => format!("r-anon{}", self.number("root", unit)),
            Some("ou") if name.is_id() => format!("ou-anon-{:08}", self.number("unit id", unit)),
            _ => unit.split('/').map(|part| self.other("unit", part)).collect::<Vec<_>>().join("/"),
        }
    }

    /// The key of an account's tag, which compares with case.
    pub fn account_tag(&mut self, key: &str) -> String {
        self.other("account-tag", key)
    }

    /// Its value.
    pub fn account_tag_value(&mut self, value: &str) -> String {
        if value.is_empty() { String::new() } else { self.other("account-value", value) }
    }

    pub fn version(&mut self, id: &str) -> String {
        format!("anonymous-version-{:016}", self.number("version", id))
    }

    pub fn path(&mut self, path: &str) -> String {
        let parts: Vec<String> = path
            .split('/')
            .map(|part| if part.is_empty() { String::new() } else { self.other("path", part) })
            .collect();
        parts.join("/")
    }

    /// The key of a tag; IAM compares them without case.
    pub fn tag(&mut self, key: &str) -> String {
        self.other("tag", &key.to_ascii_lowercase())
    }

    /// What holds addresses goes on holding as many.
    pub fn tag_value(&mut self, value: &str) -> String {
        let addresses = addresses_in(value);
        if value.is_empty() {
            String::new()
        } else if addresses.is_empty() {
            self.other("value", value)
        } else {
            addresses.into_iter().map(|address| self.address(address)).collect::<Vec<_>>().join(" ")
        }
    }

    /// The bare address, whatever name stands before it.
    pub fn address(&mut self, written: &str) -> String {
        let bracketed = written.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
        let bare = bracketed.unwrap_or(written).trim().to_ascii_lowercase();
        match self.users.get(&bare) {
            // A user that is called by its address.
            Some(user) if is_bare_address(user) => user.clone(),
            _ => format!("{}@example.com", self.other("person", &bare)),
        }
    }

    pub fn recipient(&mut self, written: &str) -> String {
        let is_channel = |kind: &str| kind.parse::<ChannelKind>().is_ok();
        match written.split_once(':') {
            _ if written == USER_NAME => USER_NAME.to_owned(),
            Some(("tag", key)) => format!("tag:{}", self.tag(key)),
            Some((kind, arn)) if is_channel(kind) && arn.starts_with("arn:") => {
                format!("{kind}:{}", self.arn_of(arn, "topic"))
            }
            Some((kind, name)) if is_channel(kind) => format!("{kind}:{}", self.other("webhook", name)),
            _ => self.address(written),
        }
    }

    /// By name or ARN. The default bus is everybody's.
    pub fn event_bus(&mut self, bus: &str) -> String {
        match bus {
            "default" => bus.to_owned(),
            arn if arn.starts_with("arn:") => self.arn_of(arn, "event-bus"),
            name => self.other("bus", name),
        }
    }

    /// An ARN whose last part is a name, alone or behind its kind.
    fn arn_of(&mut self, arn: &str, kind: &'static str) -> String {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts[..] else { return self.other("value", arn) };
        let name = match resource.split_once('/') {
            Some((kind_written, "default")) => format!("{kind_written}/default"),
            Some((kind_written, name)) => format!("{kind_written}/{}", self.other(kind, name)),
            None => self.other(kind, resource),
        };
        format!("{arn}:{partition}:{service}:{region}:{}:{name}", self.account(account))
    }

    /// `arn:aws:ses:REGION:ACCOUNT:identity/NAME`
    pub fn identity(&mut self, arn: &str) -> String {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [arn, partition, service, region, account, _] = parts[..] else { return self.other("value", arn) };
        format!("{arn}:{partition}:{service}:{region}:{}:identity/example.com", self.account(account))
    }

    /// The template of secrets' names.
    pub fn template(&mut self, template: &str) -> String {
        if let Some(known) = self.templates.get(template) {
            return known.clone();
        }
        let number = self.templates.len();
        let other = match template.contains("{user}") {
            true => format!("secret-{number}/{{user}}"),
            false => format!("secret-{number}"),
        };
        self.templates.insert(template.to_owned(), other.clone());
        other
    }

    /// A place of delivery, of the same kind; `{user}` stays where it stands.
    pub fn place(&mut self, place: &str) -> String {
        let mut part = |kind: &'static str, text: &str| match text.contains("{user}") {
            true => format!("{}-{{user}}", self.other(kind, text)),
            false => self.other(kind, text),
        };
        match place.split_once(':') {
            Some(("ssm", name)) => format!("ssm:/{}", part("parameter", name)),
            Some((scheme, rest)) => {
                let (path, environment) = rest.split_once(':').map_or((rest, None), |(path, it)| (path, Some(it)));
                let (owner, name) = path.split_once('/').map_or((path, None), |(owner, name)| (owner, Some(name)));
                let owner = part("owner", owner);
                let name = name.map_or_else(String::new, |name| format!("/{}", part("repository", name)));
                let environment = environment.map_or_else(String::new, |it| format!(":{}", part("environment", it)));
                format!("{scheme}:{owner}{name}{environment}")
            }
            None => self.other("value", place),
        }
    }

    /// The name of a secret of GitHub; keyrota's own stay.
    pub fn github_name(&mut self, name: &str) -> String {
        if name.starts_with("AWS_") && !name.contains("{user}") {
            return name.to_owned();
        }
        let number = self.number("name of GitHub's", name);
        if name.contains("{user}") { format!("{{user}}_NAME_{number}") } else { format!("NAME_{number}") }
    }

    pub fn secret(&mut self, name: &str) -> String {
        match self.secrets.get(name) {
            Some(other) => other.clone(),
            None => self.other("other-secret", name),
        }
    }

    /// By id, ARN or alias. What AWS calls its own is nobody's.
    pub fn kms_key(&mut self, key: &str) -> String {
        let parts: Vec<&str> = key.splitn(6, ':').collect();
        match parts[..] {
            ["arn", partition, service, region, account, resource] => {
                let account = self.account(account);
                let resource = match resource.strip_prefix("key/") {
                    Some(id) => format!("key/{}", self.kms_key(id)),
                    None => self.kms_key(resource),
                };
                format!("arn:{partition}:{service}:{region}:{account}:{resource}")
            }
            _ if key.starts_with("alias/aws/") => key.to_owned(),
            _ if key.starts_with("alias/") => format!("alias/{}", self.other("key", key)),
            _ if key.starts_with("mrk-") => format!("mrk-{:032x}", self.number("key id", key)),
            _ => format!("00000000-0000-0000-0000-{:012x}", self.number("key id", key)),
        }
    }

    /// Whom a policy names: everyone and AWS's services stay, accounts and ARNs get other names, the rest numbers.
    pub fn principal(&mut self, text: &str) -> String {
        if text == "*" || text.ends_with(".amazonaws.com") {
            return text.to_owned();
        }
        if crate::names::is_account_id(text) {
            return self.account(text);
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts[..] {
            ["arn", partition, service, region, account, resource] => {
                let account = if crate::names::is_account_id(account) { self.account(account) } else { "*".to_owned() };
                let resource = if resource == "root" { resource.to_owned() } else { self.other("resource", resource) };
                format!("arn:{partition}:{service}:{region}:{account}:{resource}")
            }
            _ => self.other("value", text),
        }
    }

    /// The key of a condition: AWS's own stay, with another tag behind the slash where there is one.
    pub fn condition_key(&mut self, key: &str) -> String {
        let (own, tag) = key.split_once('/').map_or((key, None), |(own, tag)| (own, Some(tag)));
        let is_aws =
            |service: &&str| own.to_ascii_lowercase().strip_prefix(*service).is_some_and(|it| it.starts_with(':'));
        let own = match AWS_KEYS.iter().any(is_aws) {
            true => own.to_owned(),
            // Such as `login.example.com:sub`.
            false => self.other("condition", &own.to_ascii_lowercase()),
        };
        match tag {
            Some(tag) => format!("{own}/{}", self.tag(tag)),
            None => own,
        }
    }

    fn number(&mut self, kind: &'static str, name: &str) -> usize {
        let count = self.counts.entry(kind).or_default();
        *self.others.entry((kind, name.to_owned())).or_insert_with(|| {
            *count += 1;
            *count
        })
    }
}

impl Rename for Names {
    fn user(&mut self, name: &str) -> String {
        // Tags write `_` where names have a comma.
        let lower = name.to_ascii_lowercase();
        let known = self.users.iter().find(|(own, _)| **own == lower || own.replace(',', "_") == lower);
        match known {
            Some((_, other)) => other.clone(),
            None => self.other("gone", &lower),
        }
    }

    fn arn(&mut self, arn: &str) -> String {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts[..] else { return self.other("value", arn) };
        let account = self.account(account);
        let (path, name) = resource.rsplit_once('/').unwrap_or(("user", resource));
        let path = self.path(&format!("{}/", path.strip_prefix("user").unwrap_or_default()));
        format!("{arn}:{partition}:{service}:{region}:{account}:user{path}{}", Rename::user(self, name))
    }

    fn key(&mut self, key: &KeyId) -> KeyId {
        Names::key(self, key)
    }

    fn kms_key(&mut self, key: &str) -> String {
        Names::kms_key(self, key)
    }
}
