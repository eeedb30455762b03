//! What the deploy roles may change: what a change of the manifests changes, as Terraform plans it, and no other resource.

use std::{collections::BTreeSet, fs, path::Path};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::{
    FUNCTION, PROD, TEST,
    applier::{self, Stack, account_of},
    assume, package, workflow,
};
use crate::support::deployment::{Caller, Deployment, Refusal};

/// The resources that a change of manifests changes, by the files that `cargo xtask check-terraform` compares: their
/// addresses in the environment, and what becomes of them.
fn changes() -> Vec<(String, String)> {
    let mut changes = BTreeSet::new();
    for (file, prefix) in [("environments/test", ""), ("layers/rotation", "module.rotation.")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("terraform/{file}/tests/changes.json"));
        let runs: Value = serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON");
        let runs = runs.as_object().expect("runs");
        assert!(runs.values().any(|run| !run.as_object().expect("changes").is_empty()), "{file} has changes");
        for (address, action) in runs.values().flat_map(|run| run.as_object().expect("changes")) {
            changes.insert((format!("{prefix}{address}"), action.as_str().expect("text").to_owned()));
        }
    }
    changes.into_iter().collect()
}

/// Whoever ships to an account.
struct Shippers {
    home: Caller,
    prod: Caller,
    test: Caller,
}

impl Shippers {
    async fn new(deployment: &Deployment) -> Self {
        let become_role = async |caller: &Caller, role: String| {
            deployment.caller(assume(deployment, caller, &role).await.unwrap_or_else(|error| panic!("{error}")))
        };
        let home = workflow(deployment, "deploy", "repo:example/access-keys:environment:production").await;
        let home = deployment.caller(home.unwrap_or_else(|error| panic!("{error}")));
        let prod = become_role(&home, format!("arn:aws:iam::{PROD}:role/keyrota-deploy")).await;
        let test = become_role(&home, format!("arn:aws:iam::{TEST}:role/keyrota-deploy")).await;
        Self { home, prod, test }
    }

    fn of(&self, address: &str) -> &Caller {
        match account_of(address) {
            PROD => &self.prod,
            TEST => &self.test,
            _ => &self.home,
        }
    }
}

fn text<'a>(values: &'a Value, name: &str) -> &'a str {
    values[name].as_str().unwrap_or_else(|| panic!("`{name}` is no text in {values:#}"))
}

