//! The lives, and how one is lived: runs at fixed days, all calls recorded, one of them struck.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::{Applied, Conditions},
    cloud::aws::{Settings, connect_with},
    inventory::KeyId,
    manifest::{Manifest, load_files},
    report::{Report, json},
    run::{Mode, Run},
};

use super::{
    Figures, Kind, Strike,
    invariants::{Watched, is_write, lies, unfinished},
};
use crate::emulator::{Emulator, Request, State, TestAccount};

const USER: &str = "ci";
const SECRET: &str = "/aws/iam/credentials/ci";
/// What the manifest called it before, in a life that moves.
const FORMER: &str = "/former/ci";

/// How long one try of a call may take.
pub const PATIENCE: Duration = Duration::from_millis(1500);

/// A user and what becomes of it.
pub struct Life {
    pub name: &'static str,
    /// The policy, beside whom to tell.
    defaults: &'static str,
    /// Days after the first run at which there are others; a fault costs a run, so that each step has a second day.
    days: &'static [i64],
    begin: Begin,
}

/// What there is before the first run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// A key that is due, and no secret.
    Unknown,
    /// A key that is due, and is handed out.
    Stored,
    /// The same, and what a run left that died after `CreateAccessKey`.
    Orphan,
    /// A young key that is handed out, and that the manifest reissues.
    Leaked,
    /// A young key that is handed out by a secret of another name than the manifest gives it.
    Elsewhere,
}

// The days end before the new key is due.
const SLOWLY: &str = "rotate-ahead = \"0d\"\noverlap = \"7d\"\nquiet = \"2d\"\nhold = \"14d\"";
const OTHERWISE: &str = "rotate-ahead = \"0d\"\noverlap = \"7d\"\nquiet = \"2d\"\nhold = \"14d\"\nkms-key = \"alias/keys\"\n\
                         replicate-to = [\"eu-central-1\"]";
const AT_ONCE: &str = "rotate-ahead = \"0d\"\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"";

pub const LIVES: &[Life] = &[
    Life { name: "slowly", defaults: SLOWLY, days: &[0, 1, 9, 10, 25, 26, 41, 42, 57, 58], begin: Begin::Stored },
    Life {
        name: "the first time",
        defaults: SLOWLY,
        days: &[0, 1, 9, 10, 25, 26, 41, 42, 57, 58],
        begin: Begin::Unknown,
    },
    Life { name: "at once", defaults: AT_ONCE, days: &[0, 1, 2, 3], begin: Begin::Stored },
    Life {
        name: "orphan",
        defaults: SLOWLY,
        days: &[0, 1, 15, 16, 24, 25, 40, 41, 55, 56, 71, 72, 87],
        begin: Begin::Orphan,
    },
    Life { name: "leak", defaults: AT_ONCE, days: &[0, 1, 2, 3], begin: Begin::Leaked },
    Life { name: "upkeep", defaults: OTHERWISE, days: &[0, 1, 9, 10, 25, 26, 41, 42, 57, 58], begin: Begin::Stored },
    Life { name: "moving", defaults: SLOWLY, days: &[0, 1, 9, 10, 25, 26, 41, 42, 57, 58], begin: Begin::Elsewhere },
];

/// The first run.
fn t0() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("RFC 3339")
}

impl Life {
    /// Lives it with one fault, or without. Yields the calls of each run as well.
    pub async fn live(&self, emulator: &Emulator, strike: Option<&Strike>) -> (Figures, Vec<Vec<Request>>) {
        let account = emulator.account();
        self.begin(&account).await;
        let settings = Settings {
            attempts: 1,
            patience: Duration::ZERO,
            attempt_timeout: PATIENCE,
            consistency: Duration::from_millis(50),
            ..account.settings()
        };
        let mut figures = Figures { lives: 1, ..Figures::default() };
        let (mut watched, mut runs) = (Watched::default(), Vec::new());
        account.watch(USER, SECRET);
        account.take_requests();
        for (number, day) in self.days.iter().enumerate() {
            let now = t0() + TimeDelta::days(*day);
            account.set_clock(now);
            let mail_before = account.sent_mail().len();
            let fault = strike.filter(|strike| strike.run == number);
            fault.into_iter().for_each(|strike| account.add_fault(strike.fault()));
            let began = Instant::now();
            let ran = self.run(&settings, now).await;
            let is_late = match fault.map(|strike| strike.kind) {
                Some(Kind::Hang) => began.elapsed() > PATIENCE * 2,
                _ => ran.text.contains("no answer in time"),
            };
            figures.late_runs += usize::from(is_late);
            account.calm();
            let requests = account.take_requests();
            let state = account.watch(USER, SECRET);
            let mut wrong: Vec<String> = requests.iter().flat_map(|request| watched.see(request)).collect();
            // What a call did that was cut off on its way back is seen after the run, if not before.
            let after = Request { action: "the run".to_owned(), state: Some(state.clone()), ..Request::default() };
            wrong.extend(watched.see(&after));
            wrong.extend(lies(&ran.applied, &state, &account.sent_mail()[mail_before..]));
            wrong.extend(ran.shown(&state));
            figures.runs += 1;
            figures.calls += requests.len();
            figures.failed_runs += usize::from(!ran.is_complete);
            if let Some(strike) = fault
                && requests.iter().any(|request| request.struck)
            {
                *figures.faults.entry(strike.kind).or_default() += 1;
                figures.actions.insert(strike.action.clone());
                if ran.is_complete && must_be_said(strike) {
                    wrong.push("the fault is not said".to_owned());
                }
            } else if strike.is_none() && !ran.is_complete {
                wrong.push(format!("a run without a fault fails: {}", ran.text));
            }
            let what = strike.map_or_else(String::new, |strike| format!("{strike:?}"));
            figures.violations.extend(wrong.into_iter().map(|wrong| {
                let calls: Vec<&str> = requests.iter().map(|request| request.action.as_str()).collect();
                format!("{}, day {day}, {what}: {wrong}\n{calls:?}\n{}", self.name, ran.text)
            }));
            runs.push(requests);
        }
        let state = account.watch(USER, SECRET);
        let ended = format!("{}, {strike:?}", self.name);
        let is_otherwise = self.defaults == OTHERWISE;
        figures.violations.extend(
            unfinished(&state, is_otherwise.then_some("alias/keys"))
                .into_iter()
                .map(|wrong| format!("{ended}: {wrong}\n{state:#?}")),
        );
        // Once more, right after: nothing is left to do.
        let again = self.run(&settings, t0() + TimeDelta::days(*self.days.last().expect("some days"))).await;
        figures.late_runs += usize::from(again.text.contains("no answer in time"));
        let writes: Vec<String> =
            account.take_requests().into_iter().map(|r| r.action).filter(|a| is_write(a)).collect();
        if !writes.is_empty() {
            figures.violations.push(format!("{ended}: running again does {writes:?}"));
        }
        (figures, runs)
    }

