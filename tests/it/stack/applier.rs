//! Creates what Terraform plans, each resource by the call that the provider makes for it.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::{ACCOUNTS, HOME, planned};
use crate::support::deployment::{Caller, Deployment, Refusal};

/// In this order; what is not here, the applier does not know.
const ORDER: [&str; 18] = [
    "aws_kms_key",
    "aws_kms_alias",
    "aws_cloudwatch_log_group",
    "aws_sqs_queue",
    "aws_sns_topic",
    "aws_sns_topic_policy",
    "aws_sns_topic_subscription",
    "aws_iam_policy",
    "aws_iam_openid_connect_provider",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_sesv2_email_identity",
    "aws_lambda_function",
    "aws_lambda_function_event_invoke_config",
    "aws_scheduler_schedule_group",
    "aws_scheduler_schedule",
    "aws_cloudwatch_metric_alarm",
];

/// What was made.
pub struct Stack {
    /// The resources by their addresses, with what was only known once they were made.
    pub resources: BTreeMap<String, Value>,
    pub created: Vec<String>,
}

/// The account of a resource, as its address tells.
pub fn account_of(address: &str) -> &'static str {
    ACCOUNTS.iter().find(|(module, _)| address.starts_with(module)).map_or(HOME, |(_, account)| account)
}

/// Makes the resources; `package` is the function's zip file.
pub fn apply(deployment: &Deployment, package: &[u8]) -> Stack {
    let mut resources = planned();
    let mut created = Vec::new();
    for kind in ORDER {
        let addresses: Vec<String> = resources
            .iter()
            .filter(|(_, resource)| resource["type"] == kind)
            .map(|(address, _)| address.clone())
            .collect();
        for address in addresses {
            let caller = deployment.root(account_of(&address));
            let values = resources[&address]["values"].clone();
            let answer = create(&caller, kind, &values, package);
            let answer = answer.unwrap_or_else(|refusal| panic!("{address} can't be created: {refusal}\n{values:#}"));
            if kind == "aws_kms_key" {
                // Its ARN is the one thing that a plan can't know.
                let text = serde_json::to_string(&resources).expect("JSON");
                let id = answer["KeyMetadata"]["KeyId"].as_str().expect("a key's id");
                resources = serde_json::from_str(&text.replace(super::UNKNOWN_KEY, id)).expect("JSON");
            }
            created.push(address);
        }
    }
    Stack { resources, created }
}

fn text<'a>(values: &'a Value, name: &str) -> &'a str {
    values[name].as_str().unwrap_or_else(|| panic!("`{name}` is no text in {values:#}"))
}

/// Numbers and truths are sent as text.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The block of a resource, of which it has one.
fn block<'a>(values: &'a Value, name: &str) -> &'a Value {
    &values[name][0]
}