/// Tries to change a resource in every way that its kind can be changed; returns what is refused, and what is not.
fn change(
    caller: &Caller,
    address: &str,
    kind: &str,
    values: &Value,
    package: &[u8],
) -> Vec<(&'static str, Result<Value, Refusal>)> {
    let account = account_of(address);
    let policy = || format!("arn:aws:iam::{account}:policy/{}", text(values, "name"));
    let alarm = || applier::alarm(values);
    match kind {
        "aws_iam_role_policy" => {
            let (role, name) = (text(values, "role"), text(values, "name"));
            let fields = [("RoleName", role), ("PolicyName", name), ("PolicyDocument", text(values, "policy"))];
            vec![("write", caller.query("iam", "PutRolePolicy", &fields))]
        }
        "aws_iam_role" => {
            let name = text(values, "name");
            let trust = [("RoleName", name), ("PolicyDocument", text(values, "assume_role_policy"))];
            let boundary = [("RoleName", name), ("PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess")];
            let attach = [("RoleName", name), ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")];
            vec![
                ("trust others", caller.query("iam", "UpdateAssumeRolePolicy", &trust)),
                ("give it another boundary", caller.query("iam", "PutRolePermissionsBoundary", &boundary)),
                ("attach a policy", caller.query("iam", "AttachRolePolicy", &attach)),
            ]
        }
        "aws_iam_role_policy_attachment" => {
            let fields = [("RoleName", text(values, "role")), ("PolicyArn", text(values, "policy_arn"))];
            vec![("detach", caller.query("iam", "DetachRolePolicy", &fields))]
        }
        "aws_iam_policy" => {
            let arn = policy();
            let fields =
                [("PolicyArn", arn.as_str()), ("PolicyDocument", text(values, "policy")), ("SetAsDefault", "true")];
            vec![("rewrite", caller.query("iam", "CreatePolicyVersion", &fields))]
        }
        "aws_iam_openid_connect_provider" => {
            let arn = format!("arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com");
            let fields = [("OpenIDConnectProviderArn", arn.as_str()), ("ClientID", "other")];
            vec![("trust others", caller.query("iam", "AddClientIDToOpenIDConnectProvider", &fields))]
        }
        "aws_lambda_function" => {
            let path = format!("/2015-03-31/functions/{}", text(values, "function_name"));
            let code = json!({ "ZipFile": BASE64_STANDARD.encode(package) });
            let configuration = json!({ "Description": "another", "Role": values["role"] });
            vec![
                ("ship code", caller.rest("lambda", "PUT", &format!("{path}/code"), &code)),
                ("configure", caller.rest("lambda", "PUT", &format!("{path}/configuration"), &configuration)),
            ]
        }
        "aws_lambda_function_event_invoke_config" => {
            let path = format!("/2019-09-25/functions/{}/event-invoke-config", text(values, "function_name"));
            vec![("configure", caller.rest("lambda", "PUT", &path, &json!({ "MaximumRetryAttempts": 0 })))]
        }
        "aws_scheduler_schedule" => {
            let path = format!("/schedules/{}", text(values, "name"));
            vec![("reschedule", caller.rest("scheduler", "PUT", &path, &applier::schedule(values)))]
        }
        "aws_scheduler_schedule_group" => {
            let path = format!("/schedule-groups/{}", text(values, "name"));
            vec![("delete", caller.rest("scheduler", "DELETE", &path, &json!({})))]
        }
        "aws_cloudwatch_metric_alarm" => {
            vec![("write", caller.target("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", &alarm()))]
        }
        "aws_cloudwatch_log_group" => {
            let fields = json!({ "logGroupName": values["name"], "retentionInDays": 1 });
            vec![("keep it for a day", caller.target("logs", "Logs_20140328.PutRetentionPolicy", &fields))]
        }
        "aws_sqs_queue" => {
            let url = format!("http://127.0.0.1/{account}/{}", text(values, "name"));
            let fields = json!({ "QueueUrl": url, "Attributes": { "MessageRetentionPeriod": "60" } });
            vec![("configure", caller.target("sqs", "AmazonSQS.SetQueueAttributes", &fields))]
        }
        "aws_sns_topic" | "aws_sns_topic_policy" => {
            let name = values["name"].as_str().map(|name| format!("arn:aws:sns:eu-west-1:{account}:{name}"));
            let arn = name.unwrap_or_else(|| text(values, "arn").to_owned());
            let fields = [("TopicArn", arn.as_str()), ("AttributeName", "DisplayName"), ("AttributeValue", "other")];
            vec![("configure", caller.query("sns", "SetTopicAttributes", &fields))]
        }
        "aws_sns_topic_subscription" => {
            let fields =
                [("TopicArn", text(values, "topic_arn")), ("Protocol", "email"), ("Endpoint", "other@example.com")];
            vec![("subscribe others", caller.query("sns", "Subscribe", &fields))]
        }
        "aws_kms_key" => {
            let fields = [("KeyId", super::UNKNOWN_KEY), ("PolicyName", "default"), ("Policy", text(values, "policy"))];
            vec![("write its policy", caller.json("kms", "TrentService.PutKeyPolicy", &fields))]
        }
        "aws_kms_alias" => {
            let fields = [("AliasName", text(values, "name")), ("TargetKeyId", text(values, "target_key_id"))];
            vec![("give it another key", caller.json("kms", "TrentService.UpdateAlias", &fields))]
        }
        "aws_sesv2_email_identity" => {
            let path = format!("/v2/email/identities/{}", text(values, "email_identity"));
            vec![("remove", caller.rest("ses", "DELETE", &path, &json!({})))]
        }
        other => panic!("nobody has tried to change {other}"),
    }
}

/// Makes a resource that a change of the manifests makes: like another of its kind, under another name.
fn make(caller: &Caller, stack: &Stack, address: &str) -> Result<Value, Refusal> {
    // A policy of the execution role, or of readers, in an account that has none yet.
    if address.contains("aws_iam_role_policy") {
        let fields = [("RoleName", FUNCTION), ("PolicyName", "rotation"), ("PolicyDocument", EMPTY)];
        return caller.query("iam", "PutRolePolicy", &fields);
    }
    assert!(address.contains(".module.reader["), "nobody has tried to make {address}");
    let mut names = stack.resources.iter().filter(|(other, resource)| {
        account_of(other) == account_of(address)
            && resource["type"] == "aws_iam_policy"
            && other.contains(".module.boundary")
    });
    let boundary = text(&names.next().expect("a boundary").1["values"], "name");
    let name = format!("{}-reader-new-1a2b3c", boundary.trim_end_matches("-boundary"));
    caller.query("iam", "CreatePolicy", &[("PolicyName", &name), ("PolicyDocument", EMPTY)])
}

/// What Terraform's provider reads of a resource before it plans.
fn read(caller: &Caller, address: &str, kind: &str, values: &Value) -> Vec<Result<Value, Refusal>> {
    let account = account_of(address);
    let name = |field: &str| values[field].as_str().unwrap_or_default().to_owned();
    let iam = |action: &str, fields: &[(&str, &str)]| caller.query("iam", action, fields);
    let json = |service: &str, target: &str, fields: &[(&str, &str)]| caller.json(service, target, fields);
    let get = |service: &str, path: String| caller.rest(service, "GET", &path, &Value::Null);
    match kind {
        "aws_iam_role" | "aws_iam_role_policy_attachment" => {
            let role = if kind == "aws_iam_role" { name("name") } else { name("role") };
            ["GetRole", "ListRolePolicies", "ListAttachedRolePolicies"]
                .map(|action| iam(action, &[("RoleName", &role)]))
                .into()
        }
        "aws_iam_role_policy" => {
            vec![iam("GetRolePolicy", &[("RoleName", &name("role")), ("PolicyName", &name("name"))])]
        }
        "aws_iam_policy" => {
            let arn = format!("arn:aws:iam::{account}:policy/{}", name("name"));
            vec![
                iam("GetPolicy", &[("PolicyArn", &arn)]),
                iam("GetPolicyVersion", &[("PolicyArn", &arn), ("VersionId", "v1")]),
                iam("ListPolicyVersions", &[("PolicyArn", &arn)]),
            ]
        }
        "aws_iam_openid_connect_provider" => {
            let arn = format!("arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com");
            vec![iam("GetOpenIDConnectProvider", &[("OpenIDConnectProviderArn", &arn)])]
        }
        "aws_lambda_function" | "aws_lambda_function_event_invoke_config" => {
            let function = name("function_name");
            vec![
                get("lambda", format!("/2015-03-31/functions/{function}")),
                get("lambda", format!("/2015-03-31/functions/{function}/versions")),
                get("lambda", format!("/2020-06-30/functions/{function}/code-signing-config")),
                get("lambda", format!("/2019-09-25/functions/{function}/event-invoke-config")),
            ]
        }
        "aws_scheduler_schedule" => {
            vec![get("scheduler", format!("/schedules/{}?groupName={}", name("name"), name("group_name")))]
        }
        "aws_scheduler_schedule_group" => vec![get("scheduler", format!("/schedule-groups/{}", name("name")))],
        "aws_cloudwatch_metric_alarm" => {
            let alarm = json!({ "AlarmNames": [values["alarm_name"]] });
            let arn = format!("arn:aws:cloudwatch:eu-west-1:{account}:alarm:{}", name("alarm_name"));
            vec![
                caller.target("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", &alarm),
                json("monitoring", "GraniteServiceVersion20100801.ListTagsForResource", &[("ResourceARN", &arn)]),
            ]
        }
        "aws_cloudwatch_log_group" => {
            let arn = format!("arn:aws:logs:eu-west-1:{account}:log-group:{}", name("name"));
            vec![
                json("logs", "Logs_20140328.DescribeLogGroups", &[("logGroupNamePrefix", &name("name"))]),
                json("logs", "Logs_20140328.ListTagsForResource", &[("resourceArn", &arn)]),
            ]
        }
        "aws_sqs_queue" => {
            let url = format!("http://127.0.0.1/{account}/{}", name("name"));
            ["GetQueueAttributes", "ListQueueTags"]
                .map(|action| json("sqs", &format!("AmazonSQS.{action}"), &[("QueueUrl", &url)]))
                .into()
        }
        "aws_sns_topic" | "aws_sns_topic_policy" | "aws_sns_topic_subscription" => {
            let arn = format!("arn:aws:sns:eu-west-1:{account}:{FUNCTION}-alarms");
            let subscription = format!("{arn}:11111111-2222-3333-4444-555555555555");
            vec![
                caller.query("sns", "GetTopicAttributes", &[("TopicArn", &arn)]),
                caller.query("sns", "GetSubscriptionAttributes", &[("SubscriptionArn", &subscription)]),
            ]
        }
        "aws_kms_key" | "aws_kms_alias" => {
            let key = json("kms", "TrentService.ListAliases", &[]);
            let aliases = key.as_ref().ok().and_then(|answer| answer["Aliases"].as_array()).into_iter().flatten();
            let is_own = |alias: &&Value| alias["AliasName"] == format!("alias/{FUNCTION}");
            let id = aliases.clone().find(is_own).map_or_else(String::new, |alias| name_of_key(&alias["TargetKeyId"]));
            let mut all = vec![key];
            for action in ["DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags"] {
                all.push(json("kms", &format!("TrentService.{action}"), &[("KeyId", &id), ("PolicyName", "default")]));
            }
            all
        }
        "aws_sesv2_email_identity" => vec![get("ses", format!("/v2/email/identities/{}", name("email_identity")))],
        other => panic!("nobody has tried to read {other}"),
    }
}

fn name_of_key(id: &Value) -> String {
    id.as_str().unwrap_or_default().to_owned()
}

fn is_denied(result: &Result<Value, Refusal>) -> bool {
    result
        .as_ref()
        .is_err_and(|refusal| ["AccessDenied", "AuthorizationError"].iter().any(|code| refusal.contains(code)))
}

const EMPTY: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}]}"#;

