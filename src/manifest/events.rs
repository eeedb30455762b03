//! `[events]`: where each change is told to programs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    code::Code,
    context::Context,
    diagnostic::quote,
    source::{Source, Sourced},
    spanned::Spanned,
    values::{Invalid, wrong},
};
use crate::names;

/// `[events]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// The name or ARN of an event bus of EventBridge; `None`: no events are sent.
    pub bus: Option<Sourced<String>>,
}

impl Events {
    /// The bus, if there is one.
    pub fn bus(&self) -> Option<&str> {
        self.bus.as_ref().map(|bus| bus.value.as_str())
    }

    /// Where the bus was written.
    pub fn source(&self) -> Option<&Source> {
        self.bus.as_ref().and_then(|bus| bus.source.as_ref())
    }
}

/// `[events]` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(extend("required" = ["bus"]))]
pub(super) struct WrittenEvents {
    /// The event bus that gets an event for each change: its name, in the account and region of who runs keyrota, or its
    /// ARN.
    #[schemars(extend("examples" = ["default"]))]
    pub bus: Option<Spanned<String>>,
}

/// What is right of it. `is_rejected` tells whether a key was taken out because its type was wrong.
pub(super) fn check(
    written: &Spanned<WrittenEvents>,
    is_rejected: impl Fn(&str) -> bool,
    context: &mut Context,
) -> Events {
    let Some(at) = &written.value.bus else {
        if !is_rejected("bus") {
            let message = format!("{} does not say which event bus", quote("[events]"));
            context.error(Code::EventBus, message, &written.span, "write e.g. `bus = \"default\"`");
        }
        return Events::default();
    };
    let bus = context.accept(&at.span, bus(&at.value));
    Events { bus: bus.map(|value| Sourced { value, source: Some(context.location(&at.span)) }) }
}

/// The name or ARN of an event bus.
fn bus(text: &str) -> Result<String, Invalid> {
    // Names that begin with `aws.` are those of partners, to which nobody can send.
    let is_name = |name: &str| {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        (1..=256).contains(&name.len()) && name.chars().all(is_fine) && !name.starts_with("aws.")
    };
    let is_fine = match text.strip_prefix("arn:") {
        Some(rest) => {
            matches!(rest.split(':').collect::<Vec<_>>()[..], [partition, "events", region, account, resource]
            if names::is_partition(partition) && names::is_region(region) && names::is_account_id(account)
                && resource.strip_prefix("event-bus/").is_some_and(is_name))
        }
        None => is_name(text),
    };
    if is_fine {
        return Ok(text.to_owned());
    }
    let help = "write the name of a bus, e.g. `default`, or an ARN: `arn:aws:events:eu-west-1:111122223333:event-bus/security`";
    wrong(Code::EventBus, format!("{} is not an event bus", quote(text)), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_a_name_or_an_arn() {
        for text in ["default", "security/keys.v1", "arn:aws-cn:events:cn-north-1:111122223333:event-bus/security"] {
            assert_eq!(bus(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "two words",
            "aws.partner/example.com/1",
            "arn:aws:events:eu-west-1:111122223333:rule/security",
            "arn:aws:events:eu-west-1:1:event-bus/security",
            "arn:aws:sns:eu-west-1:111122223333:event-bus/security",
        ] {
            assert_eq!(bus(text).map_err(|invalid| invalid.code), Err(Code::EventBus), "{text}");
        }
    }
}
