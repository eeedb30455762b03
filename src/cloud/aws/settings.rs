//! How AWS is called.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use crate::manifest::{Deliver, GitHub};

/// How patiently to call AWS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to call, and as whom; `None`: as the environment says, as for every AWS tool.
    pub target: Option<Target>,
    /// How often a call is tried in all that fails as one may that works the next time: no answer, or a fault of AWS.
    pub attempts: u32,
    /// How long to go on while AWS refuses every single call for coming too fast. Zero: the first refusal is an answer.
    pub patience: Duration,
    /// The wait before the second attempt; it doubles from there, with jitter.
    pub first_wait: Duration,
    /// The longest wait between two tries.
    pub longest_wait: Duration,
    /// How long in all to wait for a new key to be known.
    pub propagation: Duration,
    /// How long in all to wait for a listing to show what was just done.
    pub consistency: Duration,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
    /// A limit of GitHub's that ends later than this is not waited for.
    pub github_patience: Duration,
    /// How GitHub is called, where credentials are delivered.
    pub github: GitHub,
    /// For one attempt; four times as long for all attempts of a call together.
    pub attempt_timeout: Duration,
    /// What could not be entered or listed by then is given up, so that there is time for the rest; `None`: there is time.
    pub enter_until: Option<Instant>,
}

/// An endpoint with fixed credentials: an emulator.
#[derive(Clone, Debug)]
pub struct Target {
    /// The URL that answers for every service.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The id of the key that signs.
    pub access_key: String,
    /// Its secret part.
    pub secret_key: SecretString,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: None,
            attempts: 8,
            patience: Duration::from_secs(120),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(8),
            propagation: Duration::from_secs(60),
            consistency: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            github_patience: Duration::from_secs(60),
            github: GitHub::default(),
            attempt_timeout: Duration::from_secs(30),
            enter_until: None,
        }
    }
}

impl Settings {
    /// The defaults, with what the manifests say of delivery.
    pub fn delivering(deliver: &Deliver) -> Self {
        Self { github: deliver.github.clone(), ..Self::default() }
    }
}
