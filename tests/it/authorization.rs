//! Terraform's policies against AWS's service authorization reference: every action exists, and supports the resources and
//! the condition keys that it is given. What an action does not support, IAM takes for a condition that is never met.
//!
//! `tests/data/service-authorization.json` is a part of that reference, with its source and date.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::terraform;

/// Keys that every request has.
const GLOBAL: [&str; 2] = ["aws:SourceAccount", "aws:SourceArn"];

/// What is allowed on all resources although IAM could tell them apart.
const WIDE: [&str; 1] = [
    // A list, which Terraform asks for by prefix.
    "cloudwatch:DescribeAlarms",
];

struct Reference(BTreeMap<String, Supported>);

struct Supported {
    resources: Vec<String>,
    conditions: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

impl Reference {
    fn read() -> Self {
        let text = fs::read_to_string(root().join("tests/data/service-authorization.json")).expect("readable");
        let table: Value = serde_json::from_str(&text).expect("JSON");
        assert!(table["source"].is_string() && table["date"].is_string(), "where it is from, and when");
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().expect("a list").iter().map(|text| text.as_str().expect("text").to_owned()).collect()
        };
        let actions = table["actions"].as_object().expect("actions").iter().map(|(action, supported)| {
            let (resources, conditions) = (texts(&supported["resources"]), texts(&supported["conditions"]));
            (action.clone(), Supported { resources, conditions })
        });
        Self(actions.collect())
    }

    /// The actions that a name stands for, which may end in `*`.
    fn actions(&self, name: &str) -> Vec<(&String, &Supported)> {
        let matches = |action: &&String| match name.strip_suffix('*') {
            Some(start) => action.starts_with(start),
            None => *action == name,
        };
        self.0.iter().filter(|(action, _)| matches(action)).collect()
    }

    /// What is wrong with a statement.
    fn faults(&self, place: &str, statement: &Value, used: &mut BTreeSet<String>) -> Vec<String> {
        let mut faults = Vec::new();
        let sid = statement["Sid"].as_str().unwrap_or("?");
        let mut fault = |text: String| faults.push(format!("{place} {sid}: {text}"));
        let names = list(&statement["Action"]);
        let mut supported = Vec::new();
        for name in &names {
            let actions = self.actions(name);
            if actions.is_empty() {
                fault(format!("there is no action {name}"));
            }
            used.extend(actions.iter().map(|(action, _)| (*action).clone()));
            supported.extend(actions);
        }
        let resources = list(&statement["Resource"]);
        // A resource's own policy is about that resource; a role's trust policy has none.
        let is_own_policy = !statement["Principal"].is_null();
        if !is_own_policy && resources != ["*"] {
            for (action, supported) in &supported {
                if !resources.iter().any(|resource| supported.resources.iter().any(|kind| overlaps(kind, resource))) {
                    fault(format!("{action} can't be limited to {resources:?}, only to {:?}", supported.resources));
                }
            }
            for resource in &resources {
                let kinds = supported.iter().flat_map(|(_, supported)| &supported.resources);
                if !kinds.into_iter().any(|kind| overlaps(kind, resource)) {
                    fault(format!("{resource} is none that {names:?} are about"));
                }
            }
        }
        let is_bounded = place.contains("boundary") || place.contains("deploy\"");
        if !is_own_policy && statement["Effect"] == "Allow" && resources == ["*"] && !is_bounded {
            for (action, supported) in &supported {
                if !supported.resources.is_empty() && !WIDE.contains(&action.as_str()) {
                    fault(format!(
                        "{action} is allowed on all resources, and could be limited to {:?}",
                        supported.resources
                    ));
                }
            }
        }
        for key in
            statement["Condition"].as_object().into_iter().flatten().flat_map(|(_, keys)| keys.as_object()).flatten()
        {
            let key = key.0;
            let is_global = GLOBAL.contains(&key.as_str());
            let is_of_token = key.starts_with("token.actions.githubusercontent.com:");
            for (action, supported) in &supported {
                let is_supported = supported.conditions.iter().any(|condition| {
                    condition.split_once('$').map_or(condition == key, |(start, _)| key.starts_with(start))
                });
                if !(is_supported || is_global || (is_of_token && *action == "sts:AssumeRoleWithWebIdentity")) {
                    fault(format!("{action} has no condition {key}"));
                }
            }
        }
        faults
    }
}

