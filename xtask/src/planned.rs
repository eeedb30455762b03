//! What Terraform plans, kept as files that keyrota's own tests read: which resources a change of manifests changes, and
//! what the resources of an environment are.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// The messages of `terraform test -json -verbose`.
pub struct Messages(Vec<Value>);

impl Messages {
    /// Reads what Terraform printed, a message a line.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// By the runs that plan: what becomes of each resource that does not stay as it is.
    pub fn changes(&self) -> Value {
        let mut runs = Map::new();
        for message in self.0.iter().filter(|message| message["type"] == "test_plan") {
            let changes = message["test_plan"]["resource_changes"].as_array().into_iter().flatten();
            let mut of_run = Map::new();
            for change in changes {
                let actions: Vec<&str> =
                    change["change"]["actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                if actions != ["no-op"] && actions != ["read"] {
                    of_run.insert(text(&change["address"]), json!(actions.join(", ")));
                }
            }
            runs.insert(text(&message["@testrun"]), Value::Object(of_run));
        }
        Value::Object(runs)
    }

    /// The state after a run.
    pub fn state(&self, run: &str) -> Result<&Value> {
        let is_it = |message: &&Value| message["type"] == "test_state" && message["@testrun"] == run;
        let message = self.0.iter().find(is_it).with_context(|| format!("no state after the run {run}"))?;
        Ok(&message["test_state"])
    }
}

/// The resources of a state by their addresses, each with its type and the values that the configuration gives it. `plan`
/// is what `terraform show -json` says of a plan of the same configuration, and must plan the same resources.
pub fn resources(state: &Value, plan: &Value) -> Result<Value> {
    let mut configured = BTreeMap::new();
    collect_configured("", &plan["configuration"]["root_module"], &mut configured);
    let (mut found, mut planned) = (BTreeMap::new(), BTreeMap::new());
    collect_resources(&state["root_module"], &mut found);
    collect_resources(&plan["planned_values"]["root_module"], &mut planned);
    let addresses = |all: &BTreeMap<String, &Value>| all.keys().cloned().collect::<BTreeSet<_>>();
    let (found_addresses, planned_addresses) = (addresses(&found), addresses(&planned));
    ensure!(
        found_addresses == planned_addresses,
        "`terraform test` and `terraform plan` have other resources: {:?}",
        found_addresses.symmetric_difference(&planned_addresses)
    );
    let mut resources = Map::new();
    for (address, resource) in found {
        let names =
            configured.get(&without_indexes(&address)).with_context(|| format!("{address} is configured nowhere"))?;
        let Value::Object(values) = &resource["values"] else { bail!("{address} has no values") };
        let values: Map<String, Value> = values
            .iter()
            .filter(|(name, value)| names.contains(*name) && !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect();
        resources.insert(address, json!({ "type": resource["type"], "values": values }));
    }
    Ok(Value::Object(resources))
}

/// Compares a committed file with what it should be; with `BLESS=1`, rewrites it.
pub fn check_file(path: &Path, expected: &Value) -> Result<()> {
    let expected = format!("{expected:#}\n");
    if fs::read_to_string(path).is_ok_and(|found| found == expected) {
        return Ok(());
    }
    if env::var("BLESS").as_deref() == Ok("1") {
        return fs::write(path, expected).with_context(|| path.display().to_string());
    }
    bail!("{} is stale: BLESS=1 rewrites it; the difference is the review", path.display())
}

/// The arguments that each resource is given, by its address without indexes.
fn collect_configured(prefix: &str, module: &Value, into: &mut BTreeMap<String, BTreeSet<String>>) {
    for resource in module["resources"].as_array().into_iter().flatten() {
        let names = resource["expressions"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        into.insert(format!("{prefix}{}", text(&resource["address"])), names);
    }
    for (name, call) in module["module_calls"].as_object().into_iter().flatten() {
        collect_configured(&format!("{prefix}module.{name}."), &call["module"], into);
    }
}

/// The managed resources of a module and of those within.
fn collect_resources<'a>(module: &'a Value, into: &mut BTreeMap<String, &'a Value>) {
    let resources = module["resources"].as_array().into_iter().flatten();
    for resource in resources.filter(|resource| resource["mode"] == "managed") {
        into.insert(text(&resource["address"]), resource);
    }
    for child in module["child_modules"].as_array().into_iter().flatten() {
        collect_resources(child, into);
    }
}

/// `module.a["x.y"].b.c[0]` is `module.a.b.c`.
fn without_indexes(address: &str) -> String {
    let mut rest = address;
    let mut plain = String::new();
    while let Some((before, index)) = rest.split_once('[') {
        plain.push_str(before);
        let end = if index.starts_with('"') { "\"]" } else { "]" };
        rest = index.split_once(end).map_or("", |(_, after)| after);
    }
    plain + rest
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_its_indexes() {
        for (address, plain) in [
            ("aws_iam_role.this", "aws_iam_role.this"),
            ("module.key[0].aws_kms_key.this", "module.key.aws_kms_key.this"),
            (r#"module.a["/x/{user}[1]"].b.this["a.b@c"]"#, "module.a.b.this"),
        ] {
            assert_eq!(without_indexes(address), plain);
        }
    }

    #[test]
    fn what_stays_is_no_change() {
        let change = |address: &str, actions: &[&str]| json!({ "address": address, "change": { "actions": actions } });
        let plan = json!({ "type": "test_plan", "@testrun": "a_new_user", "test_plan": { "resource_changes": [
            change("a", &["no-op"]), change("b", &["update"]), change("c", &["delete", "create"]), change("d", &["read"]),
        ] } });
        let messages = Messages::parse(&format!("{plan}\nnot JSON\n"));
        assert_eq!(messages.changes(), json!({ "a_new_user": { "b": "update", "c": "delete, create" } }));
    }
}
