//! The JSON, its schema, and its own SHA-256.

use schemars::generate::SchemaSettings;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::model::Evidence;

/// The field that holds the hash, and is no part of what is hashed.
const HASH: &str = "sha256";

/// Renders the report.
pub fn render(evidence: &Evidence) -> String {
    serde_json::to_string_pretty(evidence).expect("no map has keys other than strings") + "\n"
}

/// Writes the hash into the report: the last thing that is done to it.
pub(super) fn seal(evidence: &mut Evidence) {
    let value = serde_json::to_value(&*evidence).expect("no map has keys other than strings");
    evidence.sha256 = hash_of(value);
}

/// The SHA-256 of what `jq -cS 'del(.sha256)'` makes of a report.
pub fn hash(report: &Value) -> String {
    hash_of(report.clone())
}

fn hash_of(mut report: Value) -> String {
    if let Value::Object(fields) = &mut report {
        fields.remove(HASH);
    }
    report.sort_all_objects();
    // The one character that jq escapes and serde_json does not.
    let text = report.to_string().replace('\u{7f}', "\\u007f") + "\n";
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The JSON Schema (draft-07) of the report.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Evidence>().to_value();
    schema["properties"]["schema"]["const"] = super::model::SCHEMA.into();
    schema
}
