//! What a run costs: calls, wall time and peak memory of a plan and of an apply, with 30 ms a call; the same reads one
//! after the other; the review of a change; and the planner alone. `cargo bench` prints a table, with the targets beside.
//!
//! The account is the sandbox behind a wrapper that counts calls and lets each take 30 ms, page by page. So this
//! measures how keyrota orders its calls, not the SDK, the network or AWS's throttling. Each line is a process of its
//! own, so that its peak memory, which holds the simulated account as well, is its own.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::{
    cell::Cell,
    collections::BTreeMap,
    env, fs,
    process::Command,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::Conditions,
    cloud::{
        Issued, Message, NewSecret, Reads, Relevant, Writes,
        sandbox::{IamUser, Sandbox, StoredSecret, StoredVersion, World},
    },
    diff::review::{AccountPair, Review, review},
    inventory::{
        Account, CURRENT, CallError, Destination, Elsewhere, Inventory, Key, KeyId, LastUse, Ledger, Readers, Secret,
        SecretRecord, State, Status, TAG_NOTIFIED, TAG_OWNER, User, Version,
    },
    manifest::{self, Manifest},
    plan::plan,
    report::{Report, Since, json, markdown},
    roster::resolve,
    run::{Mode, Run},
};
use secrecy::SecretString;
use tokio::sync::Semaphore;

const LATENCY: Duration = Duration::from_millis(30);

/// One user in so many has a key that is due.
const DUE: usize = 50;

/// The pages of `GetAccountAuthorizationDetails` and of `ListSecrets`.
const USERS_A_PAGE: usize = 1000;
const SECRETS_A_PAGE: usize = 100;

/// What one process of the benchmark measures.
const LINES: [(&str, &str, usize); 7] = [
    ("plan", "plan, 1,000 users", 1_000),
    ("apply", "plan and apply, 1,000 users", 1_000),
    ("plan", "plan, 5,000 users", 5_000),
    ("apply", "plan and apply, 5,000 users", 5_000),
    ("one-by-one", "plan, 1,000 users, one call at a time", 1_000),
    ("review", "plan --base, 5,000 rotations caused", 5_000),
    ("planner", "the planner alone, 100,000 users", 100_000),
];

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let Some(line) = arguments.iter().position(|argument| argument == "--line") else { return table() };
    let (what, _, users) = LINES[arguments[line + 1].parse::<usize>().expect("the number of a line")];
    let (calls, seconds) = match what {
        "plan" => observe_and(users, usize::MAX, false),
        "apply" => observe_and(users, usize::MAX, true),
        "one-by-one" => observe_and(users, 1, false),
        "review" => (0, reviewed(users)),
        _ => (0, planner(users)),
    };
    println!("{calls} {seconds} {}", peak_memory());
}

/// Runs each line in a process of its own, and prints what it measured.
fn table() {
    println!("30 ms a call, 2 % due; simulated account, no SDK and no network");
    println!("{:<40} {:>7} {:>9} {:>9}  target", "", "calls", "seconds", "peak MiB");
    let mut together = 0.0;
    for (number, (what, name, users)) in LINES.into_iter().enumerate() {
        let own = env::current_exe().expect("this program");
        let output = Command::new(own).args(["--line", &number.to_string()]).output().expect("this program runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let output = String::from_utf8(output.stdout).expect("numbers");
        let numbers: Vec<f64> = output.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let [calls, seconds, memory] = numbers[..] else { panic!("{name}: {output}") };
        let (target, met) = match what {
            "planner" => ("< 0.2 s".to_owned(), seconds < 0.2),
            "review" => ("< 3 s".to_owned(), seconds < 3.0),
            "one-by-one" => (format!("≥ 8 times as long: {:.0}", seconds / together), seconds >= 8.0 * together),
            _ => {
                let most = users + 30 + 12 * users / DUE;
                (format!("calls < {most}"), calls < most as f64)
            }
        };
        if (what, users) == ("plan", 1_000) {
            together = seconds;
        }
        let verdict = if met { "met" } else { "MISSED" };
        println!("{name:<40} {calls:>7} {seconds:>9.3} {memory:>9.0}  {target}: {verdict}");
    }
}

/// Plans an account, and carries the plan out if asked to. Returns the calls and the seconds that it took.
fn observe_and(users: usize, at_a_time: usize, carry_out: bool) -> (usize, f64) {
    let slow = Slow {
        sandbox: Sandbox::new(account(), world(users)),
        calls: Cell::new(0),
        permits: Semaphore::new(at_a_time.min(Semaphore::MAX_PERMITS)),
    };
    slow.sandbox.set_now(now());
    let manifest = manifest();
    let clouds = [slow];
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let planned =
            Run::new(&manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("the sandbox lists");
        assert_eq!(planned.plan.changes.len(), users / DUE);
        if carry_out {
            let applied = planned.apply(&Conditions::new(&now), &|_| {}).await;
            assert!(applied.outcomes.iter().all(|outcome| outcome.result.is_ok()));
        }
    });
    (clouds[0].calls.get(), began.elapsed().as_secs_f64())
}

