//! A bucket of S3 to which files are added, and of which none is changed.

use std::path::Path;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    config::retry::RetryPartition,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use futures::future::LocalBoxFuture;

use super::{
    answer::Answers,
    client::patiently,
    connect::load,
    error::{Failure, malformed},
    meter::Meter,
    profile::Choice,
    retries::NotSlowedDown,
    settings::Settings,
};
use crate::{
    cloud::{
        Archive, ArchiveError,
        throttle::{Throttle, Unanswered},
    },
    inventory::{CallError, ErrorKind},
};

/// What is larger is no history.
const LARGEST: i64 = 64 * 1024 * 1024;

/// A prefix of a bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    throttle: Throttle,
    name: String,
    prefix: String,
}

impl Bucket {
    /// Opens a bucket with the caller's own credentials; nothing is called yet.
    pub async fn open(name: &str, prefix: &str) -> Self {
        Self::open_with(&Settings::default(), name, prefix).await
    }

    /// [`Self::open`] with other patience, or in an emulator.
    pub fn open_with<'a>(settings: &'a Settings, name: &'a str, prefix: &'a str) -> LocalBoxFuture<'a, Self> {
        Box::pin(Self::opened(settings, name, prefix))
    }

    async fn opened(settings: &Settings, name: &str, prefix: &str) -> Self {
        let choice = if settings.target.is_some() { Choice::default() } else { Choice::of_environment() };
        let config = load(settings, &choice).await;
        let builder = aws_sdk_s3::config::Builder::from(&config)
            .interceptor(Answers(Meter::default()))
            .retry_classifier(NotSlowedDown)
            .retry_partition(RetryPartition::custom("s3").build())
            // A name of one's own for the host of each bucket is what emulators have not.
            .force_path_style(has_own_endpoint(&config));
        let (client, throttle) = (Client::from_conf(builder.build()), Throttle::new(settings.patience));
        Self { client, throttle, name: name.to_owned(), prefix: prefix.to_owned() }
    }

    /// A place within this one.
    #[must_use]
    pub fn within(&self, name: &str) -> Self {
        Self { prefix: format!("{}{name}", self.prefix), ..self.clone() }
    }

    /// Its name, and the key of one of its files.
    #[must_use]
    pub fn address(&self, name: &str) -> (&str, String) {
        (&self.name, format!("{}{name}", self.prefix))
    }

    fn place(&self, name: &str) -> String {
        format!("s3://{}/{}{name}", self.name, self.prefix)
    }

    /// Whether S3 refuses every call just now, for coming too fast.
    #[must_use]
    pub fn is_refusing(&self) -> bool {
        self.throttle.is_refusing()
    }

    /// Adds what a file of this machine holds, of which no more than a part is in memory at a time.
    ///
    /// # Errors
    /// As [`Archive::add`]; or the file can't be read.
    pub fn add_file<'a>(&'a self, name: &'a str, file: &'a Path) -> LocalBoxFuture<'a, Result<(), ArchiveError>> {
        Box::pin(self.put(name, move || async move {
            let body = ByteStream::from_path(file).await;
            body.map_err(|error| Self::failed(format!("{} could not be read: {error}", file.display())))
        }))
    }

    async fn put<F: Future<Output = Result<ByteStream, ArchiveError>>>(
        &self,
        name: &str,
        body: impl Fn() -> F,
    ) -> Result<(), ArchiveError> {
        let operation = "s3:PutObject";
        let answer = patiently(&self.throttle, operation, || async {
            let body = body().await.map_err(SdkError::construction_failure)?;
            let put = self.client.put_object().bucket(&self.name).key(format!("{}{name}", self.prefix));
            // What is there is never replaced, whatever the bucket's policy says.
            put.content_type("application/x-ndjson").if_none_match("*").body(body).send().await
        });
        match answer.await {
            Ok(answer) if answer.e_tag().is_some() => Ok(()),
            Ok(_) => Err(Self::failed(malformed(operation, &self.place(name), "it has no ETag").to_string())),
            Err(unanswered) => {
                let failure = failure(operation, &unanswered);
                match failure.code.as_str() {
                    // Names are a run's own: a try before this one has put it there.
                    "PreconditionFailed" => Ok(()),
                    _ => Err(self.error(operation, name, failure)),
                }
            }
        }
    }

    fn failed(message: String) -> ArchiveError {
        ArchiveError { message, hint: None, is_throttled: false }
    }

    fn error(&self, operation: &'static str, name: &str, failure: Failure) -> ArchiveError {
        let Failure { kind, code, message, .. } = failure;
        let hint = match (kind, code.as_str()) {
            (_, "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                Some("the bucket is in another region: set AWS_REGION to that".to_owned())
            }
            (_, "NoSuchBucket") => Some("create the bucket, or correct its name".to_owned()),
            (ErrorKind::Denied, _) => {
                Some(format!("the policy of who runs keyrota, and the bucket's, must allow {operation}"))
            }
            _ => None,
        };
        let failed = CallError { kind, operation, subject: self.place(name), message, hint: None };
        ArchiveError { message: failed.to_string(), hint, is_throttled: kind == ErrorKind::Throttled }
    }
}

