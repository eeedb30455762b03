//! An organisation in an emulator, and the state machine that Terraform makes there.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    support::deployment::{self, Caller, Deployment},
    terraform,
};

/// Where the function runs, which manages the organisation.
const HOME: &str = "999988887777";
/// The other accounts of the organisation.
pub const ACCOUNTS: usize = 50;
/// How many are worked off at the same time.
const AT_A_TIME: usize = 4;
pub const EXTERNAL_ID: &str = "keyrota-4f1c";
const SUMMARY: &str = "security@example.com";

const MANIFEST: &str = r#"
version = 1
[defaults]
notify = ["tag:email"]
[mail]
from = "keyrota@example.com"
digest = ["security@example.com"]
[organization]
role = "keyrota"
external-id = "keyrota-4f1c"
units = ["Workloads"]
[[rotate]]
users = ["ci-*"]
"#;

pub struct Fleet {
    pub deployment: Deployment,
    home: Caller,
    /// Their ids.
    pub accounts: Vec<String>,
    state_machine: String,
}

/// One execution, and the run that it is of.
pub struct Execution {
    arn: String,
    pub run: String,
}

impl Fleet {
    /// Fifty accounts, each with a user whose key is 95 days old, and a role that trusts the function.
    pub fn new() -> Self {
        let mut deployment = Deployment::start(true);
        deployment.set_clock(Utc::now() - TimeDelta::days(95));
        let home = deployment.root(HOME);
        let mut fleet = Self { accounts: organization(&home), home, deployment, state_machine: String::new() };
        for account in &fleet.accounts {
            let caller = fleet.deployment.root(account);
            let owner = format!("owner-{account}@example.com");
            let fields = [("UserName", "ci-deploy"), ("Tags.member.1.Key", "email"), ("Tags.member.1.Value", &owner)];
            caller.query("iam", "CreateUser", &fields).expect("a user");
            caller.query("iam", "CreateAccessKey", &[("UserName", "ci-deploy")]).expect("a key");
            fleet.lay_role(account, EXTERNAL_ID);
        }
        fleet.deployment.set_clock(Utc::now());
        fleet.deploy();
        fleet
    }

