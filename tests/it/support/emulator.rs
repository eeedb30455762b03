//! AWS for tests: moto behind `tests/emulator/launcher.py`, which makes it stricter and lets tests break it.
//!
//! One server serves all tests of the process; each test has accounts of its own on it, with their own clock, faults
//! and log. Needs `python3` with `venv`, and PyPI on the first run.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    cloud::aws::{Aws, Settings, Target, connect_with},
    inventory::KeyId,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub use super::environment::python;

/// The region of every account unless a test says otherwise.
pub const REGION: &str = "eu-west-1";

/// One certificate, of nobody: emulators speak without TLS, and to read those of the system is a fifth of a short process.
pub const ROOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulator/root.pem");

/// A running server; ends when dropped, and by itself when this process ends.
pub struct Emulator {
    process: Child,
    url: String,
}

/// An account that no other test uses.
#[derive(Clone)]
pub struct TestAccount {
    pub id: String,
    pub url: String,
    pub region: String,
}

/// A call that the server received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Request {
    pub action: String,
    /// The access key id that signed it.
    pub caller: String,
    /// The region that it was signed for.
    pub region: Option<String>,
    pub user: Option<String>,
    pub key: Option<String>,
    pub secret: Option<String>,
    pub version: Option<String>,
    pub label: Option<String>,
    pub role: Option<String>,
    pub to: Option<String>,
    /// `None` if the connection was dropped.
    pub status: Option<u16>,
    /// The error code.
    pub code: Option<String>,
    /// Whether a [`Fault`] concerned it.
    pub struck: bool,
    /// What [`TestAccount::watch`] watches, right after the call.
    pub state: Option<State>,
}

/// A user's keys and secret, whatever faults there are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct State {
    /// Oldest first.
    pub keys: Vec<WatchedKey>,
    /// The version that each label is on.
    pub labels: BTreeMap<String, String>,
    /// What each version holds.
    pub values: BTreeMap<String, Option<String>>,
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub kms_key: Option<String>,
    /// The regions that it is replicated to.
    #[serde(default)]
    pub replicas: Vec<String>,
}

/// A key in a [`State`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WatchedKey {
    pub id: String,
    pub active: bool,
    pub created: DateTime<Utc>,
    pub secret: String,
}

/// A message that SES accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMail {
    pub from: String,
    pub from_arn: String,
    pub reply_to: Vec<String>,
    pub configuration_set: String,
    /// `EmailTags`.
    pub tags: BTreeMap<String, String>,
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Something that goes wrong once, unless [`Fault::times`] says how often.
#[derive(Clone, Debug, Serialize)]
pub struct Fault(BTreeMap<&'static str, Value>);

impl Fault {
    /// The call is answered with an error, and has no effect.
    pub fn error(action: &str, status: u16, code: &str, message: &str) -> Self {
        Self::of(action).with("status", status).with("code", code).with("message", message)
    }

    /// The connection is closed without an answer, and the call has no effect.
    pub fn drop(action: &str) -> Self {
        Self::of(action).with("drop", true)
    }

    /// The call is answered with this, and has no effect.
    pub fn body(action: &str, status: u16, body: &str) -> Self {
        Self::of(action).with("status", status).with("body", body)
    }

    /// The connection stays open for so long without an answer, and the call has no effect.
    pub fn hang(action: &str, time: Duration) -> Self {
        Self::of(action).with("hang", u64::try_from(time.as_millis()).expect("a short time"))
    }

    /// The true answer comes with every match of a regular expression replaced.
    pub fn replace(action: &str, pattern: &str, replacement: &str) -> Self {
        Self::of(action).with("replace", [pattern, replacement])
    }

    /// The call takes this long, and nothing else is wrong with it.
    pub fn delay(action: &str, delay: Duration) -> Self {
        Self::of(action).with("delay", u64::try_from(delay.as_millis()).expect("a short delay"))
    }

    /// The call stands still before its effect, or with [`Fault::after_effect`] after it, until
    /// [`TestAccount::release`]. The log then shows `Held`.
    pub fn hold(action: &str) -> Self {
        Self::of(action).with("hold", true)
    }

    /// The call takes effect before it is answered with the fault.
    pub fn after_effect(self) -> Self {
        self.with("after", true)
    }

    /// Only calls with this value in a field of [`Request`].
    pub fn only(self, field: &str, value: &str) -> Self {
        self.with("where", json!({ field: value }))
    }

    /// Lets so many matching calls through first.
    pub fn skip(self, calls: u32) -> Self {
        self.with("skip", calls)
    }

    pub fn times(self, calls: u32) -> Self {
        self.with("times", calls)
    }

    pub fn forever(self) -> Self {
        self.times(u32::MAX)
    }

    fn of(action: &str) -> Self {
        Self(BTreeMap::new()).with("action", action)
    }

    fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(field, value.into());
        self
    }
}