#[tokio::test]
async fn the_deploy_roles_change_what_manifests_change_and_nothing_else() {
    let deployment = Deployment::start(true);
    let package = package();
    let stack = applier::apply(&deployment, package);
    let shippers = Shippers::new(&deployment).await;
    let changes = changes();

    // Terraform reads all of it first.
    for (address, resource) in &stack.resources {
        let kind = text(resource, "type");
        for result in read(shippers.of(address), address, kind, &resource["values"]) {
            assert!(!is_denied(&result), "{address} can't be read: {result:?}");
        }
    }
    // Everything that a change of manifests updates or makes.
    for (address, action) in &changes {
        let caller = shippers.of(address);
        match stack.resources.get(address) {
            Some(resource) => {
                assert!(["create", "update"].contains(&action.as_str()), "{address}: {action}");
                let kind = text(resource, "type");
                for (attempt, result) in change(caller, address, kind, &resource["values"], package) {
                    assert!(result.is_ok(), "{address} must change, but not {attempt}: {result:?}");
                }
            }
            None => {
                assert_eq!(action, "create", "{address}");
                let made = make(caller, &stack, address);
                assert!(made.is_ok(), "{address} must be made: {made:?}");
            }
        }
    }
    // The sender was removed; another comes in its place, with the tag that makes it the stack's.
    let sender = |tags: Value| {
        let identity = json!({ "EmailIdentity": "example.net", "Tags": tags });
        shippers.home.rest("ses", "POST", "/v2/email/identities", &identity)
    };
    assert!(sender(json!([])).is_err(), "an identity that is not the stack's");
    let made = sender(json!([{ "Key": "stack", "Value": FUNCTION }]));
    assert!(made.is_ok(), "{made:?}");

    // And everything else, as well as what goes beyond: no resource is left out.
    let may_change: BTreeSet<&String> = changes.iter().map(|(address, _)| address).collect();
    // Policies of the same roles are told apart by no condition of IAM's.
    let shares_role = |address: &str| {
        [
            "function.aws_iam_role_policy.this[",
            "payments_prod.aws_iam_role_policy.this[\"execution",
            "payments_test.aws_iam_role_policy.this[\"execution",
        ]
        .iter()
        .any(|role| address.contains(role))
    };
    let mut refused = 0;
    for (address, resource) in &stack.resources {
        if may_change.contains(address) || shares_role(address) {
            continue;
        }
        let kind = text(resource, "type");
        for (attempt, result) in change(shippers.of(address), address, kind, &resource["values"], package) {
            assert!(is_denied(&result), "{attempt} {address}: {result:?}");
            refused += 1;
        }
    }
    assert!(refused > 40, "{refused}");
    // The function's concurrency is a setting of a resource that manifests change otherwise.
    let path = format!("/2017-10-31/functions/{FUNCTION}/concurrency");
    let concurrency = shippers.home.rest("lambda", "PUT", &path, &json!({ "ReservedConcurrentExecutions": 5 }));
    assert!(concurrency.is_err(), "{concurrency:?}");
}