/// Text or a list of texts.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(texts) => texts.iter().map(|text| text.as_str().expect("text").to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Whether an ARN of a policy, which may hold wildcards, can be one of a kind.
fn overlaps(kind: &str, arn: &str) -> bool {
    let parts = |text: &str| -> Vec<String> { text.splitn(6, ':').map(str::to_owned).collect() };
    let (kind, arn) = (parts(kind), parts(arn));
    if kind.len() != 6 || arn.len() != 6 || kind[2] != arn[2] {
        return false;
    }
    // An empty region or account must be empty in both.
    if [3, 4].iter().any(|&part| kind[part].is_empty() != arn[part].is_empty()) {
        return false;
    }
    let start = |text: &str, wild: &[char]| text.split(wild).next().unwrap_or_default().to_owned();
    let (kind, arn) = (start(&kind[5], &['$']), start(&arn[5], &['*', '?', '$']));
    kind.starts_with(&arn) || arn.starts_with(&kind)
}

/// The policies of the environment that Terraform plans, by their places.
fn planned() -> Vec<(String, Vec<Value>)> {
    let path = root().join("terraform/environments/test/tests/planned.json");
    let resources: BTreeMap<String, Value> =
        serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON");
    let mut policies = Vec::new();
    for (address, resource) in &resources {
        for field in ["policy", "assume_role_policy"] {
            if let Some(document) = resource["values"][field].as_str() {
                let document: Value = serde_json::from_str(document).expect("JSON");
                let statements = document["Statement"].as_array().expect("statements").clone();
                policies.push((format!("{address} {field}"), statements));
            }
        }
    }
    assert!(policies.len() > 25, "{}", policies.len());
    policies
}

/// A value for each gap of the statement files, so that no statement is left out for want of resources.
fn sample(gap: &str) -> Value {
    let arn = |service: &str, resource: &str| json!([format!("arn:aws:{service}:eu-west-1:111122223333:{resource}")]);
    let iam = |resource: &str| json!([format!("arn:aws:iam::111122223333:{resource}")]);
    match gap {
        "users" | "never" | "users_one_by_one" => iam("user/ci-*"),
        "own" | "owners" => iam("user/*/${aws:username}"),
        "in_bulk" | "one_by_one" | "anywhere" => json!(["*"]),
        "parameters" => arn("ssm", "parameter/ci/*"),
        "secrets" | "replicated" | "former_secrets" | "delivered" | "own_secrets" | "readable" | "webhooks" => {
            arn("secretsmanager", "secret:x-??????")
        }
        "event_buses" => arn("events", "event-bus/default"),
        "topics" => arn("sns", "keyrota"),
        "kms_keys" | "kms_keys_by_alias" | "former_kms_keys" => arn("kms", "key/*"),
        "kms_aliases" => json!(["alias/keys"]),
        "mail_identities" => arn("ses", "identity/example.com"),
        "roles" | "execution_role" | "passed_roles" | "read_roles" => iam("role/keyrota"),
        "reader_policies" | "read_policies" => iam("policy/keyrota-reader-*"),
        "boundary" => json!("arn:aws:iam::111122223333:policy/keyrota-boundary"),
        "logs" => arn("logs", "log-group:/aws/lambda/keyrota:*"),
        "queues" => arn("sqs", "keyrota-failed"),
        "evidence" => json!(["arn:aws:s3:::keyrota-evidence/*"]),
        "measured" | "parts" | "lists" | "results" => json!(["arn:aws:s3:::keyrota-fleet/runs/*"]),
        "evidence_buckets" | "fleet_buckets" | "shared" => json!(["arn:aws:s3:::keyrota-fleet"]),
        "functions" => arn("lambda", "function:keyrota"),
        "state_machine" => arn("states", "stateMachine:keyrota"),
        "executions" => arn("states", "execution:keyrota:*"),
        "kms_key" => arn("kms", "key/11111111-2222-3333-4444-555555555555"),
        "found" => json!(["*"]),
        "find_accounts" => {
            json!(["organizations:DescribeOrganization", "organizations:ListAccounts", "organizations:ListRoots"])
        }
        "look_into_units" => {
            json!(["organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"])
        }
        "units" => json!(["arn:aws:organizations::*:ou/o-*/ou-*", "arn:aws:organizations::*:root/o-*/r-*"]),
        "read_tags" => json!(["organizations:ListTagsForResource"]),
        "organization_accounts" => json!(["arn:aws:organizations::*:account/o-*/*"]),
        "tags" => json!({ "StringLike": { "iam:ResourceTag/team": ["payments"] } }),
        "tag_keys" => json!(["Owner"]),
        "replica_regions" => json!(["eu-central-1"]),
        "via" => json!("secretsmanager.*.amazonaws.com"),
        "mail_from" | "user" => json!("text"),
        "index" => json!(0),
        other => panic!("no sample for `{other}`"),
    }
}