    /// Lays the role that keyrota assumes in an account; another one goes.
    pub fn lay_role(&self, account: &str, external_id: &str) {
        let caller = self.deployment.root(account);
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": { "AWS": format!("arn:aws:iam::{HOME}:role/keyrota") },
            "Condition": { "StringEquals": { "sts:ExternalId": external_id } },
        }] });
        let trust = trust.to_string();
        let made = caller.query("iam", "CreateRole", &[("RoleName", "keyrota"), ("AssumeRolePolicyDocument", &trust)]);
        if made.is_err() {
            let fields = [("RoleName", "keyrota"), ("PolicyDocument", trust.as_str())];
            caller.query("iam", "UpdateAssumeRolePolicy", &fields).expect("the role is there");
        }
        // Of its own account alone.
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            {
                "Effect": "Allow",
                "Action": ["iam:Get*", "iam:List*", "iam:GenerateCredentialReport", "secretsmanager:ListSecrets"],
                "Resource": "*",
            },
            { "Effect": "Allow", "Action": "iam:*AccessKey*", "Resource": format!("arn:aws:iam::{account}:user/ci-*") },
            {
                "Effect": "Allow",
                "Action": "secretsmanager:*",
                "Resource": format!("arn:aws:secretsmanager:*:{account}:secret:/aws/iam/credentials/*"),
            },
        ] });
        let fields = [("RoleName", "keyrota"), ("PolicyName", "rotation"), ("PolicyDocument", &policy.to_string())];
        caller.query("iam", "PutRolePolicy", &fields).expect("a policy");
    }

    /// The function with the policies of Terraform, its buckets, and the state machine.
    fn deploy(&mut self) {
        let home = &self.home;
        for bucket in ["fleet", "evidence"] {
            let place = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                         <LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
            home.put_text("s3", &format!("/keyrota-{bucket}"), place).expect("a bucket");
        }
        let identity = json!({ "EmailIdentity": "keyrota@example.com" });
        home.rest("ses", "POST", "/v2/email/identities", &identity).expect("a sender");
        let role = |name: &str, service: &str, statements: Vec<Value>| {
            let trust = json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": service },
            }] });
            let trust = trust.to_string();
            let fields = [("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
            home.query("iam", "CreateRole", &fields).expect("a role");
            let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
            let fields = [("RoleName", name), ("PolicyName", "own"), ("PolicyDocument", policy.as_str())];
            home.query("iam", "PutRolePolicy", &fields).expect("a policy");
        };
        role("keyrota", "lambda.amazonaws.com", statements_of_function());
        role("keyrota-fleet", "states.amazonaws.com", statements_of_map());

        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("manifests")).expect("a folder");
        fs::write(folder.path().join("manifests/keyrota.toml"), MANIFEST).expect("a manifest");
        let package = deployment::package(Path::new(env!("CARGO_BIN_EXE_bootstrap")), folder.path());
        let function = json!({
            "FunctionName": "keyrota",
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": format!("arn:aws:iam::{HOME}:role/keyrota"),
            "Code": { "ZipFile": BASE64_STANDARD.encode(package) },
            "Timeout": 900,
            "MemorySize": 512,
            "LoggingConfig": { "LogFormat": "JSON" },
            "Environment": { "Variables": {
                "KEYROTA_FLEET": "s3://keyrota-fleet",
                "KEYROTA_EVIDENCE": "s3://keyrota-evidence",
            } },
        });
        let function = home.rest("lambda", "POST", "/2015-03-31/functions", &function).expect("a function");
        let function = function["FunctionArn"].as_str().expect("an ARN");
        let machine = json!({
            "name": "keyrota",
            "definition": definition(function),
            "roleArn": format!("arn:aws:iam::{HOME}:role/keyrota-fleet"),
        });
        let made = home.target("states", "AWSStepFunctions.CreateStateMachine", &machine).expect("a state machine");
        self.state_machine = made["stateMachineArn"].as_str().expect("an ARN").to_owned();
    }

    /// Starts an execution.
    pub fn start(&self, input: &Value) -> Execution {
        let fields = json!({ "stateMachineArn": self.state_machine, "input": input.to_string() });
        let started = self.home.target("states", "AWSStepFunctions.StartExecution", &fields).expect("an execution");
        let arn = started["executionArn"].as_str().expect("an ARN").to_owned();
        let own = arn.rsplit(':').next().expect("a name").to_owned();
        Execution { arn, run: input["run"].as_str().map_or(own, str::to_owned) }
    }

    fn described(&self, execution: &Execution) -> Value {
        let fields = json!({ "executionArn": execution.arn });
        self.home.target("states", "AWSStepFunctions.DescribeExecution", &fields).expect("an execution")
    }

    pub fn is_running(&self, execution: &Execution) -> bool {
        self.described(execution)["status"] == "RUNNING"
    }

    /// Waits until it has ended, and tells how.
    pub fn end_of(&self, execution: &Execution, patience: Duration) -> Value {
        let began = Instant::now();
        while self.is_running(execution) {
            assert!(began.elapsed() < patience, "it does not end: {:#?}", self.deployment.log(HOME, "keyrota"));
            thread::sleep(Duration::from_millis(200));
        }
        self.described(execution)
    }

    /// Calls the function as the state machine does.
    ///
    /// # Errors
    /// The message of its error.
    pub fn invoke(&self, event: &Value) -> Result<Value, String> {
        let answer = self.home.rest("lambda", "POST", "/2015-03-31/functions/keyrota/invocations", event);
        let answer = answer.expect("an answer");
        match answer["errorMessage"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// The names of the objects of a bucket below a prefix.
    pub fn objects(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let path = format!("/keyrota-{bucket}?list-type=2&max-keys=1000&prefix={}", prefix.replace('/', "%2F"));
        let answer = self.home.rest("s3", "GET", &path, &Value::Null).expect("a list");
        let text = answer.as_str().expect("XML").to_owned();
        let document = roxmltree::Document::parse(&text).expect("XML");
        assert!(!text.contains("<IsTruncated>true"), "more than a page");
        let keys = document.descendants().filter(|node| node.tag_name().name() == "Key");
        keys.filter_map(|node| node.text()).map(str::to_owned).collect()
    }

    pub fn object(&self, bucket: &str, name: &str) -> String {
        let answer =
            self.home.rest("s3", "GET", &format!("/keyrota-{bucket}/{name}"), &Value::Null).expect("an object");
        match answer {
            Value::String(text) => text,
            value => value.to_string(),
        }
    }

    pub fn put(&self, bucket: &str, name: &str, text: &str) {
        self.home.put_text("s3", &format!("/keyrota-{bucket}/{name}"), text).expect("written");
    }

    /// The results of a run so far: by account, whether each try did everything.
    pub fn results(&self, run: &str) -> BTreeMap<String, Vec<bool>> {
        let prefix = format!("runs/{run}/enforce/results/");
        let mut results = BTreeMap::<String, Vec<bool>>::new();
        for name in self.objects("fleet", &prefix) {
            let (account, file) = name.strip_prefix(&prefix).and_then(|rest| rest.split_once('/')).expect("a result");
            results.entry(account.to_owned()).or_default().push(file.ends_with(".done.json"));
        }
        results
    }

    /// The last report of a run.
    pub fn report(&self, run: &str) -> Value {
        let names = self.objects("fleet", &format!("runs/{run}/enforce/report/"));
        let last = names.iter().max().expect("a report");
        serde_json::from_str(&self.object("fleet", last)).expect("JSON")
    }

    /// An account as the run listed it.
    pub fn listed(&self, run: &str, account: &str) -> Value {
        let names = self.objects("fleet", &format!("runs/{run}/enforce/accounts/"));
        let all: Value = serde_json::from_str(&self.object("fleet", &names[0])).expect("JSON");
        all["accounts"].as_array().expect("a list").iter().find(|one| one["id"] == account).expect("listed").clone()
    }

    /// The lines of metrics in the log.
    pub fn metrics(&self) -> Vec<Value> {
        let log = self.deployment.log(HOME, "keyrota");
        let lines = log.iter().filter(|line| line.contains("\"_aws\""));
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The summaries that were sent.
    pub fn summaries(&self) -> Vec<String> {
        let url = format!("{}/_ministack/ses/messages?account={HOME}", self.deployment.url);
        let mail: Value = ureq::get(url).call().and_then(|mut answer| answer.body_mut().read_json()).expect("mail");
        let all = mail["messages"][HOME].as_array().cloned().unwrap_or_default();
        let is_summary = |mail: &Value| mail["To"] == json!([SUMMARY]);
        all.iter()
            .filter(|mail| is_summary(mail))
            .map(|mail| mail["BodyText"].as_str().expect("text").to_owned())
            .collect()
    }

    /// How many keys the user of an account has that work, and how many that do not.
    pub fn keys(&self, account: &str) -> (usize, usize) {
        let caller = self.deployment.root(account);
        let answer = caller.query("iam", "ListAccessKeys", &[("UserName", "ci-deploy")]).expect("keys");
        let text = answer.as_str().expect("XML").to_owned();
        let document = roxmltree::Document::parse(&text).expect("XML");
        let statuses = document.descendants().filter(|node| node.tag_name().name() == "Status");
        let (active, inactive): (Vec<_>, Vec<_>) = statuses.partition(|node| node.text() == Some("Active"));
        (active.len(), inactive.len())
    }
}

/// The accounts of an organisation, all in one unit.
fn organization(home: &Caller) -> Vec<String> {
    let call = |action: &str, fields: Value| {
        home.target("organizations", &format!("AWSOrganizationsV20161128.{action}"), &fields).expect("an answer")
    };
    let root = call("ListRoots", json!({}))["Roots"][0]["Id"].clone();
    let unit = call("CreateOrganizationalUnit", json!({ "ParentId": root, "Name": "Workloads" }));
    let unit = &unit["OrganizationalUnit"]["Id"];
    let one = |number: usize| {
        let fields =
            json!({ "AccountName": format!("team-{number:02}"), "Email": format!("team-{number}@example.com") });
        let id = call("CreateAccount", fields)["CreateAccountStatus"]["AccountId"].clone();
        call("MoveAccount", json!({ "AccountId": id, "SourceParentId": root, "DestinationParentId": unit }));
        id.as_str().expect("an id").to_owned()
    };
    (0..ACCOUNTS).map(one).collect()
}

/// What Terraform grants to the function.
fn statements_of_function() -> Vec<Value> {
    let none = json!([]);
    let mut values = BTreeMap::from([
        ("measured", none.clone()),
        ("evidence_buckets", none.clone()),
        ("parts", json!(["arn:aws:s3:::keyrota-fleet/*"])),
        ("fleet_buckets", json!(["arn:aws:s3:::keyrota-fleet"])),
    ]);
    let mut statements = terraform::statements_of("function/statements/share", &values);
    // ministack knows no `s3:if-none-match`.
    statements.iter_mut().filter(|one| one["Sid"] == "AddParts").for_each(|one| drop(one["Condition"].take()));
    statements.iter_mut().filter_map(Value::as_object_mut).for_each(|one| one.retain(|_, value| !value.is_null()));
    values = BTreeMap::from([
        ("mail_identities", json!([format!("arn:aws:ses:eu-west-1:{HOME}:identity/keyrota@example.com")])),
        ("mail_from", json!("keyrota@example.com")),
        ("roles", json!(["arn:aws:iam::*:role/keyrota"])),
        ("own_secrets", none.clone()),
        ("event_buses", none.clone()),
        ("topics", none.clone()),
        ("webhooks", none.clone()),
        ("find_accounts", json!(["organizations:DescribeOrganization", "organizations:ListRoots"])),
        ("anywhere", json!(["*"])),
        (
            "look_into_units",
            json!(["organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"]),
        ),
        // ministack authorizes these for all resources.
        ("units", json!(["*"])),
        ("read_tags", none.clone()),
        ("organization_accounts", none),
    ]);
    statements.extend(terraform::statements_of("access/statements/caller", &values));
    let evidence =
        json!({ "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::keyrota-evidence/*"] });
    statements.push(evidence);
    statements
}

/// What Terraform grants to the state machine.
pub fn statements_of_map() -> Vec<Value> {
    let values = BTreeMap::from([
        ("functions", json!([format!("arn:aws:lambda:eu-west-1:{HOME}:function:keyrota")])),
        ("lists", json!(["arn:aws:s3:::keyrota-fleet/runs/*/lists/*"])),
        ("results", json!(["arn:aws:s3:::keyrota-fleet/runs/*/map/*"])),
        ("state_machine", json!([format!("arn:aws:states:eu-west-1:{HOME}:stateMachine:keyrota")])),
        (
            "executions",
            json!([
                format!("arn:aws:states:eu-west-1:{HOME}:execution:keyrota:*"),
                format!("arn:aws:states:eu-west-1:{HOME}:execution:keyrota/Accounts:*"),
            ]),
        ),
        ("kms_key", json!([])),
        ("via", json!("s3.eu-west-1.amazonaws.com")),
    ]);
    terraform::statements_of("fleet/statements", &values)
}

/// The state machine as Terraform fills it in.
pub fn definition(function: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("terraform/modules/fleet/state-machine.asl.json.tftpl");
    let mut text = fs::read_to_string(path).expect("readable");
    let retry = json!([{ "ErrorEquals": ["Lambda.TooManyRequestsException", "Throttled"], "IntervalSeconds": 1, "BackoffRate": 2 }]);
    for (name, value) in [
        ("name", "keyrota"),
        ("partition", "aws"),
        ("function_arn", function),
        ("bucket", "keyrota-fleet"),
        ("max_concurrency", &AT_A_TIME.to_string()),
        ("tolerated_failure_percentage", "100"),
        ("timeout", "3600"),
        ("retry", &retry.to_string()),
    ] {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    let parsed: Result<Value, _> = serde_json::from_str(&text);
    assert!(parsed.is_ok() && !text.contains("${"), "{text}");
    text
}