/// Who may be which role: a pull request plans, the protected environment ships, and nobody else does either.
#[tokio::test]
async fn each_workflow_gets_its_own_role() {
    let deployment = Deployment::start(true);
    applier::apply(&deployment, package());
    for (subject, plan, deploy) in [
        ("repo:example/access-keys:pull_request", true, false),
        ("repo:example@1234567/access-keys@890123456:pull_request", true, false),
        ("repo:example/access-keys:environment:production", true, true),
        ("repo:example/access-keys:environment:test", false, false),
        ("repo:example/access-keys-2:environment:production", false, false),
        ("repo:eve/access-keys:pull_request", false, false),
    ] {
        for (role, is_allowed) in [("plan", plan), ("deploy", deploy)] {
            let credentials = workflow(&deployment, role, subject).await;
            assert_eq!(credentials.is_ok(), is_allowed, "{role} for {subject}: {credentials:?}");
            let Ok(credentials) = credentials else { continue };
            let caller = deployment.caller(credentials);
            for account in [PROD, TEST] {
                for (suffix, leads) in [("", false), ("-plan", role == "plan"), ("-deploy", role == "deploy")] {
                    let arn = format!("arn:aws:iam::{account}:role/keyrota{suffix}");
                    let assumed = assume(&deployment, &caller, &arn).await;
                    assert_eq!(assumed.is_ok(), leads, "{role} as {arn}");
                }
            }
        }
    }
}

