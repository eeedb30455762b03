//! The JSON, its schema, and its own SHA-256.

use std::io::{self, Write};

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

/// Writes what [`render`] renders, no more than a part of which is in memory at a time.
///
/// # Errors
/// It can't be written.
pub fn write(evidence: &Evidence, to: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, evidence)?;
    to.write_all(b"\n")
}

/// The field that holds the rows, of which there may be many.
const ROWS: &str = "keys";

/// Writes the hash into the report: the last thing that is done to it. Rows are hashed one after the other.
pub(super) fn seal(evidence: &mut Evidence) {
    let rows = std::mem::take(&mut evidence.keys);
    let mut rest = serde_json::to_value(&*evidence).expect("no map has keys other than strings");
    rest.sort_all_objects();
    let mut hash = Sha256::new();
    let mut separator = "{";
    for (name, value) in rest.as_object().into_iter().flatten().filter(|(name, _)| *name != HASH) {
        hash.update(format!("{separator}{}:", Value::from(name.as_str())));
        separator = ",";
        if name != ROWS {
            hash.update(text(value));
            continue;
        }
        hash.update("[");
        for (at, row) in rows.iter().enumerate() {
            let mut row = serde_json::to_value(row).expect("no map has keys other than strings");
            row.sort_all_objects();
            hash.update(if at == 0 { "" } else { "," });
            hash.update(text(&row));
        }
        hash.update("]");
    }
    hash.update("}\n");
    evidence.keys = rows;
    evidence.sha256 = hex::encode(hash.finalize());
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
    hex::encode(Sha256::digest((text(&report) + "\n").as_bytes()))
}

/// As `jq -c` writes it: DEL is the one character that it escapes and serde_json does not.
fn text(value: &Value) -> String {
    value.to_string().replace('\u{7f}', "\\u007f")
}

/// The JSON Schema (draft-07) of the report.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Evidence>().to_value();
    schema["properties"]["schema"]["const"] = super::model::SCHEMA.into();
    schema
}
