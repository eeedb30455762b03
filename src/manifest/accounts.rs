//! `[accounts.NAME]`: the AWS accounts to look at.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    code::Code,
    context::Context,
    diagnostic::{Diagnostic, quote},
    organization::external_id_words,
    source::Source,
    spanned::Spanned,
    values::{self, Invalid},
};
use crate::{inventory::Membership, names};

/// One `[accounts.NAME]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredAccount {
    /// The line of `[accounts.NAME]`.
    pub source: Source,
    /// 12 digits.
    pub id: String,
    /// A role's name or ARN to assume there; `None`: the caller's own credentials.
    pub role: Option<String>,
    /// The region of its secrets; `None`: that of the caller.
    pub region: Option<String>,
    /// What the role's trust policy asks for; `None`: nothing.
    pub external_id: Option<String>,
    /// Where the organisation has it; `None`: it was not found there.
    pub membership: Option<Arc<Membership>>,
}

/// Everything that it says: what differs here is another account to a review.
impl fmt::Display for DeclaredAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source: _, id, role, region, external_id, membership: _ } = self;
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, "{id}, role {}, region {}", or_none(role), or_none(region))?;
        if external_id.is_some() {
            f.write_str(&external_id_words(external_id.as_deref()))?;
        }
        Ok(())
    }
}

/// `[accounts.NAME]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(extend("required" = ["id"]))]
pub(super) struct WrittenAccount {
    /// The 12 digits of the account, in quotes.
    #[schemars(extend("pattern" = "^[0-9]{12}$", "examples" = ["111122223333"]))]
    pub id: Option<Spanned<String>>,
    /// The name or ARN of a role to assume there. Without it: the caller's own credentials.
    #[schemars(extend("examples" = ["keyrota"]))]
    pub role: Option<Spanned<String>>,
    /// What the trust policy of the role asks for. Without it: nothing.
    #[schemars(extend("examples" = ["keyrota-4f1c"]))]
    pub external_id: Option<Spanned<String>>,
    /// The region of its secrets. Without it: the caller's.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    pub region: Option<Spanned<String>>,
}

/// The accounts whose id is right.
pub(super) fn check(
    written: &BTreeMap<String, Spanned<WrittenAccount>>,
    is_rejected: impl Fn(&Spanned<WrittenAccount>, &str) -> bool,
    context: &mut Context,
) -> BTreeMap<String, DeclaredAccount> {
    let mut accounts = BTreeMap::new();
    let mut by_id = HashMap::new();
    let mut in_order: Vec<_> = written.iter().collect();
    in_order.sort_by_key(|(_, account)| account.span.start);
    for (name, account) in in_order {
        check_name(name, account, context);
        let WrittenAccount { id, role, external_id, region } = &account.value;
        let external_id = external_id.as_ref().and_then(|at| context.accept(&at.span, values::external_id(&at.value)));
        let role = role.as_ref().and_then(|at| context.accept(&at.span, values::role(&at.value)));
        let region = region.as_ref().and_then(|at| context.accept(&at.span, values::region(&at.value)));
        let Some(id) = id else {
            if !is_rejected(account, "id") {
                let message = format!("account {} has no `id`", quote(name));
                context.error(Code::Account, message, &account.span, "add its 12 digits: `id = \"111122223333\"`");
            }
            continue;
        };
        if context.accept(&id.span, account_id(&id.value)).is_none() {
            continue;
        }
        if let Some((other, other_span)) = by_id.insert(id.value.clone(), (name, &id.span)) {
            let message = format!("accounts {} and {} have the same id", quote(other), quote(name));
            let diagnostic = Diagnostic::error(Code::Account, message, context.label(&id.span, "this id"))
                .label(context.label(other_span, "was given here"))
                .help("remove one of the two");
            context.diagnostics.push(diagnostic);
        }
        let source = context.location(&account.span);
        accounts.insert(
            name.clone(),
            DeclaredAccount { source, id: id.value.clone(), role, region, external_id, membership: None },
        );
    }
    accounts
}

fn check_name(name: &str, account: &Spanned<WrittenAccount>, context: &mut Context) {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_fine) {
        let message = format!("{} can't be the name of an account", quote(name));
        let help = "names of accounts are your own: up to 64 letters, digits and `._-`";
        context.error(Code::Account, message, &account.span, help);
    } else if names::is_account_id(name) {
        let message = format!("{} is an id, not a name", quote(name));
        let help = "give the account a name of your own, e.g. `[accounts.payments-prod]`, and the id as its `id`";
        context.error(Code::Account, message, &account.span, help);
    }
}

fn account_id(text: &str) -> Result<(), Invalid> {
    if names::is_account_id(text) {
        return Ok(());
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let help = match names::is_account_id(&digits) {
        true => format!("write `id = \"{digits}\"`"),
        false => "write the 12 digits, e.g. `id = \"111122223333\"`".to_owned(),
    };
    Err(Invalid { code: Code::Account, message: format!("{} is not the id of an AWS account", quote(text)), help })
}
