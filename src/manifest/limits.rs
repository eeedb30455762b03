//! `[limits]`, which stop a run that looks wrong, and `[pace]`, which spreads one that is right.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{code::Code, context::Context, source::Sourced, spanned::Spanned};

/// `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many changes a run may make.
    pub max_actions: Option<Sourced<u32>>,
    /// Of the keys in scope; 0 to 100.
    pub max_percent: Option<Sourced<u32>>,
}

/// `[pace]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// As written; 0: no bound.
    pub max_rotations: Option<Sourced<u32>>,
}

impl Pace {
    /// How many rotations a run begins in one account where the manifests say nothing.
    pub const MAX_ROTATIONS: u32 = 25;

    /// How many rotations a run begins in one account; `None`: as many as are due.
    pub fn max_rotations(&self) -> Option<usize> {
        let most = self.max_rotations.as_ref().map_or(Self::MAX_ROTATIONS, |most| most.value);
        usize::try_from(most).ok().filter(|most| *most > 0)
    }
}

/// `[limits]` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct WrittenLimits {
    /// How many changes a run may make.
    #[schemars(extend("minimum" = 0, "examples" = [50]))]
    pub max_actions: Option<Spanned<i64>>,
    /// How many of the keys in scope a run may change, in percent; ignored below 10 keys.
    #[schemars(extend("minimum" = 0, "maximum" = 100, "examples" = [30]))]
    pub max_percent: Option<Spanned<i64>>,
}

/// `[pace]` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct WrittenPace {
    /// How many rotations a run begins in one account, the oldest keys first; 0: as many as are due. What is left waits
    /// for the next runs, of whatever kind. Default: 25.
    #[schemars(extend("minimum" = 0, "examples" = [25]))]
    pub max_rotations: Option<Spanned<i64>>,
}

pub(super) fn limits(written: &WrittenLimits, context: &mut Context) -> Limits {
    Limits {
        max_actions: number("max-actions", &written.max_actions, u32::MAX, context),
        max_percent: number("max-percent", &written.max_percent, 100, context),
    }
}

pub(super) fn pace(written: &WrittenPace, context: &mut Context) -> Pace {
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