    async fn begin(&self, account: &TestAccount) {
        account.allow_sender("example.com").await;
        account.create_user(USER, "/", &[("email", "ci@example.com")], &[]).await;
        let age = if matches!(self.begin, Begin::Leaked | Begin::Elsewhere) { 10 } else { 95 };
        let (key, secret) = account.create_key(USER, t0() - TimeDelta::days(age)).await;
        if self.begin == Begin::Unknown {
            return;
        }
        let tag = |key: &str, value: &str| aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build();
        let secrets = account.secrets();
        let mut tags = vec![tag("Owner", USER), tag("keyrota:notified", key.as_str())];
        if self.begin == Begin::Orphan {
            let intent = t0() - TimeDelta::days(1);
            tags.push(tag("keyrota:intent", &intent.format("%Y-%m-%dT%H:%M:%SZ").to_string()));
            account.create_key(USER, intent + TimeDelta::seconds(1)).await;
        }
        let mut name = SECRET;
        if self.begin == Begin::Elsewhere {
            name = FORMER;
            tags.push(tag("keyrota:user", &format!("arn:aws:iam::{}:user/{USER}", account.id)));
        }
        secrets.create_secret().name(name).set_tags(Some(tags)).send().await.expect("a new secret");
        let value = serde_json::json!({ "AccessKeyId": key.as_str(), "SecretAccessKey": expose(&secret) }).to_string();
        let put = secrets.put_secret_value().secret_id(name).client_request_token(key.version_id());
        put.secret_string(value).send().await.expect("a first version");
    }

    fn manifest(&self, now: DateTime<Utc>) -> Manifest {
        let reissue = match self.begin {
            Begin::Leaked => {
                format!("reissue-before = {}\n", (t0() - TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ"))
            }
            _ => String::new(),
        };
        let shared = format!(
            "version = 1\n[defaults]\nnotify = [\"tag:email\"]\n{}\n{reissue}[mail]\nfrom = \"security@example.com\"\n\
             digest = [\"digest@example.com\"]\n[[rotate]]\nusers = [\"{USER}\"]\n",
            self.defaults
        );
        let loaded = load_files(vec![("keyrota.toml".to_owned(), shared.into_bytes())], now);
        loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    }

    /// A run as the command makes it.
    async fn run(&self, settings: &Settings, now: DateTime<Utc>) -> Ran {
        let manifest = self.manifest(now);
        let connected = match connect_with(settings, &[]).await {
            Ok(connected) => connected.accounts,
            Err(error) => return Ran::stopped(&error.to_string()),
        };
        let planned = match Run::new(&manifest, &connected, Mode::Enforce, now).plan(&|_| {}).await {
            Ok(planned) => planned,
            Err(error) => return Ran::stopped(&format!("{error:?}")),
        };
        planned.check_clock().expect("the Date of the launcher is the true one");
        let applied = planned.apply(&Conditions::new(&|| now), &|_| {}).await;
        let report = Report { applied: Some(&applied), ..Report::new(&planned.plan) };
        let is_complete = planned.verdict(Some(&applied)).is_complete();
        Ran { text: json::render(&report), is_complete, applied }
    }
}

/// What a run left.
struct Ran {
    /// Its report, or why there is none.
    text: String,
    is_complete: bool,
    applied: Applied,
}

impl Ran {
    fn stopped(text: &str) -> Self {
        Self { text: text.to_owned(), is_complete: false, applied: Applied::default() }
    }

    /// The secret keys that its report shows.
    fn shown(&self, state: &State) -> Option<String> {
        let shown = state.keys.iter().find(|key| self.text.contains(&key.secret));
        shown.map(|key| format!("the secret part of {} is shown", KeyId::new(&key.id)))
    }
}

/// Whether a run must not end as if nothing had been. Who may list neither in bulk nor one by one asks otherwise, a tag
/// of a reminder costs a mail too many, and a key that was stored all the same is stored.
fn must_be_said(strike: &Strike) -> bool {
    let is_key = ["CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys", "GetAccessKeyLastUsed"];
    let is_secret = ["CreateSecret", "ReplicateSecretToRegions", "UpdateSecret", "UpdateSecretVersionStage"];
    let is_store = strike.action == "PutSecretValue" && !strike.is_after;
    is_store || is_key.contains(&strike.action.as_str()) || is_secret.contains(&strike.action.as_str())
}

fn expose(secret: &secrecy::SecretString) -> &str {
    use secrecy::ExposeSecret;
    secret.expose_secret()
}
