//! What no emulator shows of the state machine: that its definition is Amazon States Language as somebody else reads it, and that
//! its role may make each call that the definition makes, and no other.

use std::{fs, process::Command};

use keyrota::{
    fleet::{Made, RunId, accounts, begun, list, map, results},
    run::Mode,
};
use serde_json::Value;
use wildmatch::WildMatch;

use super::setup::{definition, statements_of_map};
use crate::emulator::python;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:999988887777:function:keyrota";

/// What AWS documents for the Distributed Map, and the specification that the validator knows does not have; and a number that is
/// whole, which it wants as `2.0`.
const NEWER_THAN_THE_SPECIFICATION: [&str; 3] = [
    r#"Field "Label" not allowed in State Machine.States.Accounts"#,
    r#"Field "InputType" not allowed in State Machine.States.Accounts.ItemReader.ReaderConfig"#,
    "BackoffRate is 2 but should be a Float",
];

fn problems(definition: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("machine.json");
    fs::write(&file, definition).expect("written");
    let output = Command::new(python("states.txt").with_file_name("statelint")).arg(&file).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let is_known = |line: &&str| NEWER_THAN_THE_SPECIFICATION.iter().any(|known| line.ends_with(known));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.ends_with("errors:"));
    lines.filter(|line| !is_known(line)).map(str::to_owned).collect()
}

#[test]
fn it_is_amazon_states_language_as_a_validator_reads_it() {
    let definition = definition(FUNCTION);
    assert_eq!(problems(&definition), [""; 0]);
    // And the validator does look.
    for (what, broken) in [
        ("a state that nobody reaches", definition.replace("\"Default\": \"None\"", "\"Default\": \"Merge\"")),
        ("a state that is not there", definition.replace("\"Next\": \"Any\"", "\"Next\": \"Some\"")),
        ("a field of another state", definition.replace("\"Type\": \"Pass\",", "\"Type\": \"Pass\", \"Retry\": [],")),
    ] {
        assert!(broken != definition && !problems(&broken).is_empty(), "{what}");
    }
}

/// The texts of a field anywhere in the definition.
fn texts<'v>(value: &'v Value, field: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(field).and_then(Value::as_str));
            fields.values().for_each(|value| texts(value, field, found));
        }
        Value::Array(items) => items.iter().for_each(|value| texts(value, field, found)),
        _ => {}
    }
}

fn allows(statements: &[Value], action: &str, resource: &str) -> bool {
    let list = |value: &Value| -> Vec<String> {
        value.as_array().expect("a list").iter().map(|one| one.as_str().expect("text").to_owned()).collect()
    };
    statements.iter().any(|one| {
        assert_eq!(one["Effect"], "Allow", "a denial would need another reader");
        list(&one["Action"]).iter().any(|own| own == action)
            && list(&one["Resource"]).iter().any(|own| WildMatch::new(own).matches(resource))
    })
}

#[test]
fn its_role_may_make_each_call_of_the_definition_and_no_other() {
    let text = definition(FUNCTION);
    let definition: Value = serde_json::from_str(&text).expect("JSON");
    let statements = statements_of_map();
    let (mut resources, mut functions) = (Vec::new(), Vec::new());
    texts(&definition, "Resource", &mut resources);
    texts(&definition, "FunctionName", &mut functions);
    resources.sort_unstable();
    resources.dedup();
    // Another call would need another statement.
    assert_eq!(
        resources,
        ["arn:aws:states:::lambda:invoke", "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:putObject"]
    );
    assert!(
        functions.len() == 3 && functions.iter().all(|function| allows(&statements, "lambda:InvokeFunction", function))
    );

    let object = |name: &str| format!("arn:aws:s3:::keyrota-fleet/{name}");
    let made = Made { at: "2026-11-23T08:00:00Z".parse().expect("a time"), by: "8476a536".to_owned() };
    let machine = "arn:aws:states:eu-west-1:999988887777:stateMachine:keyrota";
    let execution = |name: &str| format!("arn:aws:states:eu-west-1:999988887777:execution:{name}");
    for name in ["0b1c-77_0d9e", "again@2026+1=x"] {
        for mode in [Mode::Enforce, Mode::Tend, Mode::Plan] {
            let run = RunId::new(name, mode).expect("a name");
            assert!(allows(&statements, "s3:GetObject", &object(&list(&run, &made))));
            // As "ResultWriter (Map)" in the developer guide of Step Functions has the names below the prefix.
            let prefix = definition["States"]["Accounts"]["ResultWriter"]["Parameters"]["Prefix.$"].as_str();
            assert_eq!(prefix, Some("States.Format('runs/{}/{}/map', $.run, $.mode)"));
            for file in ["0b1c/manifest.json", "0b1c/SUCCEEDED_0.json", "0b1c/FAILED_0.json"] {
                let written = object(&format!("{}{file}", map(&run)));
                for action in ["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
                {
                    assert!(allows(&statements, action, &written), "{action} {written}");
                }
            }
            // Nothing else in the bucket: neither what a merge believes, nor what a map could be led to read.
            for other in [accounts(&run), begun(&run), results(&run)] {
                let other = object(&format!("{other}x.json"));
                assert!(
                    !allows(&statements, "s3:PutObject", &other) && !allows(&statements, "s3:GetObject", &other),
                    "{other}"
                );
            }
            assert!(!allows(&statements, "s3:PutObject", &object(&list(&run, &made))));
        }
    }
    assert!(allows(&statements, "states:StartExecution", machine));
    // A child of a Distributed Map is an execution of the machine and the map's label.
    let label = definition["States"]["Accounts"]["Label"].as_str().expect("a label");
    for action in ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"] {
        assert!(allows(&statements, action, &execution(&format!("keyrota/{label}:0b1c"))), "{action}");
    }
    for (action, resource) in [
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:999988887777:function:other"),
        ("lambda:UpdateFunctionCode", FUNCTION),
        ("states:StartExecution", "arn:aws:states:eu-west-1:999988887777:stateMachine:other"),
        ("states:StopExecution", "arn:aws:states:eu-west-1:999988887777:execution:other:0b1c"),
        ("s3:DeleteObject", "arn:aws:s3:::keyrota-fleet/runs/r/enforce/map/x"),
        ("s3:PutObject", "arn:aws:s3:::keyrota-evidence/runs/r/enforce/map/x"),
        ("iam:PassRole", "*"),
    ] {
        assert!(!allows(&statements, action, resource), "{action} {resource}");
    }
}
