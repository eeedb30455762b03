//! The files: what is shared, and one for each team.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write as _,
};

use chrono::{DateTime, Utc};

use super::{
    address::Place,
    remark::{Remark, RemarkKind, remarks},
    teams::{By, Selector, Team, teams},
};
use crate::{
    cloud::sandbox::{IamUser, World},
    counted::counted,
    inventory::{Account, KeyId},
    manifest,
    untrusted::printable,
};

/// The name of the file that all rules build upon.
const SHARED: &str = "keyrota.toml";
/// What editors look up.
const SCHEMA: &str = "keyrota.schema.json";
/// Comes first in each manifest.
const SCHEMA_LINE: &str = "#:schema ./keyrota.schema.json\n";

/// What `keyrota init` would write, and what it says of it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What users were grouped by.
    pub by: By,
    /// In the folder of the manifests.
    pub files: Vec<DraftFile>,
    /// Of users with an active key, by user.
    pub remarks: Vec<Remark>,
    /// What the account does not tell, and a person must decide.
    pub undecided: Vec<Undecided>,
    /// How many users have an active key.
    pub active: usize,
    /// How many have none.
    pub others: usize,
}

/// One file.
#[derive(Clone, Debug)]
pub struct DraftFile {
    /// Its path in the folder of manifests.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// What it selects, in words; `None` where it selects nobody.
    pub selects: Option<String>,
    /// The users with an active key that it selects.
    pub users: Vec<String>,
}

/// Something that a person must decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// What could not be decided.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// Writes manifests that cover every user with an active key once.
///
/// # Errors
/// `by` splits nobody.
pub fn draft(account: &Account, world: &World, by: Option<By>, now: DateTime<Utc>) -> Result<Draft, String> {
    let mut users: Vec<&IamUser> = world.users.iter().collect();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    let apart = apart(&users);
    let active: Vec<&IamUser> =
        users.iter().copied().filter(|user| user.keys.iter().any(|key| key.is_active())).collect();
    let places = Place::all(&active);
    let (by, teams) = teams(&active, by)?;
    let versions = world.secrets.iter().flat_map(|secret| &secret.versions);
    let stored: HashSet<KeyId> = versions.filter_map(|version| KeyId::of_version(&version.id)).collect();
    let mut all_remarks: Vec<Remark> = active.iter().flat_map(|user| remarks(user, &places, &stored, now)).collect();
    all_remarks.extend(active.iter().filter_map(|user| {
        let secret = apart.get(user.name.as_str())?;
        let text = format!("its secret is called {secret}, for another user's has the name that it would have");
        Some(Remark { kind: RemarkKind::SharedSecret, user: user.name.clone(), text })
    }));
    let with_address = active.iter().filter(|user| places.iter().any(|place| place.has_address(user))).count();
    let mut files = vec![
        DraftFile {
            name: SHARED.to_owned(),
            text: shared(account, &places, with_address, active.len()),
            selects: None,
            users: Vec::new(),
        },
        DraftFile {
            name: SCHEMA.to_owned(),
            text: format!("{:#}\n", manifest::json_schema()),
            selects: None,
            users: Vec::new(),
        },
    ];
    let mut names = BTreeSet::from(["keyrota".to_owned()]);
    for team in &teams {
        files.push(DraftFile {
            name: format!("{}.toml", file_name(&team.name, &mut names)),
            text: rules(team, &all_remarks, &apart),
            selects: Some(words(team)),
            users: team.users.iter().map(|user| user.name.clone()).collect(),
        });
    }
    Ok(Draft {
        undecided: undecided(&places),
        by,
        files,
        remarks: all_remarks,
        others: users.len() - active.len(),
        active: active.len(),
    })
}

/// Names of users may differ where names of secrets can't (`a,b` and `a_b`): all but the first of them get a secret below
/// a number, for names of users hold no `/`.
fn apart(users: &[&IamUser]) -> BTreeMap<String, String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut apart = BTreeMap::new();
    // The one whose name stays as it is comes first.
    let mut by_comma: Vec<&&IamUser> = users.iter().collect();
    by_comma.sort_by_key(|user| (user.name.contains(','), &user.name));
    for user in by_comma {
        let count = seen.entry(user.name.replace(',', "_")).or_default();
        *count += 1;
        if *count > 1 {
            apart.insert(user.name.clone(), format!("/aws/iam/credentials/{count}/{{user}}"));
        }
    }
    apart
}

fn shared(account: &Account, places: &[Place], with_address: usize, active: usize) -> String {
    let Account { id, partition: _, region, .. } = account;
    let notify: Vec<String> = match places {
        [] => vec!["tag:email".to_owned()],
        places => places.iter().map(Place::written).collect(),
    };
    let found = match places {
        [_, ..] if with_address == 1 => {
            format!("1 of {} with an active key has an address there", counted(active, "user"))
        }
        [_, ..] => format!("{with_address} of {active} users with an active key have an address there"),
        [] => "no user with an active key has an address: tag them, or name people here".to_owned(),
    };
    let mut text = SCHEMA_LINE.to_owned();
    let _ = write!(
        text,
        "# What all manifests share. `keyrota init` wrote this from account {id} in {region}: change what does not fit.\n\
         version = 1\n\n\
         [defaults]\n\
         max-age = \"90d\"\n\
         # {found}.\n\
         notify = {}\n\n\
         [mail]\n\
         # TO DECIDE: an address or domain that is verified in SES. Until mail leaves, no replaced key is deactivated.\n\
         from = \"Security <security@example.com>\"\n\
         # TO DECIDE: who is told where a user has no address. Without it nothing is done to such users.\n\
         # fallback = [\"security@example.com\"]\n\
         # One summary of each run that did or blocked something.\n\
         # digest = [\"security@example.com\"]\n\n\
         {PACE}\
         # A run that would do more than this changes nothing. It is a brake for manifests that say what nobody meant.\n\
         # [limits]\n\
         # max-actions = 100\n\n\
         # In UTC: minute, hour, day of month, month, day of week, year.\n\
         [schedule]\n\
         enforce = \"cron(0 8 1 * ? *)\"\n\
         tend = \"cron(0 8 * * ? *)\"\n",
        toml::Value::from(notify),
    );
    text
}

