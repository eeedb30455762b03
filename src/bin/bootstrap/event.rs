//! What an event asks for.

use serde_json::Value;

use crate::function::Stop;

/// What a run may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    Enforce,
    /// Carries on the rotations that have begun, and begins none.
    Tend,
    /// Nothing.
    Plan,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Enforce, Self::Tend, Self::Plan];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Tend => "tend",
            Self::Plan => "plan",
        }
    }

    /// Whether a run begins rotations, or, for `plan`, shows those that would begin.
    pub fn starts_rotations(self) -> bool {
        match self {
            Self::Enforce | Self::Plan => true,
            Self::Tend => false,
        }
    }
}

/// The mode that `{"mode": …}` names. What EventBridge sends by itself is `enforce`: the event of a rule or a schedule
/// without an input of its own, and `{}`.
///
/// # Errors
/// Anything else: a misspelt `plan` must not become a rotation.
pub fn mode(event: &Value) -> Result<Mode, Stop> {
    let wrong = |what: &str| {
        let message = format!(r#"{what}: send {{"mode": "enforce"}}, {{"mode": "tend"}} or {{"mode": "plan"}}"#);
        Stop { kind: "BadEvent", message }
    };
    let Value::Object(fields) = event else { return Err(wrong("the event is not a JSON object")) };
    match fields.get("mode") {
        Some(Value::String(name)) => {
            let mode = Mode::ALL.into_iter().find(|mode| mode.as_str() == name);
            mode.ok_or_else(|| wrong(&format!("there is no mode {}", Value::from(name.as_str()))))
        }
        Some(_) => Err(wrong("the event's `mode` is not a text")),
        None if fields.is_empty() || fields.contains_key("detail-type") => Ok(Mode::Enforce),
        None => Err(wrong("the event has no `mode` and is not EventBridge's own")),
    }
}