#[expect(clippy::too_many_lines, reason = "a table: a resource and its call")]
fn create(caller: &Caller, kind: &str, values: &Value, package: &[u8]) -> Result<Value, Refusal> {
    match kind {
        "aws_kms_key" => {
            let key = json!({ "Description": values["description"], "Policy": values["policy"] });
            let made = caller.target("kms", "TrentService.CreateKey", &key)?;
            let id = text(&made["KeyMetadata"], "KeyId");
            assert_eq!(values["enable_key_rotation"], true);
            caller.json("kms", "TrentService.EnableKeyRotation", &[("KeyId", id)])?;
            Ok(made)
        }
        "aws_kms_alias" => {
            let fields = [("AliasName", text(values, "name")), ("TargetKeyId", text(values, "target_key_id"))];
            caller.json("kms", "TrentService.CreateAlias", &fields)
        }
        "aws_cloudwatch_log_group" => {
            let name = text(values, "name");
            let group = [("logGroupName", name), ("kmsKeyId", text(values, "kms_key_id"))];
            caller.json("logs", "Logs_20140328.CreateLogGroup", &group)?;
            let retention = json!({ "logGroupName": name, "retentionInDays": values["retention_in_days"] });
            caller.target("logs", "Logs_20140328.PutRetentionPolicy", &retention)
        }
        "aws_sqs_queue" => {
            let attributes = json!({
                "MessageRetentionPeriod": shown(&values["message_retention_seconds"]),
                "KmsMasterKeyId": values["kms_master_key_id"],
            });
            let queue = json!({ "QueueName": values["name"], "Attributes": attributes });
            caller.target("sqs", "AmazonSQS.CreateQueue", &queue)
        }
        "aws_sns_topic" => {
            let (name, value) = ("Attributes.entry.1.key", "Attributes.entry.1.value");
            let fields =
                [("Name", text(values, "name")), (name, "KmsMasterKeyId"), (value, text(values, "kms_master_key_id"))];
            caller.query("sns", "CreateTopic", &fields)
        }
        "aws_sns_topic_policy" => {
            let (arn, policy) = (text(values, "arn"), text(values, "policy"));
            let fields = [("TopicArn", arn), ("AttributeName", "Policy"), ("AttributeValue", policy)];
            caller.query("sns", "SetTopicAttributes", &fields)
        }
        "aws_sns_topic_subscription" => {
            let (topic, endpoint) = (text(values, "topic_arn"), text(values, "endpoint"));
            let fields = [("TopicArn", topic), ("Protocol", text(values, "protocol")), ("Endpoint", endpoint)];
            caller.query("sns", "Subscribe", &fields)
        }
        "aws_iam_policy" => {
            let (name, document) = (text(values, "name"), text(values, "policy"));
            let fields =
                [("PolicyName", name), ("PolicyDocument", document), ("Description", text(values, "description"))];
            caller.query("iam", "CreatePolicy", &fields)
        }
        "aws_iam_openid_connect_provider" => {
            let audience = values["client_id_list"][0].as_str().expect("an audience");
            let fields = [("Url", text(values, "url")), ("ClientIDList.member.1", audience)];
            caller.query("iam", "CreateOpenIDConnectProvider", &fields)
        }
        "aws_iam_role" => {
            let mut fields = vec![
                ("RoleName", text(values, "name")),
                ("AssumeRolePolicyDocument", text(values, "assume_role_policy")),
                ("Description", text(values, "description")),
                ("Path", values["path"].as_str().unwrap_or("/")),
            ];
            fields.extend(values["permissions_boundary"].as_str().map(|arn| ("PermissionsBoundary", arn)));
            let duration = shown(&values["max_session_duration"]);
            if !values["max_session_duration"].is_null() {
                fields.push(("MaxSessionDuration", &duration));
            }
            caller.query("iam", "CreateRole", &fields)
        }
        "aws_iam_role_policy" => {
            let (role, name) = (text(values, "role"), text(values, "name"));
            let fields = [("RoleName", role), ("PolicyName", name), ("PolicyDocument", text(values, "policy"))];
            caller.query("iam", "PutRolePolicy", &fields)
        }
        "aws_iam_role_policy_attachment" => {
            let fields = [("RoleName", text(values, "role")), ("PolicyArn", text(values, "policy_arn"))];
            caller.query("iam", "AttachRolePolicy", &fields)
        }
        "aws_sesv2_email_identity" => {
            let tags: Vec<Value> = values["tags"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| json!({ "Key": key, "Value": value }))
                .collect();
            let identity = json!({ "EmailIdentity": values["email_identity"], "Tags": tags });
            caller.rest("ses", "POST", "/v2/email/identities", &identity)
        }
        "aws_lambda_function" => {
            let logging = block(values, "logging_config");
            let function = json!({
                "FunctionName": values["function_name"],
                "Description": values["description"],
                "Role": values["role"],
                "Runtime": values["runtime"],
                "Handler": values["handler"],
                "Architectures": values["architectures"],
                "MemorySize": values["memory_size"],
                "Timeout": values["timeout"],
                "KMSKeyArn": values["kms_key_arn"],
                "Code": { "ZipFile": BASE64_STANDARD.encode(package) },
                "Environment": { "Variables": block(values, "environment")["variables"] },
                "LoggingConfig": {
                    "LogFormat": logging["log_format"],
                    "ApplicationLogLevel": logging["application_log_level"],
                    "SystemLogLevel": logging["system_log_level"],
                    "LogGroup": logging["log_group"],
                },
            });
            caller.rest("lambda", "POST", "/2015-03-31/functions", &function)?;
            let path = format!("/2017-10-31/functions/{}/concurrency", text(values, "function_name"));
            let concurrency = json!({ "ReservedConcurrentExecutions": values["reserved_concurrent_executions"] });
            caller.rest("lambda", "PUT", &path, &concurrency)
        }
        "aws_lambda_function_event_invoke_config" => {
            let path = format!("/2019-09-25/functions/{}/event-invoke-config", text(values, "function_name"));
            let failed = &block(block(values, "destination_config"), "on_failure")["destination"];
            let config = json!({
                "MaximumRetryAttempts": values["maximum_retry_attempts"],
                "MaximumEventAgeInSeconds": values["maximum_event_age_in_seconds"],
                "DestinationConfig": { "OnFailure": { "Destination": failed } },
            });
            caller.rest("lambda", "PUT", &path, &config)
        }
        "aws_scheduler_schedule_group" => {
            caller.rest("scheduler", "POST", &format!("/schedule-groups/{}", text(values, "name")), &json!({}))
        }
        "aws_scheduler_schedule" => {
            caller.rest("scheduler", "POST", &format!("/schedules/{}", text(values, "name")), &schedule(values))
        }
        "aws_cloudwatch_metric_alarm" => {
            caller.target("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", &alarm(values))
        }
        other => panic!("the applier does not know {other}"),
    }
}

/// A schedule as `CreateSchedule` and `UpdateSchedule` take it.
pub fn schedule(values: &Value) -> Value {
    let target = block(values, "target");
    let retry = block(target, "retry_policy");
    json!({
        "Name": values["name"],
        "GroupName": values["group_name"],
        "Description": values["description"],
        "State": values["state"],
        "ScheduleExpression": values["schedule_expression"],
        "ScheduleExpressionTimezone": values["schedule_expression_timezone"],
        "KmsKeyArn": values["kms_key_arn"],
        "FlexibleTimeWindow": { "Mode": block(values, "flexible_time_window")["mode"] },
        "Target": {
            "Arn": target["arn"],
            "RoleArn": target["role_arn"],
            "Input": target["input"],
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": retry["maximum_event_age_in_seconds"],
                "MaximumRetryAttempts": retry["maximum_retry_attempts"],
            },
            "DeadLetterConfig": { "Arn": block(target, "dead_letter_config")["arn"] },
        },
    })
}

/// An alarm as `PutMetricAlarm` takes it.
pub fn alarm(values: &Value) -> Value {
    let dimensions: Vec<Value> = values["dimensions"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect();
    json!({
        "AlarmName": values["alarm_name"],
        "AlarmDescription": values["alarm_description"],
        "Namespace": values["namespace"],
        "MetricName": values["metric_name"],
        "Dimensions": dimensions,
        "Statistic": values["statistic"],
        "Period": values["period"],
        "EvaluationPeriods": values["evaluation_periods"],
        "ComparisonOperator": values["comparison_operator"],
        "Threshold": values["threshold"],
        "TreatMissingData": values["treat_missing_data"],
        "ActionsEnabled": values["actions_enabled"],
        "AlarmActions": values["alarm_actions"],
        "OKActions": values["ok_actions"],
    })
}
