//! What `doctor` asks, of an account that has neither SES nor KMS, functions or channels.

use async_trait::async_trait;

use super::Sandbox;
use crate::{
    cloud::{Function, MailAccount, Probes},
    inventory::{CallError, ErrorKind},
};

fn none<T>(operation: &'static str, subject: &str) -> Result<T, CallError> {
    let message = "a sandbox has none of it".to_owned();
    Err(CallError { kind: ErrorKind::Other, operation, subject: subject.to_owned(), message, hint: None })
}

#[async_trait(?Send)]
impl Probes for Sandbox {
    async fn reach(&self, _region: &str) -> Result<(), CallError> {
        Ok(())
    }

    async fn mail_identity(&self, identity: &str, _region: Option<&str>) -> Result<Option<bool>, CallError> {
        none("ses:GetEmailIdentity", identity)
    }

    async fn mail_account(&self, _region: Option<&str>) -> Result<MailAccount, CallError> {
        none("ses:GetAccount", "the sandbox")
    }

    async fn kms_key(&self, key: &str) -> Result<Option<String>, CallError> {
        none("kms:DescribeKey", key)
    }

    async fn event_bus(&self, bus: &str) -> Result<bool, CallError> {
        none("events:DescribeEventBus", bus)
    }

    async fn topic(&self, arn: &str) -> Result<bool, CallError> {
        none("sns:GetTopicAttributes", arn)
    }

    async fn webhook(&self, secret: &str) -> Result<(), CallError> {
        none("secretsmanager:GetSecretValue", secret)
    }

    async fn github(&self) -> Result<bool, CallError> {
        Ok(true)
    }

    async fn function(&self, name: &str) -> Result<Option<Function>, CallError> {
        none("lambda:GetFunctionConfiguration", name)
    }

    async fn not_allowed(&self, _actions: &[&str], resource: &str) -> Result<Vec<String>, CallError> {
        none("iam:SimulatePrincipalPolicy", resource)
    }
}
