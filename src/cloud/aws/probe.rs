//! What only `doctor` asks. No policy of `terraform/` has to allow any of it.

use async_trait::async_trait;
use aws_config::Region;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;

use super::{
    answer::Answers,
    channels,
    client::{Aws, call, call_in},
    error::malformed,
};
use crate::{
    cloud::{Function, MailAccount, Probes},
    inventory::{CallError, ErrorKind},
};

/// The variable in which the function has the commit of its manifests.
const REVISION: &str = "KEYROTA_REVISION";

impl Aws {
    fn mail_in(&self, region: Option<&str>) -> aws_sdk_sesv2::Client {
        let config =
            aws_sdk_sesv2::config::Builder::from(&self.configs.caller).interceptor(Answers(self.meter.clone()));
        let own = self.configs.caller.region().cloned();
        let region = region.map(|region| Region::new(region.to_owned())).or(own);
        aws_sdk_sesv2::Client::from_conf(config.region(region).build())
    }
}

#[async_trait(?Send)]
impl Probes for Aws {
    async fn reach(&self, region: &str) -> Result<(), CallError> {
        let config = aws_sdk_sts::config::Builder::from(&self.configs.account)
            .interceptor(Answers(self.meter.clone()))
            .region(Some(Region::new(region.to_owned())));
        let sts = aws_sdk_sts::Client::from_conf(config.build());
        call_in(self, Some(region), "sts:GetCallerIdentity", region, || sts.get_caller_identity().send())
            .await
            .map(|_| ())
    }

    async fn mail_identity(&self, identity: &str, region: Option<&str>) -> Result<Option<bool>, CallError> {
        let request = self.mail_in(region).get_email_identity().email_identity(identity);
        match call(self, "ses:GetEmailIdentity", identity, || request.clone().send()).await {
            Ok(answer) => Ok(Some(answer.verified_for_sending_status)),
            Err(error) if is_absent(&error, "NotFoundException") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn mail_account(&self, region: Option<&str>) -> Result<MailAccount, CallError> {
        let (operation, subject) = ("ses:GetAccount", self.subject());
        let request = self.mail_in(region).get_account();
        let answer = call(self, operation, &subject, || request.clone().send()).await?;
        let quota = answer.send_quota.ok_or_else(|| malformed(operation, &subject, "it has no SendQuota"))?;
        Ok(MailAccount {
            has_production_access: answer.production_access_enabled,
            may_send: answer.sending_enabled,
            // SES writes -1 where there is no bound.
            quota: Some(quota.max24_hour_send).filter(|most| *most >= 0.0),
            sent: quota.sent_last24_hours,
        })
    }

    async fn kms_key(&self, key: &str) -> Result<Option<String>, CallError> {
        let operation = "kms:DescribeKey";
        let config = aws_sdk_kms::config::Builder::from(&self.configs.account).interceptor(Answers(self.meter.clone()));
        let kms = aws_sdk_kms::Client::from_conf(config.build());
        let answer = match call(self, operation, key, || kms.describe_key().key_id(key).send()).await {
            Err(error) if is_absent(&error, "NotFoundException") => return Ok(None),
            answer => answer?,
        };
        let state = answer.key_metadata.and_then(|key| key.key_state);
        let state = state.ok_or_else(|| malformed(operation, key, "it has no KeyState"))?;
        Ok(Some(state.as_str().to_owned()))
    }

    async fn event_bus(&self, bus: &str) -> Result<bool, CallError> {
        channels::event_bus(self, bus).await
    }

    async fn topic(&self, arn: &str) -> Result<bool, CallError> {
        channels::topic(self, arn).await
    }

    async fn webhook(&self, secret: &str) -> Result<(), CallError> {
        channels::webhook_url(self, secret).await.map(drop)
    }

    async fn github(&self) -> Result<bool, CallError> {
        match self.github.has_credentials() {
            true => self.github.actions().await.map(|_| true),
            false => Ok(false),
        }
    }

    async fn function(&self, name: &str) -> Result<Option<Function>, CallError> {
        let operation = "lambda:GetFunctionConfiguration";
        let config =
            aws_sdk_lambda::config::Builder::from(&self.configs.caller).interceptor(Answers(self.meter.clone()));
        let lambda = aws_sdk_lambda::Client::from_conf(config.build());
        let request = lambda.get_function_configuration().function_name(name);
        let answer = match call(self, operation, name, || request.clone().send()).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            answer => answer?,
        };
        let variables = answer.environment.and_then(|environment| environment.variables).unwrap_or_default();
        Ok(Some(Function {
            arn: answer.function_arn.unwrap_or_default(),
            state: answer.state.map(|state| state.as_str().to_owned()),
            reason: answer.last_update_status_reason.or(answer.state_reason),
            update: answer.last_update_status.map(|status| status.as_str().to_owned()),
            architecture: answer.architectures.unwrap_or_default().first().map(|it| it.as_str().to_owned()),
            revision: variables.get(REVISION).cloned().filter(|revision| !revision.is_empty()),
        }))
    }

    async fn not_allowed(&self, actions: &[&str], resource: &str) -> Result<Vec<String>, CallError> {
        let operation = "iam:SimulatePrincipalPolicy";
        let principal = principal(&self.caller);
        let config = aws_sdk_iam::config::Builder::from(&self.configs.account).interceptor(Answers(self.meter.clone()));
        let request = aws_sdk_iam::Client::from_conf(config.build())
            .simulate_principal_policy()
            .policy_source_arn(&principal)
            .set_action_names(Some(actions.iter().map(|&action| action.to_owned()).collect()))
            .resource_arns(resource);
        let answer = call(self, operation, &principal, || request.clone().send()).await?;
        let results = answer.evaluation_results.unwrap_or_default();
        if let Some(missing) = actions.iter().find(|action| results.iter().all(|it| it.eval_action_name != **action)) {
            return Err(malformed(operation, &principal, format!("it says nothing of {missing}")));
        }
        let refused = results.into_iter().filter(|it| it.eval_decision != PolicyEvaluationDecisionType::Allowed);
        Ok(refused.map(|it| it.eval_action_name).collect())
    }
}

/// The role of a session: `arn:aws:sts::1:assumed-role/NAME/SESSION` says all but its path.
fn principal(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, "sts", _, account, session] = parts[..] else { return arn.to_owned() };
    match session.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next()) {
        Some(role) => format!("arn:{partition}:iam::{account}:role/{role}"),
        None => arn.to_owned(),
    }
}

fn is_absent(error: &CallError, code: &str) -> bool {
    error.kind == ErrorKind::NotFound || error.message.starts_with(code) || error.message.contains(&format!("({code})"))
}

#[cfg(test)]
mod tests {
    use super::principal;

    #[test]
    fn a_sessions_role_is_found() {
        assert_eq!(
            principal("arn:aws:sts::111122223333:assumed-role/keyrota-plan/x"),
            "arn:aws:iam::111122223333:role/keyrota-plan"
        );
        for same in ["arn:aws:iam::111122223333:user/ci/a", "arn:aws:iam::111122223333:root"] {
            assert_eq!(principal(same), same);
        }
    }
}