/// A file of statements, and no state machine or template of CloudFormation.
fn is_statements(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".json.tftpl") && !name.ends_with(".asl.json.tftpl") && name != "stack-set.json.tftpl"
}

/// The statement files of the modules, each with all of its statements.
fn files() -> Vec<(String, Vec<Value>)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("terraform/modules")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if is_statements(&path) {
                let text = fs::read_to_string(&path).expect("readable");
                let gaps = text.split("${").skip(1).map(|rest| rest.split('}').next().expect("closed"));
                let gaps: BTreeSet<&str> =
                    gaps.map(|gap| gap.trim_start_matches("jsonencode(").trim_end_matches(')')).collect();
                let values = gaps.into_iter().map(|gap| (gap, sample(gap))).collect();
                let name = path.strip_prefix(root().join("terraform/modules")).expect("within").display().to_string();
                let name = name.trim_end_matches(".json.tftpl").to_owned();
                let statements = terraform::statements_of(&name, &values);
                files.push((name, statements));
            }
        }
    }
    assert!(files.len() > 7, "{}", files.len());
    files
}

#[test]
fn every_action_exists_and_supports_its_resources_and_conditions() {
    let reference = Reference::read();
    let mut used = BTreeSet::new();
    let mut faults = Vec::new();
    for (place, statements) in planned().into_iter().chain(files()) {
        for statement in &statements {
            faults.extend(reference.faults(&place, statement, &mut used));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let unused: Vec<_> = reference.0.keys().filter(|action| !used.contains(*action)).collect();
    assert!(unused.is_empty(), "the table has actions that no policy names: {unused:?}");
}

#[test]
fn a_statement_that_iam_would_not_understand_is_seen() {
    let reference = Reference::read();
    for (statement, expected) in [
        (json!({ "Action": ["iam:CreateAccessKeys"], "Resource": ["*"] }), "there is no action"),
        (json!({ "Action": ["iam:ListUsers"], "Resource": ["arn:aws:iam::111122223333:user/a"] }), "can't be limited"),
        (
            json!({ "Action": ["iam:CreateAccessKey"], "Resource": ["arn:aws:iam::111122223333:role/a"] }),
            "can't be limited",
        ),
        (
            json!({ "Action": ["iam:CreateAccessKey"], "Resource": ["arn:aws:iam::111122223333:user/a", "arn:aws:sqs:eu-west-1:1:a"] }),
            "is none that",
        ),
        (json!({ "Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "*" }), "on all resources"),
        (
            json!({
                "Action": ["iam:CreateAccessKey"], "Resource": ["arn:aws:iam::111122223333:user/a"],
                "Condition": { "StringEquals": { "iam:PermissionsBoundary": "x" } },
            }),
            "has no condition",
        ),
    ] {
        let faults = reference.faults("here", &statement, &mut BTreeSet::new());
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{statement}: {faults:?}");
    }
}
