//! Where the addresses of owners are: in a tag, or in the users' names.

use std::collections::BTreeMap;

use crate::{
    cloud::sandbox::IamUser,
    manifest::recipients::{addresses_in, is_bare_address},
    notice::USER_NAME,
};

/// Tags that are taken first where several hold as many addresses.
const FIRST: [&str; 6] = ["email", "mail", "e-mail", "owner-email", "contact", "owner"];

/// Where to look for a user's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the tag of this name.
    Tag(String),
    /// The user is called by it.
    UserName,
}

impl Place {
    /// Where to look, so that as many users as possible have an address: where most have one, and then in the tags of usual
    /// names where those have one who have none there. No tag is added that is on somebody who has an address already: all who
    /// have it would be told as well.
    pub fn all(users: &[&IamUser]) -> Vec<Self> {
        let mut places: Vec<Self> = Self::most(users, |_| true).into_iter().collect();
        while !places.is_empty() {
            let (reached, others): (Vec<&IamUser>, Vec<&IamUser>) =
                users.iter().partition(|user| places.iter().any(|place| place.has_address(user)));
            let is_added = |key: &str| {
                let place = Self::Tag(key.to_owned());
                FIRST.contains(&key.to_ascii_lowercase().as_str())
                    && !reached.iter().any(|user| place.has_address(user))
            };
            match Self::most(&others, is_added) {
                Some(place @ Self::Tag(_)) => places.push(place),
                // Somebody's name says nothing of the others.
                Some(Self::UserName) | None => break,
            }
        }
        places
    }

    /// Where most of the users have one, in the tags that may be; `None`: nobody has.
    fn most(users: &[&IamUser], may_be: impl Fn(&str) -> bool) -> Option<Self> {
        let named = users.iter().filter(|user| is_bare_address(&user.name)).count();
        // IAM compares the keys of tags without case, so they are counted without.
        let mut tags: BTreeMap<String, (usize, BTreeMap<&str, usize>)> = BTreeMap::new();
        for user in users {
            for (key, _) in
                user.tags.iter().filter(|(key, value)| is_tag(key) && may_be(key) && !addresses_in(value).is_empty())
            {
                let (count, spellings) = tags.entry(key.to_ascii_lowercase()).or_default();
                *count += 1;
                *spellings.entry(key).or_default() += 1;
            }
        }
        let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
        let best = tags.iter().min_by_key(|(key, (count, _))| (std::cmp::Reverse(*count), rank(key), (*key).clone()));
        match best {
            Some((_, (count, spellings))) if *count >= named => {
                let spelling =
                    spellings.iter().max_by_key(|(spelling, count)| (**count, std::cmp::Reverse(**spelling)));
                spelling.map(|(spelling, _)| Self::Tag((*spelling).to_owned()))
            }
            _ if named > 0 => Some(Self::UserName),
            _ => None,
        }
    }

    /// As `notify` names it.
    pub fn written(&self) -> String {
        match self {
            Self::Tag(key) => format!("tag:{key}"),
            Self::UserName => USER_NAME.to_owned(),
        }
    }

    /// Whether the user has an address there.
    pub fn has_address(&self, user: &IamUser) -> bool {
        match self {
            Self::Tag(key) => {
                let mut values = user.tags.iter().filter(|(own, _)| own.eq_ignore_ascii_case(key));
                values.any(|(_, value)| !addresses_in(value).is_empty())
            }
            Self::UserName => is_bare_address(&user.name),
        }
    }
}

/// Where the user has an address, if anywhere.
pub(super) fn elsewhere(user: &IamUser) -> Option<Place> {
    let mut tags = user.tags.iter().filter(|(key, value)| is_tag(key) && !addresses_in(value).is_empty());
    let tag = tags.next().map(|(key, _)| Place::Tag(key.clone()));
    tag.or_else(|| is_bare_address(&user.name).then_some(Place::UserName))
}

/// AWS's own tags say nothing of people, and `notify` takes no spaces around a name.
fn is_tag(key: &str) -> bool {
    !key.to_ascii_lowercase().starts_with("aws:") && key.trim() == key && !key.is_empty()
}