/// Reviews a change of the manifests by which so many users enter the scope, each with a key that is due, and writes the
/// page. Returns the seconds that it took, beside the calls.
fn reviewed(users: usize) -> f64 {
    let mut world = world(users);
    for key in world.users.iter_mut().flat_map(|user| &mut user.keys) {
        key.created = now() - TimeDelta::days(95);
    }
    let sandbox = Sandbox::new(account(), world);
    sandbox.set_now(now());
    let (before, after) = (Manifest::default(), manifest());
    let account = Some(account());
    let places = [AccountPair { cloud: &sandbox, before: account.clone(), after: account }];
    let later = Some(now() + TimeDelta::days(8));
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let reviewed = runtime.block_on(review(&places, &[], Ok(&before), &after, now().into(), later, &|_| {}));
    let Review { plan, comparison, .. } = reviewed.expect("the sandbox lists");
    let since = Some(Since { revision: "main", commit: "0123456789", comparison: &comparison, notes: &[] });
    let report = Report { plan: &plan, revision: None, since, applied: None };
    let (page, json) = (markdown::render(&report, false), json::render(&report));
    let seconds = began.elapsed().as_secs_f64();
    assert!(plan.changes.len() == users && !json.is_empty());
    assert!(page.len() < markdown::MOST_BYTES, "{} bytes", page.len());
    seconds
}

/// Plans so many users who were read already. Returns the seconds that it took.
fn planner(users: usize) -> f64 {
    let known: Vec<User> = (0..users).map(user).collect();
    let (roster, _) = resolve(&manifest(), &account(), &known, now());
    let state = |number| {
        let id = key_id(number);
        let version = Version { id: id.version_id(), labels: vec![CURRENT.to_owned()] };
        let secret =
            Secret { versions: vec![version], notified: Some(id), readers: Readers::Inside, ..Secret::default() };
        let secret_name = format!("/aws/iam/credentials/{}", name(number));
        let ledger = Ledger { secret: secret_name, confirmed: true, destination: Destination::Own(secret) };
        State { keys: vec![key(number)], ledger, elsewhere: Elsewhere::Nowhere }
    };
    let known = (0..users).map(|number| (name(number), Ok(state(number)))).collect();
    let inventory = Inventory { users: known, ..Inventory::default() };
    let began = Instant::now();
    let plan = plan(&roster, &inventory, now());
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!((plan.changes.len(), plan.settled.len()), (users / DUE, users - users / DUE));
    seconds
}

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn manifest() -> Manifest {
    let text = "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n[mail]\nfrom = \"keyrota@example.com\"\n\
                [[rotate]]\nusers = [\"svc-*\"]\n";
    let loaded = manifest::load_files(vec![("keyrota.toml".to_owned(), text.as_bytes().to_vec())], now());
    loaded.manifest.expect("a valid manifest")
}

fn account() -> Account {
    let (id, partition, region) = ("111122223333".to_owned(), "aws".to_owned(), "eu-west-1".to_owned());
    Account { id, name: None, partition, region }
}

fn name(number: usize) -> String {
    format!("svc-{number:06}")
}

fn key_id(number: usize) -> KeyId {
    KeyId::new(format!("AKIABENCH{number:011}"))
}

fn key(number: usize) -> Key {
    let age = if number.is_multiple_of(DUE) { 95 } else { 10 };
    let created = now() - TimeDelta::days(age);
    Key { id: key_id(number), status: Status::Active, created, last_use: LastUse::Never }
}

