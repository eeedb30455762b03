//! What a person should look at before the first rotation of a user.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::address::{Place, elsewhere};
use crate::{
    cloud::sandbox::IamUser,
    inventory::{Key, KeyId, LastUse, smtp_sign},
    time::Day,
};
use strum::VariantArray;

/// The kinds of remarks, in the order in which they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, VariantArray)]
pub enum RemarkKind {
    /// Nobody can be told.
    NoAddress,
    /// Somebody could be told, by an address in a tag that `notify` does not name.
    OtherAddress,
    /// Both places hold active keys.
    TwoKeys,
    /// Its clients' password derives from the key.
    Smtp,
    /// An active key that nobody uses.
    NeverUsed,
    /// An inactive key holds a place.
    Inactive,
    /// Another user's secret would have the same name.
    SharedSecret,
}

impl RemarkKind {
    /// In a few words, before a list of users.
    pub fn heading(self) -> &'static str {
        match self {
            Self::NoAddress => "no address",
            Self::OtherAddress => "address elsewhere",
            Self::TwoKeys => "two active keys",
            Self::Smtp => "SES SMTP",
            Self::NeverUsed => "never used",
            Self::Inactive => "inactive key",
            Self::SharedSecret => "shared secret",
        }
    }

    /// What a person decides about it.
    pub fn question(self) -> &'static str {
        match self {
            Self::NoAddress => {
                "nothing is rotated before somebody can be told: tag the users, or set `[mail] fallback`"
            }
            Self::OtherAddress => {
                "nothing is rotated before somebody can be told: name in `notify` where it is, if it is the right one"
            }
            Self::TwoKeys => "a new key needs the place of one of them: move clients off one, or set `when-full`",
            Self::Smtp => "a new key means a new SMTP password for its clients: set `smtp = true` in a rule of its own",
            Self::NeverUsed => "delete what nobody needs, or set `unused = \"45d\"` in a rule of its own",
            Self::Inactive => "it is deleted when its place is needed: activate it first if somebody wants it back",
            Self::SharedSecret => "its secret has another name than that of the others",
        }
    }
}

/// One remark about one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What stands out.
    pub kind: RemarkKind,
    /// The IAM user.
    pub user: String,
    /// What stands in the comment.
    pub text: String,
}

/// A key younger than this may be on its way to whoever will use it.
const YOUNG: TimeDelta = TimeDelta::days(8);

/// Everything that stands out of a user, in the order of [`RemarkKind`]. `places` is where addresses are.
/// Keys that are `stored` were issued by keyrota: what becomes of them, and of those beside them, is under way.
pub(super) fn remarks(user: &IamUser, places: &[Place], stored: &HashSet<KeyId>, now: DateTime<Utc>) -> Vec<Remark> {
    let is_begun = user.keys.iter().any(|key| stored.contains(&key.id));
    let of = |kind: RemarkKind, text: String| Remark { kind, user: user.name.clone(), text };
    let active: Vec<&Key> = user.keys.iter().filter(|key| key.is_active()).collect();
    let mut remarks = Vec::new();
    let is_told = places.iter().any(|place| place.has_address(user));
    // Where nobody has one, it would be said of everyone; the shared file says it once.
    if !places.is_empty() && !is_told {
        let (kind, why) = match (places, elsewhere(user)) {
            (_, Some(Place::Tag(tag))) => {
                (RemarkKind::OtherAddress, format!("`notify` does not name its tag `{tag}`, which has an address"))
            }
            (_, Some(Place::UserName)) => {
                (RemarkKind::OtherAddress, "its name is an address, and `notify` does not say `user-name`".to_owned())
            }
            ([Place::UserName], None) => (RemarkKind::NoAddress, "its name is no address".to_owned()),
            ([Place::Tag(key)], None) => (RemarkKind::NoAddress, format!("no address in its tag `{key}`")),
            _ => {
                let all: Vec<String> = places.iter().map(|place| format!("`{}`", place.written())).collect();
                (RemarkKind::NoAddress, format!("no address where `notify` looks ({})", all.join(", ")))
            }
        };
        remarks.push(of(kind, format!("{why}: nobody can be told")));
    }
    if let [one, other] = active[..]
        && !is_begun
    {
        let text = format!("two active keys, {} and {}: a new key needs the place of one", named(one), named(other));
        remarks.push(of(RemarkKind::TwoKeys, text));
    }
    if let Some(sign) = user.smtp.sign().map(str::to_owned).or_else(|| smtp_sign(&user.name, &user.groups, [])) {
        let text = format!("sends mail by SES's SMTP, {sign} says: its password derives from the key (`smtp = true`)");
        remarks.push(of(RemarkKind::Smtp, text));
    }
    let is_idle = |key: &&&Key| key.last_use == LastUse::Never && now - key.created >= YOUNG;
    for key in active.iter().filter(is_idle) {
        let text = format!("{} was never used: delete it, or set `unused = \"45d\"` for this user", named(key));
        remarks.push(of(RemarkKind::NeverUsed, text));
    }
    for key in user.keys.iter().filter(|key| !key.is_active() && !is_begun) {
        let text = format!("{} is inactive, and is deleted when its place is needed", named(key));
        remarks.push(of(RemarkKind::Inactive, text));
    }
    remarks
}

/// A key by its last four characters and its day: ids are kept out of what many people read.
fn named(key: &Key) -> String {
    let id = key.id.as_str();
    let end = id.char_indices().rev().nth(3).map_or(0, |(start, _)| start);
    format!("…{} of {}", &id[end..], Day(key.created))
}
