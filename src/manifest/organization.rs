//! `[organization]`: where accounts are found, and how they are entered.

use std::{fmt, ops::Range};

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    code::Code,
    context::Context,
    diagnostic::quote,
    pattern::Pattern,
    source::Source,
    spanned::Spanned,
    values::{self, Invalid, Matches, wrong},
};
use crate::inventory::Unit;

/// The accounts of AWS Organizations that are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Organization {
    /// The line of `[organization]`.
    pub source: Source,
    /// The name of the role that is assumed in each account, with its path if it has one.
    pub role: String,
    /// What the trust policy of the role asks for; `None`: nothing.
    pub external_id: Option<String>,
    /// The region of the secrets; `None`: that of the caller.
    pub region: Option<String>,
    /// The units whose accounts these are, with all that is below them; empty: every account.
    pub units: Vec<UnitName>,
    /// Names and ids of accounts that are left out.
    pub except: Vec<Pattern>,
}

/// A unit as manifests name it: by its path or its id.
#[derive(Clone, Debug)]
pub struct UnitName {
    /// As written.
    pub text: String,
    /// Where it stands in its file, in bytes.
    pub(crate) span: Range<usize>,
}

/// Where it stands makes no difference.
impl PartialEq for UnitName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl UnitName {
    /// A unit that stands in no file.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), span: 0..0 }
    }

    /// Whether this is the unit that is meant.
    pub fn names(&self, unit: &Unit) -> bool {
        self.text == unit.id || self.text == unit.path
    }

    /// Whether it is an id. A unit may have a name that looks like one, and is found by it all the same.
    pub fn is_id(&self) -> bool {
        let is_part = |part: &str, least: usize| {
            (least..=32).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        match self.text.split('-').collect::<Vec<_>>()[..] {
            ["r", root] => is_part(root, 4),
            ["ou", root, unit] => is_part(root, 4) && is_part(unit, 8),
            _ => false,
        }
    }
}

/// Everything that a review compares.
impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source: _, role, external_id, region, units, except } = self;
        write!(f, "role {role}, region {}", region.as_deref().unwrap_or("none"))?;
        f.write_str(&external_id_words(external_id.as_deref()))?;
        // In whichever order they are written.
        let listed = |mut texts: Vec<&str>| {
            texts.sort_unstable();
            texts.dedup();
            if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
        };
        let units: Vec<&str> = units.iter().map(|unit| unit.text.as_str()).collect();
        let units = if units.is_empty() { "all".to_owned() } else { listed(units) };
        write!(f, ", units {units}, except {}", listed(except.iter().map(|one| one.text.as_str()).collect()))
    }
}

/// Whether there is an external id, and by which another is told from it: it is no secret, and nobody's business either.
pub(super) fn external_id_words(external_id: Option<&str>) -> String {
    match external_id {
        Some(external_id) => format!(", external id {}…", hex::encode(&Sha256::digest(external_id)[..4])),
        None => ", no external id".to_owned(),
    }
}

/// `[organization]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(extend("required" = ["role"]))]
pub(super) struct WrittenOrganization {
    /// The name of the role to assume in each account, with its path if it has one.
    #[schemars(extend("examples" = ["keyrota"]))]
    pub role: Option<Spanned<String>>,
    /// What the trust policy of the role asks for (`sts:ExternalId`): up to 1224 letters, digits and `_+=,.@:/-`.
    #[schemars(extend("examples" = ["keyrota-4f1c"]))]
    pub external_id: Option<Spanned<String>>,
    /// The region of the secrets. Without it: the caller's.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    pub region: Option<Spanned<String>>,
    /// Organizational units, by path (`Workloads/Prod`) or id (`ou-…`, `r-…`), with everything below them. Without it: every
    /// account.
    #[schemars(extend("examples" = [["Workloads"]]))]
    pub units: Option<Spanned<Vec<Spanned<String>>>>,
    /// Names or ids of accounts to leave out; `*` and `?` are wildcards.
    #[schemars(extend("examples" = [["sandbox-*"]]))]
    pub except: Option<Spanned<Vec<Spanned<String>>>>,
}

