//! The credentials of a role in another account, as STS hands them out.

use std::time::SystemTime;

use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};

/// A role that is assumed whenever its credentials are asked for, or are over. The provider of the SDK tries again by itself what STS
/// refuses for coming too fast, and nobody knows of it until the time is over.
#[derive(Clone, Debug)]
pub(super) struct Role {
    /// Calls with the caller's own credentials.
    pub sts: aws_sdk_sts::Client,
    pub arn: String,
    /// What its trust policy asks for.
    pub external_id: Option<String>,
}

impl Role {
    async fn assume(&self) -> provider::Result {
        let Self { sts, arn, external_id } = self;
        let assuming = sts.assume_role().role_arn(arn).role_session_name("keyrota");
        let answer = assuming.set_external_id(external_id.clone()).send().await;
        let answer = answer.map_err(CredentialsError::provider_error)?;
        let given = answer.credentials.ok_or_else(|| CredentialsError::unhandled("STS answered no credentials"))?;
        let ends = SystemTime::try_from(given.expiration).map_err(CredentialsError::unhandled)?;
        let (key, token) = (given.access_key_id, Some(given.session_token));
        Ok(Credentials::new(key, given.secret_access_key, token, Some(ends), "keyrota"))
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}