/// With administrator rights granted by mistake, the deploy role of an account is still what its boundary says.
#[tokio::test]
async fn what_someone_grants_to_an_accounts_deploy_role_has_no_effect() {
    let deployment = Deployment::start(true);
    applier::apply(&deployment, package());
    let everything = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    let fields = [("RoleName", "keyrota-deploy"), ("PolicyName", "more"), ("PolicyDocument", everything)];
    deployment.root(PROD).query("iam", "PutRolePolicy", &fields).expect("a policy");
    deployment.root(PROD).query("iam", "CreateUser", &[("UserName", "ci-a")]).expect("a user");
    let shippers = Shippers::new(&deployment).await;
    let attempts: [(&str, &[(&str, &str)]); 5] = [
        ("CreateAccessKey", &[("UserName", "ci-a")]),
        ("CreateUser", &[("UserName", "eve")]),
        ("PutUserPolicy", &[("UserName", "ci-a"), ("PolicyName", "more"), ("PolicyDocument", everything)]),
        ("CreateRole", &[("RoleName", "more"), ("AssumeRolePolicyDocument", everything)]),
        ("TagUser", &[("UserName", "ci-a"), ("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "payments")]),
    ];
    for (action, fields) in attempts {
        let result = shippers.prod.query("iam", action, fields);
        assert!(result.as_ref().is_err_and(|refusal| refusal.contains("AccessDenied")), "{action}: {result:?}");
    }
    let secret = shippers.prod.json("secretsmanager", "secretsmanager.CreateSecret", &[("Name", "x")]);
    assert!(secret.is_err(), "{secret:?}");
}
