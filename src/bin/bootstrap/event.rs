//! What an event asks for. An event that is not clearly keyrota's own or a schedule's does nothing, and fails.

use std::fmt;

use keyrota::run::Mode;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use crate::failure::Failure;

/// An event as it arrived: the fields of an object in their order, so that one that stands there twice is seen. `None`
/// for what is no object.
pub struct Event(Option<Vec<(String, Value)>>);

/// The mode that `{"mode": …}` names, and nothing beside it. What EventBridge sends by itself for a schedule that has no
/// input of its own is `enforce`.
///
/// # Errors
/// Anything else: a misspelt `plan`, or an event about something else, must not become a rotation.
pub fn mode(event: &Event) -> Result<Mode, Failure> {
    let wrong = |what: &str| {
        let message = format!(r#"{what}: send {{"mode": "enforce"}}, {{"mode": "tend"}} or {{"mode": "plan"}}"#);
        Failure { kind: "BadEvent", message }
    };
    let Some(fields) = &event.0 else { return Err(wrong("the event is not a JSON object")) };
    for (index, (name, _)) in fields.iter().enumerate() {
        if fields[..index].iter().any(|(other, _)| other == name) {
            return Err(wrong(&format!("the event has the field {} twice", quoted(name))));
        }
    }
    match fields.iter().find(|(name, _)| name == "mode") {
        Some(_) if fields.len() > 1 => {
            let other = fields.iter().find(|(name, _)| name != "mode").map_or("", |(name, _)| name);
            Err(wrong(&format!("the event has the field {} beside `mode`, which keyrota doesn't know", quoted(other))))
        }
        Some((_, Value::String(name))) => {
            name.parse().map_err(|_| wrong(&format!("there is no mode {}", quoted(name))))
        }
        Some(_) => Err(wrong("the event's `mode` is not a text")),
        None if is_schedule(fields) => Ok(Mode::Enforce),
        None => Err(wrong("the event has no `mode` and is not that of a schedule of EventBridge")),
    }
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