fn user(number: usize) -> User {
    let (name, path) = (name(number), "/".to_owned());
    let arn = format!("arn:aws:iam::111122223333:user/{name}");
    User { name, arn, path, tags: BTreeMap::new(), groups: Vec::new(), smtp: None, unreadable: None }
}

/// Users whose keys keyrota issued: each has a secret.
fn world(users: usize) -> World {
    let iam_user = |number| {
        let User { name, path, groups, tags, .. } = user(number);
        IamUser { name, path, groups, tags, smtp: None, keys: vec![key(number)] }
    };
    let secret = |number| {
        let (id, labels) = (key_id(number).version_id(), vec![CURRENT.to_owned()]);
        let tags = [(TAG_OWNER.to_owned(), name(number)), (TAG_NOTIFIED.to_owned(), key_id(number).to_string())];
        StoredSecret {
            name: format!("/aws/iam/credentials/{}", name(number)),
            tags: tags.into(),
            versions: vec![StoredVersion { id, labels, digest: None }],
            ..StoredSecret::default()
        }
    };
    World { users: (0..users).map(iam_user).collect(), secrets: (0..users).map(secret).collect(), ..World::default() }
}

/// The most memory that this process ever had, in MiB, as Linux tells; 0 elsewhere.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The sandbox, with calls that are counted and take their time.
struct Slow {
    sandbox: Sandbox,
    calls: Cell<usize>,
    /// How many calls there may be at a time.
    permits: Semaphore,
}

impl Slow {
    /// Spends the time of one call.
    async fn call(&self) {
        self.calls.set(self.calls.get() + 1);
        let _permit = self.permits.acquire().await.expect("it is never closed");
        tokio::time::sleep(LATENCY).await;
    }

    /// Spends the time of a list: one call a page.
    async fn pages(&self, items: usize, items_a_page: usize) {
        for _ in 0..items.div_ceil(items_a_page).max(1) {
            self.call().await;
        }
    }
}

impl Reads for Slow {
    fn account(&self) -> &Account {
        self.sandbox.account()
    }
    async fn users(&self, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
        let users = self.sandbox.users(relevant).await?;
        self.pages(users.len(), USERS_A_PAGE).await;
        Ok(users)
    }
    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError> {
        let secrets = self.sandbox.secrets().await?;
        self.pages(secrets.len(), SECRETS_A_PAGE).await;
        Ok(secrets)
    }
    async fn describe_secret(&self, name: &str) -> Result<Option<SecretRecord>, CallError> {
        self.call().await;
        self.sandbox.describe_secret(name).await
    }
    async fn resource_policy(&self, name: &str) -> Result<Option<String>, CallError> {
        self.call().await;
        self.sandbox.resource_policy(name).await
    }
    async fn access_keys(&self, user: &str) -> Result<Vec<Key>, CallError> {
        self.call().await;
        self.sandbox.access_keys(user).await
    }
    async fn credential_report(&self) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
        self.call().await;
        self.sandbox.credential_report().await
    }
    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError> {
        self.call().await;
        self.sandbox.last_use(key).await
    }
}

impl Writes for Slow {
    async fn create_secret(&self, secret: &NewSecret) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.create_secret(secret).await
    }
    async fn tag_secret(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.tag_secret(name, tags).await
    }
    async fn untag_secret(&self, name: &str, tags: &[&str]) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.untag_secret(name, tags).await
    }
    async fn replicate_secret(&self, name: &str, regions: &[String], kms_key: Option<&str>) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.replicate_secret(name, regions, kms_key).await
    }
    async fn update_secret(&self, name: &str, kms_key: &str) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.update_secret(name, kms_key).await
    }
    async fn put_secret_value(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
    ) -> Result<Vec<String>, CallError> {
        self.call().await;
        self.sandbox.put_secret_value(name, version, value).await
    }
    async fn move_label(&self, name: &str, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.move_label(name, label, from, to).await
    }
    async fn create_access_key(&self, user: &str) -> Result<Issued, CallError> {
        self.call().await;
        self.sandbox.create_access_key(user).await
    }
    async fn verify(&self, issued: &Issued) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.verify(issued).await
    }
    async fn deactivate_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.deactivate_access_key(user, key).await
    }
    async fn delete_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.delete_access_key(user, key).await
    }
    async fn send_mail(&self, message: &Message) -> Result<(), CallError> {
        self.call().await;
        self.sandbox.send_mail(message).await
    }
}