impl Emulator {
    /// The server that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Emulator> = LazyLock::new(Emulator::start);
        &SHARED
    }

    /// A server of one's own; takes about a second.
    pub fn start() -> Self {
        let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/launcher.py");
        let mut process = Command::new(python("moto.txt"))
            .arg(&launcher)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} did not start: {error}", launcher.display()));
        let mut port = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut port).expect("readable");
        let port: u16 = port.trim().parse().expect("the launcher prints its port first; see its errors above");
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }

    /// A fresh account.
    pub fn account(&self) -> TestAccount {
        static NEXT: AtomicU64 = AtomicU64::new(200_000_000_000);
        let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        TestAccount { id, url: self.url.clone(), region: REGION.to_owned() }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A fresh account on the shared server.
pub fn account() -> TestAccount {
    Emulator::shared().account()
}

macro_rules! client {
    ($method:ident, $sdk:ident) => {
        /// An SDK client of the account's root, for setting things up.
        pub fn $method(&self) -> $sdk::Client {
            let credentials = aws_credential_types::Credentials::new(&self.id, "any", None, None, "test");
            let config = $sdk::Config::builder()
                .behavior_version_latest()
                .endpoint_url(&self.url)
                .region($sdk::config::Region::new(self.region.clone()))
                .credentials_provider(credentials);
            $sdk::Client::from_conf(config.build())
        }
    };
}

impl TestAccount {
    client!(iam, aws_sdk_iam);
    client!(secrets, aws_sdk_secretsmanager);
    client!(mail, aws_sdk_sesv2);
    client!(parameters, aws_sdk_ssm);
    client!(topics, aws_sdk_sns);
    client!(queues, aws_sdk_sqs);
    client!(buses, aws_sdk_eventbridge);

    /// The same for AWS Organizations.
    pub fn organizations(&self) -> aws_sdk_organizations::Client {
        let credentials = aws_credential_types::Credentials::new(&self.id, "any", None, None, "test");
        let config = aws_sdk_organizations::Config::builder()
            .behavior_version_latest()
            .endpoint_url(&self.url)
            .region(aws_sdk_organizations::config::Region::new(self.region.clone()))
            .credentials_provider(credentials);
        aws_sdk_organizations::Client::from_conf(config.build())
    }

    /// The same for S3, by paths: an emulator has no hosts for buckets.
    pub fn buckets(&self) -> aws_sdk_s3::Client {
        let credentials = aws_credential_types::Credentials::new(&self.id, "any", None, None, "test");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .endpoint_url(&self.url)
            .region(aws_sdk_s3::config::Region::new(self.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// Calls this account as its root, and gives up within milliseconds.
    pub fn settings(&self) -> Settings {
        Settings {
            target: Some(Target {
                endpoint: self.url.clone(),
                region: self.region.clone(),
                access_key: self.id.clone(),
                secret_key: SecretString::from("any"),
            }),
            attempts: 4,
            patience: Duration::from_millis(200),
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(4),
            propagation: Duration::from_millis(100),
            ..Settings::default()
        }
    }

    /// The adapter under test, as the account's root.
    pub async fn connect(&self) -> Aws {
        let connected = connect_with(&self.settings(), &[]).await;
        connected.unwrap_or_else(|error| panic!("{error}")).accounts.remove(0)
    }

    /// The whole environment of a process that works in this account.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            // No profile of the person who runs the tests.
            ("HOME", "/nonexistent".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("SSL_CERT_FILE", ROOTS.to_owned()),
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_ACCESS_KEY_ID", self.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
        ]
    }

    /// A command with [`Self::environment`] and nothing else.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().envs(self.environment());
        command
    }

    pub async fn create_user(&self, name: &str, path: &str, tags: &[(&str, &str)], groups: &[&str]) {
        let tag = |&(key, value): &(&str, &str)| {
            aws_sdk_iam::types::Tag::builder().key(key).value(value).build().expect("key and value are set")
        };
        let iam = self.iam();
        let tags = tags.iter().map(tag).collect();
        iam.create_user().user_name(name).path(path).set_tags(Some(tags)).send().await.expect("a new user");
        for group in groups {
            // Another user's group exists already.
            let _ = iam.create_group().group_name(*group).send().await;
            iam.add_user_to_group().group_name(*group).user_name(name).send().await.expect("a member");
        }
    }

    /// A key created at this time; the account's clock stays there.
    pub async fn create_key(&self, user: &str, at: DateTime<Utc>) -> (KeyId, SecretString) {
        self.set_clock(at);
        let answer = self.iam().create_access_key().user_name(user).send().await.expect("a new key");
        let key = answer.access_key.expect("a key");
        (KeyId::new(&key.access_key_id), SecretString::from(key.secret_access_key))
    }

    /// Lets SES send from this address or domain.
    pub async fn allow_sender(&self, identity: &str) {
        self.mail().create_email_identity().email_identity(identity).send().await.expect("a new identity");
    }

    /// The account's time stands still here from now on.
    pub fn set_clock(&self, time: DateTime<Utc>) {
        self.control("clock", json!({ "time": time.to_rfc3339() }))
    }

    /// Ends every page of this list after so many entries.
    pub fn set_page_size(&self, action: &str, size: u32) {
        self.control("pages", json!({ "action": action, "size": size }))
    }

    /// Lets the `Date` of answers be off by so much.
    pub fn set_date_off(&self, by: TimeDelta) {
        self.control("date", json!({ "seconds": by.num_seconds() }))
    }

    /// Lets every call take this long.
    pub fn set_latency(&self, latency: Duration) {
        self.control("latency", json!({ "milliseconds": latency.as_secs_f64() * 1000.0 }))
    }

    pub fn add_fault(&self, fault: Fault) {
        self.control("fault", json!(fault))
    }

    /// Lets the calls go on that [`Fault::hold`] holds.
    pub fn release(&self) {
        self.control("release", json!({}))
    }

    /// Waits a moment for a call that [`Fault::hold`] holds, and tells whether one stands still.
    pub fn stands_still(&self) -> bool {
        self.control("still", json!({}))
    }

    pub fn set_last_use(&self, key: &KeyId, time: DateTime<Utc>, service: &str) {
        let region = &self.region;
        let time = time.to_rfc3339();
        self.control("last-use", json!({ "key": key.as_str(), "time": time, "service": service, "region": region }))
    }

    /// The calls since this was last asked, in order of arrival. Calls with credentials of a role or a user of this
    /// account are among them.
    pub fn take_requests(&self) -> Vec<Request> {
        self.control("requests", json!({}))
    }

    /// How often each action was called since this was last asked.
    pub fn count_requests(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for request in self.take_requests() {
            *counts.entry(request.action).or_default() += 1;
        }
        counts
    }

    /// Takes back all faults.
    pub fn calm(&self) {
        self.control("calm", json!({}))
    }

    /// The state of a user and their secret; from now on each [`Request`] holds it, too.
    pub fn watch(&self, user: &str, secret: &str) -> State {
        self.control("watch", json!({ "user": user, "secret": secret, "region": self.region }))
    }

    /// What SES has accepted so far.
    pub fn sent_mail(&self) -> Vec<SentMail> {
        let told: Vec<Value> = self.control("mail", json!({}));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let texts = |value: &Value| value.as_array().map(|all| all.iter().map(text).collect()).unwrap_or_default();
        let tags = |value: &Value| -> BTreeMap<String, String> {
            value.as_array().into_iter().flatten().map(|tag| (text(&tag["Name"]), text(&tag["Value"]))).collect()
        };
        let mail = |sent: &Value| SentMail {
            from: text(&sent["FromEmailAddress"]),
            from_arn: text(&sent["FromEmailAddressIdentityArn"]),
            configuration_set: text(&sent["ConfigurationSetName"]),
            tags: tags(&sent["EmailTags"]),
            reply_to: texts(&sent["ReplyToAddresses"]),
            to: texts(&sent["Destination"]["ToAddresses"]),
            subject: text(&sent["Content"]["Simple"]["Subject"]["Data"]),
            text: text(&sent["Content"]["Simple"]["Body"]["Text"]["Data"]),
            html: text(&sent["Content"]["Simple"]["Body"]["Html"]["Data"]),
        };
        told.iter().map(mail).collect()
    }

    fn control<T: DeserializeOwned>(&self, verb: &str, mut body: Value) -> T {
        // Proxies of the environment must not see loopback.
        static AGENT: LazyLock<ureq::Agent> =
            LazyLock::new(|| ureq::Agent::config_builder().proxy(None).build().new_agent());
        body["account"] = json!(self.id);
        let url = format!("{}/_keyrota/{verb}", self.url);
        let answer = AGENT.post(&url).send_json(&body).and_then(|mut answer| answer.body_mut().read_json());
        answer.unwrap_or_else(|error| panic!("{url} with {body}: {error}"))
    }
}
