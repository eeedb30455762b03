//! Checks what is shared: `[mail]`, `[limits]`, `[pace]`, `[schedule]` and `[accounts]`.

use std::collections::{BTreeMap, HashMap};

use super::{
    code::Code,
    context::Context,
    diagnostic::{Diagnostic, quote},
    model::{DeclaredAccount, Limits, Mail, Pace},
    schedule::{self, Schedule},
    schema,
    source::Sourced,
    spanned::Spanned,
    values::{self, Invalid},
};
use crate::names;

pub(super) fn mail(written: &schema::Mail, context: &mut Context) -> Mail {
    let schema::Mail { from, from_arn, reply_to, configuration_set, region, fallback, digest } = written;
    let one = |address: &Option<Spanned<String>>, context: &mut Context| {
        address.as_ref().and_then(|at| context.accept(&at.span, values::address(&at.value)))
    };
    let many = |list: &Option<Spanned<Vec<Spanned<String>>>>, context: &mut Context| {
        list.as_ref().map(|list| context.accept_all(&list.value, values::address)).unwrap_or_default()
    };
    let spans = [
        ("from", from.as_ref().map(|at| &at.span)),
        ("from-arn", from_arn.as_ref().map(|at| &at.span)),
        ("reply-to", reply_to.as_ref().map(|at| &at.span)),
        ("configuration-set", configuration_set.as_ref().map(|at| &at.span)),
        ("fallback", fallback.as_ref().map(|at| &at.span)),
        ("digest", digest.as_ref().map(|at| &at.span)),
    ];
    let places = spans.into_iter().filter_map(|(key, span)| Some((key.to_owned(), context.location(span?)))).collect();
    Mail {
        from: one(from, context),
        from_arn: from_arn.as_ref().and_then(|at| context.accept(&at.span, values::identity_arn(&at.value))),
        reply_to: one(reply_to, context),
        configuration_set: configuration_set
            .as_ref()
            .and_then(|at| context.accept(&at.span, values::configuration_set(&at.value))),
        region: region.as_ref().and_then(|at| context.accept(&at.span, values::region(&at.value))),
        fallback: many(fallback, context),
        digest: many(digest, context),
        places,
        ..Mail::default()
    }
}

pub(super) fn limits(written: &schema::Limits, context: &mut Context) -> Limits {
    Limits {
        max_actions: number("max-actions", &written.max_actions, u32::MAX, context),
        max_percent: number("max-percent", &written.max_percent, 100, context),
    }
}

pub(super) fn pace(written: &schema::Pace, context: &mut Context) -> Pace {
    Pace { max_rotations: number("max-rotations", &written.max_rotations, u32::MAX, context) }
}

fn number(name: &str, value: &Option<Spanned<i64>>, greatest: u32, context: &mut Context) -> Option<Sourced<u32>> {
    let at = value.as_ref()?;
    match u32::try_from(at.value) {
        Ok(value) if value <= greatest => Some(Sourced { value, source: Some(context.location(&at.span)) }),
        _ => {
            let message = format!("`{name}` can't be {}", at.value);
            context.error(Code::Limit, message, &at.span, format!("write a number from 0 to {greatest}"));
            None
        }
    }
}

pub(super) fn schedule(written: &schema::Schedule, context: &mut Context) -> Schedule {
    let mut expression = |value: &Option<Spanned<String>>| {
        let at = value.as_ref()?;
        context.accept(&at.span, schedule::check(&at.value))?;
        if at.value.starts_with("cron") && schedule::next_after(&at.value, context.now).is_none() {
            let message = format!("{} never comes again", quote(&at.value));
            let label = context.label(&at.span, "");
            let help = "look at the year, and at days that no month has";
            context.diagnostics.push(Diagnostic::warning(Code::ScheduleNever, message, label).help(help));
        }
        Some(Sourced { value: at.value.clone(), source: Some(context.location(&at.span)) })
    };
    Schedule { enforce: expression(&written.enforce), tend: expression(&written.tend) }
}

/// The accounts whose id is right.
pub(super) fn accounts(
    written: &BTreeMap<String, Spanned<schema::Account>>,
    is_rejected: impl Fn(&Spanned<schema::Account>, &str) -> bool,
    context: &mut Context,
) -> BTreeMap<String, DeclaredAccount> {
    let mut accounts = BTreeMap::new();
    let mut by_id = HashMap::new();
    let mut in_order: Vec<_> = written.iter().collect();
    in_order.sort_by_key(|(_, account)| account.span.start);
    for (name, account) in in_order {
        check_name(name, account, context);
        let schema::Account { id, role, region } = &account.value;
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
        accounts.insert(name.clone(), DeclaredAccount { source, id: id.value.clone(), role, region });
    }
    accounts
}

fn check_name(name: &str, account: &Spanned<schema::Account>, context: &mut Context) {
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
