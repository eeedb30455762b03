//! The connections to AWS, one pool for all accounts: each client would make its own, and hold half a megabyte for it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::RuntimeComponents,
};

/// How long to wait for a connection, and for an answer.
type Timeouts = (Option<Duration>, Option<Duration>);

/// What all clients share: a pool for each set of timeouts, of which there is one.
#[derive(Debug, Default)]
struct Wire(Mutex<Vec<(Timeouts, SharedHttpConnector)>>);

/// What the clients of a run call over: as the SDK's own, with the proxies of the environment.
pub(super) fn wire() -> SharedHttpClient {
    SharedHttpClient::new(Wire::default())
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(known, _)| *known == timeouts) {
            return pool.clone();
        }
        let mut connector = Connector::builder();
        connector.set_sleep_impl(components.sleep_impl());
        let connector = connector
            .connector_settings(settings.clone())
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        let pool = SharedHttpConnector::new(connector);
        pools.push((timeouts, pool.clone()));
        pool
    }
}
