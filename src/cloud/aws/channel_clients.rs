//! The clients of SNS, EventBridge and Secrets Manager with the credentials of the caller, made when something is to be sent: most
//! runs send nothing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use aws_config::{Region, SdkConfig};

use super::{answer::Answers, meter::Meter, webhook::Webhook};

/// What is sent to beside SES. Clones share their connections, and what is known of webhooks.
#[derive(Clone)]
pub(super) struct Channels {
    /// With the credentials and the region of the caller.
    pub config: SdkConfig,
    pub webhooks: Webhooks,
    clients: Arc<Clients>,
}

/// By the name of the secret. Read once, and by one of those who need it at the same time: what one of them finds out holds for
/// all.
pub(super) type Webhooks = Arc<tokio::sync::Mutex<BTreeMap<String, Arc<Webhook>>>>;

#[derive(Default)]
struct Clients {
    /// By region.
    topics: Mutex<HashMap<String, aws_sdk_sns::Client>>,
    events: Mutex<HashMap<String, aws_sdk_eventbridge::Client>>,
    secrets: Mutex<Option<aws_sdk_secretsmanager::Client>>,
}

impl Channels {
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone(), webhooks: Arc::default(), clients: Arc::default() }
    }

    /// Where something is: by its ARN, or beside the caller.
    pub fn region(&self, arn: &str) -> Option<Region> {
        let named =
            arn.split(':').nth(3).filter(|_| arn.starts_with("arn:")).map(|region| Region::new(region.to_owned()));
        named.or_else(|| self.config.region().cloned())
    }

    pub fn sns(&self, meter: &Meter, region: Option<Region>) -> aws_sdk_sns::Client {
        let config = aws_sdk_sns::config::Builder::from(&self.config).interceptor(Answers(meter.clone()));
        kept(&self.clients.topics, region.as_ref(), || {
            aws_sdk_sns::Client::from_conf(config.region(region.clone()).build())
        })
    }

    pub fn eventbridge(&self, meter: &Meter, region: Option<Region>) -> aws_sdk_eventbridge::Client {
        let config = aws_sdk_eventbridge::config::Builder::from(&self.config).interceptor(Answers(meter.clone()));
        let new = || aws_sdk_eventbridge::Client::from_conf(config.region(region.clone()).build());
        kept(&self.clients.events, region.as_ref(), new)
    }

    pub fn secrets(&self, meter: &Meter) -> aws_sdk_secretsmanager::Client {
        let mut kept = self.clients.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let config = aws_sdk_secretsmanager::config::Builder::from(&self.config);
            aws_sdk_secretsmanager::Client::from_conf(config.interceptor(Answers(meter.clone())).build())
        };
        kept.get_or_insert_with(new).clone()
    }
}

/// The client of a region.
fn kept<C: Clone>(all: &Mutex<HashMap<String, C>>, region: Option<&Region>, new: impl FnOnce() -> C) -> C {
    let region = region.map(ToString::to_string).unwrap_or_default();
    all.lock().unwrap_or_else(PoisonError::into_inner).entry(region).or_insert_with(new).clone()
}