/// `None` if it names no role; that was said.
pub(super) fn check(
    own: &Spanned<WrittenOrganization>,
    is_rejected: impl Fn(&str) -> bool,
    context: &mut Context,
) -> Option<Organization> {
    let WrittenOrganization { role, external_id, region, units, except } = &own.value;
    if role.is_none() && !is_rejected("role") {
        let message = "`[organization]` names no role";
        let help = "name the role to assume in each account, e.g. `role = \"keyrota\"`; docs/organizations.md lays it";
        context.error(Code::Organization, message, &own.span, help);
    }
    let role = role.as_ref().and_then(|at| context.accept(&at.span, role_name(&at.value)));
    let external_id = external_id.as_ref().and_then(|at| context.accept(&at.span, values::external_id(&at.value)));
    let region = region.as_ref().and_then(|at| context.accept(&at.span, values::region(&at.value)));
    if let Some(at) = units.as_ref().filter(|at| at.value.is_empty()) {
        let help = "list units, or leave `units` out for every account";
        context.error(Code::Unit, "`units` is empty, so no account is looked at", &at.span, help);
    }
    let units = unit_names(units, context);
    let except = except.iter().flat_map(|list| &list.value).filter_map(|at| {
        let pattern = context.accept(&at.span, values::pattern(&at.value, Matches::FoundAccount))?;
        Some(pattern.at(&at.span))
    });
    let except = except.collect();
    Some(Organization { source: context.location(&own.span), role: role?, external_id, region, units, except })
}

/// The units of a list that can be some.
pub(super) fn unit_names(list: &Option<Spanned<Vec<Spanned<String>>>>, context: &mut Context) -> Vec<UnitName> {
    let entries = list.iter().flat_map(|list| &list.value);
    let read = |at: &Spanned<String>| {
        context.accept(&at.span, unit(&at.value))?;
        Some(UnitName { text: at.value.clone(), span: at.span.clone() })
    };
    entries.filter_map(read).collect()
}

fn unit(text: &str) -> Result<(), Invalid> {
    let no = |why: &str, help: String| wrong(Code::Unit, format!("{} {why}", quote(text)), help);
    let inner = text.trim().trim_matches('/').trim();
    match inner.is_empty() {
        true => {
            no("is no unit", "write its path, e.g. `Workloads/Prod`, or its id (`ou-…`); `r-…` is the root".to_owned())
        }
        false if inner != text => {
            no("is no path of units: those begin and end with a name", format!("write {}", quote(inner)))
        }
        false if text.contains("//") => no(
            "is no path of units: a name between two `/` is missing",
            format!("write {}", quote(&text.replace("//", "/"))),
        ),
        false => Ok(()),
    }
}

/// The name of a role, with its path if it has one: it is the same in each account.
fn role_name(text: &str) -> Result<String, Invalid> {
    if let Some((_, resource)) = text.strip_prefix("arn:").and_then(|arn| arn.split_once(":role/")) {
        let message = format!("{} is the role of one account", quote(text));
        return wrong(
            Code::Organization,
            message,
            format!("write its name, which is the same in each account: {}", quote(resource)),
        );
    }
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    let is_path = path.len() <= 500 && !text.starts_with('/') && !text.contains("//");
    if !name.is_empty() && name.len() <= 64 && is_path && text.chars().all(is_fine) {
        return Ok(text.to_owned());
    }
    let help = "write its name, with its path if it has one: `keyrota`, `ops/keyrota`";
    wrong(Code::Organization, format!("{} is not the name of an IAM role", quote(text)), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_named_by_path_or_id() {
        let unit = Unit { id: "ou-ab12-0a1b2c3d".to_owned(), path: "Workloads/Prod".to_owned() };
        for (text, is_it, is_id) in [
            ("Workloads/Prod", true, false),
            ("ou-ab12-0a1b2c3d", true, true),
            ("Workloads", false, false),
            ("workloads/prod", false, false),
            ("r-ab12", false, true),
            ("ou-team", false, false),
        ] {
            let name = UnitName::new(text);
            assert_eq!((name.names(&unit), name.is_id()), (is_it, is_id), "{text}");
        }
        for text in ["", "/", " ", "/Workloads", "Workloads/", "a//b", "Workloads "] {
            assert!(super::unit(text).is_err(), "{text:?}");
        }
        assert!(super::unit("R & D/Prod*").is_ok(), "names of units hold nearly everything");
    }

    #[test]
    fn the_role_is_one_for_all_accounts() {
        for text in ["keyrota", "ops/keyrota", "a/b/keyrota+x"] {
            assert_eq!(role_name(text), Ok(text.to_owned()), "{text}");
        }
        for text in ["", "/keyrota", "ops/", "a//b", "arn:aws:iam::111122223333:role/keyrota", "key rota"] {
            assert!(role_name(text).is_err(), "{text}");
        }
    }
}