/// The first run of a whole account is small, and those that follow take the next ones.
const PACE: &str =
    "[pace]\nmax-rotations = 25                      # begun in one run; the oldest keys first. 0: no bound\n\n";

fn undecided(places: &[Place]) -> Vec<Undecided> {
    let mut undecided = vec![Undecided {
        what: "who mail comes from".to_owned(),
        remedy: "`[mail] from` is an example: put in what is verified in SES, or nobody is told".to_owned(),
    }];
    if places.is_empty() {
        undecided.push(Undecided {
            what: "who is told".to_owned(),
            remedy: "no user with an active key has an address in a tag: set `notify`, or `[mail] fallback`".to_owned(),
        });
    }
    undecided
}

fn words(Team { selector, users, .. }: &Team<'_>) -> String {
    match selector {
        Selector::Tag { key, value } => format!("users with the tag {} = {}", printable(key), string(value)),
        Selector::Path { path, below: true } => format!("users below the path {path}"),
        Selector::Path { path, below: false } => format!("users at the path {path}"),
        Selector::Everyone => "every user".to_owned(),
        Selector::Names if users.len() == 1 => "one user, by its name".to_owned(),
        Selector::Names => "users by their names, which nothing groups".to_owned(),
    }
}

/// The rule of a team, and one for each user whose secret can't have its usual name.
fn rules(team: &Team<'_>, remarks: &[Remark], apart: &BTreeMap<String, String>) -> String {
    let mut by_user: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    remarks.iter().for_each(|remark| by_user.entry(&remark.user).or_default().push(&remark.text));
    let of = |user: &IamUser| by_user.get(user.name.as_str()).into_iter().flatten();
    let mut text = SCHEMA_LINE.to_owned();
    let mut sentence = words(team);
    sentence[..1].make_ascii_uppercase();
    let count = match team.users.len() {
        1 => "1 has an active key".to_owned(),
        count => format!("{count} have an active key"),
    };
    let _ = write!(text, "# {sentence}; {count}.\nversion = 1\n\n");
    let own: Vec<&&IamUser> = team.users.iter().filter(|user| apart.contains_key(&user.name)).collect();
    let others: Vec<&&IamUser> = team.users.iter().filter(|user| !apart.contains_key(&user.name)).collect();
    let selects_by_name = team.selector == Selector::Names;
    if !selects_by_name && others.iter().any(|user| of(user).next().is_some()) {
        text += "# To look at before the first rotation:\n";
        for user in &others {
            for remark in of(user) {
                let _ = writeln!(text, "#   {}: {remark}", user.name);
            }
        }
    }
    if !others.is_empty() {
        text += "[[rotate]]\n";
        match &team.selector {
            Selector::Tag { key, value } => {
                let _ = writeln!(text, "tags = {{ {} = {} }}", bare(key), string(value));
            }
            Selector::Path { path, below } => {
                let _ = writeln!(text, "path = {}", string(&if *below { format!("{path}*") } else { path.clone() }));
            }
            Selector::Everyone => text += "users = [\"*\"]\n",
            Selector::Names => {
                text += "users = [\n";
                for user in &others {
                    of(user).for_each(|remark| {
                        let _ = writeln!(text, "    # {}: {remark}", user.name);
                    });
                    let _ = writeln!(text, "    {},", string(&user.name));
                }
                text += "]\n";
            }
        }
        // Each user has one rule.
        if !selects_by_name && !own.is_empty() {
            let names: Vec<&str> = own.iter().map(|user| user.name.as_str()).collect();
            let _ = writeln!(text, "except = {}", toml::Value::from(names));
        }
    }
    for user in own {
        text += "\n";
        of(user).for_each(|remark| {
            let _ = writeln!(text, "# {}: {remark}", user.name);
        });
        let secret = &apart[&user.name];
        let _ = writeln!(text, "[[rotate]]\nusers = [{}]\nsecret = {}", string(&user.name), string(secret));
    }
    text
}

fn string(text: &str) -> toml::Value {
    toml::Value::from(text)
}

/// A key of TOML.
fn bare(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if is_bare { key.to_owned() } else { string(key).to_string() }
}

/// What a file may be called everywhere, once.
fn file_name(team: &str, taken: &mut BTreeSet<String>) -> String {
    const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
    let words = team.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    name.truncate(50);
    let is_device =
        DEVICES.contains(&&*name) || (name.len() == 4 && (name.starts_with("com") || name.starts_with("lpt")));
    if name.is_empty() || is_device {
        name = format!("team-{name}").trim_end_matches('-').to_owned();
    }
    let numbered = (1..).map(|number| if number == 1 { name.clone() } else { format!("{name}-{number}") });
    let free = numbered.into_iter().find(|name| !taken.contains(name)).expect("numbers do not end");
    taken.insert(free.clone());
    free
}