#[async_trait(?Send)]
impl Archive for Bucket {
    async fn add(&self, name: &str, content: &str) -> Result<(), ArchiveError> {
        self.put(name, || async { Ok(ByteStream::from(content.as_bytes().to_vec())) }).await
    }

    async fn names(&self, from: &str) -> Result<Vec<String>, ArchiveError> {
        let operation = "s3:ListBucket";
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let list = self
                .client
                .list_objects_v2()
                .bucket(&self.name)
                .set_prefix(Some(self.prefix.clone()).filter(|prefix| !prefix.is_empty()))
                .set_start_after(Some(format!("{}{from}", self.prefix)).filter(|_| !from.is_empty()))
                .set_continuation_token(token);
            let page = patiently(&self.throttle, operation, || list.clone().send()).await;
            let page = page.map_err(|unanswered| self.error(operation, "", failure(operation, &unanswered)))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            // What the console makes for a folder is an object as well.
            let keys = keys.filter_map(|key| key.strip_prefix(self.prefix.as_str())).filter(|key| !key.ends_with('/'));
            names.extend(keys.filter(|key| !key.is_empty()).map(str::to_owned));
            token = page.next_continuation_token().map(str::to_owned);
            match (page.is_truncated().unwrap_or_default(), &token) {
                (false, _) => break,
                (true, Some(_)) => {}
                (true, None) => {
                    let message = malformed(operation, &self.place(""), "there is more, but no token").to_string();
                    return Err(Self::failed(message));
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    async fn content(&self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let operation = "s3:GetObject";
        let get = self.client.get_object().bucket(&self.name).key(format!("{}{name}", self.prefix));
        let answer = patiently(&self.throttle, operation, || get.clone().send()).await;
        let answer = answer.map_err(|unanswered| self.error(operation, name, failure(operation, &unanswered)))?;
        if answer.content_length().is_some_and(|length| length > LARGEST) {
            return Err(Self::failed(format!("{} is too large for a history", self.place(name))));
        }
        let content = answer.body.collect().await;
        let content = content.map_err(|error| Self::failed(format!("{}: {error}", self.place(name))))?;
        Ok(content.to_vec())
    }
}

/// Why a call was not answered.
fn failure<E: ProvideErrorMetadata + std::error::Error + 'static>(
    operation: &str,
    unanswered: &Unanswered<SdkError<E>>,
) -> Failure {
    match unanswered {
        Unanswered::Failed(error) | Unanswered::Refused(Some(error)) => Failure::of(operation, error),
        Unanswered::Refused(None) => Failure::throttled(),
    }
}

fn has_own_endpoint(config: &SdkConfig) -> bool {
    config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some()
}
