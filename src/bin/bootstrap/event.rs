//! What an event asks for. An event that is not clearly keyrota's own or a schedule's does nothing, and fails.

use std::fmt;

use keyrota::{
    fleet::{self, Listed, RunId},
    run::Mode,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, json};

use crate::failure::Failure;

/// An event as it arrived: the fields of an object in their order, so that one that stands there twice is seen. `None`
/// for what is no object.
pub struct Event(Option<Vec<(String, Value)>>);

/// What an event asks for.
#[derive(Debug, PartialEq)]
pub enum Asked {
    /// A run over all accounts.
    Run(Mode),
    /// One step of a run in parts: see `docs/fleet.md`.
    Step(RunId, Step),
}

/// A step of a run in parts.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Lists the accounts.
    List,
    /// Runs in one of them.
    Account(Listed),
    /// Makes one of what was done in all of them.
    Merge(After),
}

/// What the state machine says of the invocations before the merge.
#[derive(Debug, PartialEq)]
pub struct After {
    /// Why not all of them were begun.
    pub stopped: Option<String>,
    /// A person has started the execution again since it listed its accounts: it begins anew with those that failed.
    pub is_again: bool,
}

/// The mode that `{"mode": …}` names, and nothing beside it; or the step of a run in parts, with what that step needs and nothing
/// beside. What EventBridge sends by itself for a schedule that has no input of its own is `enforce`.
///
/// # Errors
/// Anything else: a misspelt `plan`, or an event about something else, must not become a rotation.
pub fn asked(event: &Event) -> Result<Asked, Failure> {
    let Some(fields) = &event.0 else { return Err(wrong("the event is not a JSON object")) };
    for (index, (name, _)) in fields.iter().enumerate() {
        if fields[..index].iter().any(|(other, _)| other == name) {
            return Err(wrong(&format!("the event has the field {} twice", quoted(name))));
        }
    }
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
    let mode = match field("mode") {
        Some(Value::String(name)) => name.parse().map_err(|_| wrong(&format!("there is no mode {}", quoted(name))))?,
        Some(_) => return Err(wrong("the event's `mode` is not a text")),
        None if is_schedule(fields) && field("step").is_none() && field("run").is_none() => {
            return Ok(Asked::Run(Mode::Enforce));
        }
        None => return Err(wrong("the event has no `mode` and is not that of a schedule of EventBridge")),
    };
    let (step, own): (_, &[&str]) = match field("step") {
        None => ("", &["mode"]),
        Some(Value::String(step)) if step == "list" => ("list", &["mode", "step", "run", "input"]),
        Some(Value::String(step)) if step == "account" => ("account", &["mode", "step", "run", "account"]),
        Some(Value::String(step)) if step == "merge" => {
            ("merge", &["mode", "step", "run", "map", "began", "execution"])
        }
        Some(Value::String(step)) => return Err(wrong(&format!("there is no step {}", quoted(step)))),
        Some(_) => return Err(wrong("the event's `step` is not a text")),
    };
    let beside = if step.is_empty() { "`mode`".to_owned() } else { format!("those of the step `{step}`") };
    if let Some((other, _)) = fields.iter().find(|(name, _)| !own.contains(&name.as_str())) {
        return Err(wrong(&format!(
            "the event has the field {} beside {beside}, which keyrota doesn't know",
            quoted(other)
        )));
    }
    if step.is_empty() {
        return Ok(Asked::Run(mode));
    }
    let needed =
        |name: &str| field(name).ok_or_else(|| wrong(&format!("the event of the step `{step}` has no `{name}`")));
    let run = needed("run")?.as_str().ok_or_else(|| wrong("the event's `run` is not a text"))?;
    let run = RunId::new(run, mode).map_err(|error| wrong(&error.to_string()))?;
    // What an execution was started with: the state machine itself refuses nothing.
    if let Some(input) = field("input") {
        let input = input.as_object().ok_or_else(|| wrong("what the execution was started with is no JSON object"))?;
        if let Some(other) = input.keys().find(|name| !["mode", "run"].contains(&name.as_str())) {
            let other = quoted(other);
            return Err(wrong(&format!(
                "the execution was started with the field {other}, which keyrota doesn't know"
            )));
        }
    }
    let step = match step {
        "list" => Step::List,
        "account" => Step::Account(account(needed("account")?)?),
        _ => Step::Merge(after(needed("map")?, needed("began")?, needed("execution")?)?),
    };
    Ok(Asked::Step(run, step))
}

fn wrong(what: &str) -> Failure {
    let message = format!(r#"{what}: send {{"mode": "enforce"}}, {{"mode": "tend"}} or {{"mode": "plan"}}"#);
    Failure { kind: "BadEvent", message }
}

/// One account, as the first step listed it.
fn account(value: &Value) -> Result<Listed, Failure> {
    let listed = fleet::parse_list(json!([value]).to_string().as_bytes());
    let listed = listed.map_err(|error| wrong(&format!("the event's `account` is none of a list: {error}")))?;
    listed.into_iter().next().ok_or_else(|| wrong("the event's `account` is none"))
}

/// How the accounts went: `{"status": "ended"}`, or the error and the cause as Step Functions tells them; and what it says of the
/// execution, when it listed the accounts and now.
fn after(map: &Value, began: &Value, execution: &Value) -> Result<After, Failure> {
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    let stopped = match (text("status"), text("Error")) {
        (Some("ended" | "none"), None) => None,
        (None, Some(error)) => Some(match text("Cause").filter(|cause| !cause.is_empty()) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_owned(),
        }),
        _ => return Err(wrong("the event's `map` says neither that the accounts ended nor why not")),
    };
    let redrives = |execution: &Value| match (execution.is_object(), execution.get("RedriveCount")) {
        (true, None) => Ok(0),
        (true, Some(count)) => count.as_u64().ok_or_else(|| wrong("`RedriveCount` is not a number")),
        (false, _) => Err(wrong("`began` and `execution` are what Step Functions says of the execution")),
    };
    Ok(After { stopped, is_again: redrives(execution)? > redrives(began)? })
}

/// Whether this is the event of an EventBridge rule with a schedule, or of EventBridge Scheduler.
fn is_schedule(fields: &[(String, Value)]) -> bool {
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
    let is = |name: &str, allowed: &[&str]| field(name).and_then(Value::as_str).is_some_and(|it| allowed.contains(&it));
    let is_text_if_there = |name: &&str| field(name).is_none_or(Value::is_string);
    is("source", &["aws.events", "aws.scheduler"])
        && is("detail-type", &["Scheduled Event"])
        && ["version", "id", "account", "time", "region"].iter().all(is_text_if_there)
        && field("resources").is_none_or(Value::is_array)
        // Scheduler sends the text of an object.
        && field("detail").is_none_or(|detail| detail.is_object() || detail.is_string())
}

/// As JSON writes it: what came from outside must not break a line of the log.
fn quoted(text: &str) -> Value {
    Value::from(text)
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event in JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Event(Some(fields)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Event, A::Error> {
        while list.next_element::<Value>()?.is_some() {}
        Ok(Event(None))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Event, E> {
        Ok(Event(None))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Event, E> {
        Ok(Event(None))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Event, E> {
        Ok(Event(None))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Event, E> {
        Ok(Event(None))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Event, E> {
        Ok(Event(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Event, E> {
        Ok(Event(None))
    }
}
