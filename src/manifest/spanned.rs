//! Values as written: with their places, before `values` has read them.

use std::{borrow::Cow, ops::Range};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// A value and its place.
#[derive(Debug)]
pub(super) struct Spanned<T> {
    /// Bytes of the file; of a table with a header, those of the header.
    pub span: Range<usize>,
    pub value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::deserialize(deserializer)?;
        Ok(Self { span: spanned.span(), value: spanned.into_inner() })
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A string or a list of strings.
#[derive(Debug)]
pub(super) struct OneOrMany(pub Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                // The place of a lone string is that of the whole value, which its owner knows.
                Ok(OneOrMany(vec![Spanned { span: 0..0, value: value.to_owned() }]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany(values))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// A duration as written; `values::duration` reads it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Duration(pub String);

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let examples = ["90d", "2w", "36h"];
        json_schema!({ "title": "duration", "type": "string", "pattern": "^[0-9]+[hdw]$", "examples": examples })
    }
}

/// A duration, or `auto`; `values::ahead` reads it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Ahead(pub String);

impl JsonSchema for Ahead {
    fn schema_name() -> Cow<'static, str> {
        "Ahead".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "duration or auto", "type": "string", "pattern": "^(auto|[0-9]+[hdw])$" })
    }
}

/// A date; `values::day` reads it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Day(pub toml::value::Datetime);

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "date", "type": "string", "format": "date" })
    }
}

/// A date, perhaps with a time; `values::instant` reads it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Instant(pub toml::value::Datetime);

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "date",
            "anyOf": [{ "type": "string", "format": "date" }, { "type": "string", "format": "date-time" }],
        })
    }
}
