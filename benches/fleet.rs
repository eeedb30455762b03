//! What a run over an organisation costs: time, calls and memory, of one function that works off all accounts and of a fleet that
//! gives each an invocation. `cargo bench --bench fleet` prints a table.
//!
//! The accounts are sandboxes as if they were far away (`tests/it/support/remote.rs`): each call takes 30 ms, and the IAM of each
//! account refuses what comes faster than 20 a second. That time is a virtual one: it leaves out what the processor takes. What an
//! invocation does beside its run is counted as calls: it enters its account in four, and leaves its result in one. Memory is real,
//! above that of the simulated accounts; each line is a process of its own.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "../tests/it/support/remote.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod remote;

#[path = "../tests/it/support/loopback.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod loopback;

#[path = "fleet_parts/clients.rs"]
mod clients;

use std::{
    env, fs,
    io::{self, Seek},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use keyrota::{
    apply::Conditions,
    cloud::{
        Reads,
        sandbox::{IamUser, Sandbox, StoredSecret, StoredVersion, World},
    },
    evidence::{self, Look, Merging, Part, Provenance, Subject, calendars, gather},
    fleet::{AboutAttempt, Attempt, Expected, Listed, Merge, RunId},
    inventory::{Account, CURRENT, Key, KeyId, LastUse, SmtpUse, Status, TAG_NOTIFIED, TAG_OWNER},
    manifest::{self, Manifest},
    report::json::Whole,
    run::{Mode, Run},
    workload::Workload,
};
use remote::{Limit, Remote, Server};
use tokio::time::Instant as Virtual;

const LATENCY: Duration = Duration::from_millis(30);
const RATE: f64 = 20.0;
const ACCOUNTS: usize = 1_000;
const USERS: usize = 500;
/// One user in so many has a key that is due.
const DUE: usize = 50;
/// A fleet's invocation, before its first call.
const START: Duration = Duration::from_millis(200);
/// Calls of an invocation beside its run: who it is, its role twice, what it has done before, the list twice, its mark and its result.
const BESIDE: usize = 8;
/// Results that the merge reads at the same time.
const READ_AT_A_TIME: usize = 8;
/// What an invocation is called.
const MADE: &str = "20261123T080000000Z-bench";

#[derive(Clone, Copy)]
enum What {
    /// One function, whose time is so many seconds; `None`: it has all the time of the world.
    One(Option<u64>),
    /// So many invocations at the same time.
    Fleet(usize),
    /// One of those.
    Invocation,
    /// What they did, made one.
    Merge,
    /// The reports of accounts for auditors, made one, as JSON; and as a page.
    Evidence(bool),
    /// The clients of all accounts, kept or given back.
    Clients(bool),
}

const LINES: [(&str, What); 10] = [
    ("one function, without an end", What::One(None)),
    ("one function, 15 minutes", What::One(Some(900))),
    ("fleet, 10 at a time", What::Fleet(10)),
    ("fleet, 40 at a time", What::Fleet(40)),
    ("  one of its invocations", What::Invocation),
    ("  its merge", What::Merge),
    ("  45,000 keys for auditors", What::Evidence(false)),
    ("  the same with its page", What::Evidence(true)),
    ("clients, all kept", What::Clients(false)),
    ("clients, given back", What::Clients(true)),
];

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let Some(folder) = arguments.iter().position(|argument| argument == "--write") {
        return write(Path::new(&arguments[folder + 1]));
    }
    let Some(line) = arguments.iter().position(|argument| argument == "--line") else { return table() };
    let (_, what) = LINES[arguments[line + 1].parse::<usize>().expect("the number of a line")];
    let Figures { done, calls, seconds, processor, memory } = measure(what);
    println!("{done} {calls} {seconds} {processor} {memory}");
}

/// What a line measured.
#[derive(Default)]
struct Figures {
    /// Accounts that were worked off.
    done: usize,
    calls: usize,
    seconds: f64,
    /// Seconds that this machine took, the simulated accounts included.
    processor: f64,
    /// MiB above what was there before.
    memory: u64,
}

fn table() {
    println!("{ACCOUNTS} accounts of {USERS} users, 2 % due; 30 ms a call, 20 calls a second and account; simulated");
    println!("{:<32} {:>8} {:>9} {:>10} {:>10} {:>9}", "", "accounts", "calls", "makespan", "processor", "peak MiB");
    for (number, (name, _)) in LINES.into_iter().enumerate() {
        let own = env::current_exe().expect("this program");
        let output = Command::new(own).args(["--line", &number.to_string()]).output().expect("this program runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let output = String::from_utf8(output.stdout).expect("numbers");
        let numbers: Vec<f64> = output.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let [done, calls, seconds, processor, memory] = numbers[..] else { panic!("{name}: {output}") };
        println!("{name:<32} {done:>8} {calls:>9} {seconds:>8.0} s {processor:>8.1} s {memory:>9.0}");
    }
}

fn measure(what: What) -> Figures {
    let began = Instant::now();
    let figures = match what {
        What::One(time) => virtually(one(time)),
        What::Fleet(at_a_time) => virtually(fleet(at_a_time)),
        What::Invocation => virtually(async {
            let remote = account(0);
            let before = resident();
            let attempt = invocation(&manifest(), remote).await;
            assert!(attempt.0.is_good());
            Figures { done: 1, calls: attempt.1, seconds: attempt.2, memory: peak() - before, ..Figures::default() }
        }),
        What::Merge => merge(),
        What::Evidence(has_page) => virtually(evidence(has_page)),
        What::Clients(gives_back) => {
            let before = resident();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let done = runtime.block_on(clients::call_all(ACCOUNTS, gives_back));
            Figures { done, calls: 4 * done, memory: peak() - before, ..Figures::default() }
        }
    };
    Figures { processor: began.elapsed().as_secs_f64(), ..figures }
}

/// On a clock that goes on whenever everyone waits for it.
fn virtually(measure: impl Future<Output = Figures>) -> Figures {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(measure)
}

/// One function over all accounts.
async fn one(time: Option<u64>) -> Figures {
    let clouds: Vec<Remote> = (0..ACCOUNTS).map(account).collect();
    let (manifest, before, began) = (manifest(), resident(), Virtual::now());
    // As the function does: it reads until seven tenths of its time are over, less the minute that it keeps.
    let read_until = time.map(|time| began + Duration::from_secs((time - 60) / 10 * 7));
    let ends = time.map(|time| began + Duration::from_secs(time - 60));
    let earlier = Workload { is_kept: true, ..Workload::default() };
    let run = Run { read_until, earlier: &earlier, ..Run::new(&manifest, &clouds, Mode::Enforce, now()) };
    let planned = run.plan(&|_| {}).await.expect("the sandboxes list");
    let may_start = || ends.is_none_or(|ends| Virtual::now() < ends);
    let applied = planned.apply(&Conditions { may_start: &may_start, ..Conditions::new(&now) }, &|_| {}).await;
    assert!(applied.outcomes.iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(planned.accounts.len() + planned.plan.accounts_unread.len(), ACCOUNTS, "each is accounted for");
    let mut workload = earlier.clone();
    planned.measure(Some(&applied), &mut workload);
    let done = workload.accounts.values().filter(|one| one.left_since.is_none()).count();
    let calls = clouds.iter().map(|cloud| cloud.server.count()).sum::<usize>() + 2 * ACCOUNTS;
    Figures { done, calls, seconds: began.elapsed().as_secs_f64(), memory: peak() - before, ..Figures::default() }
}

/// An invocation of its own for each account, so many at a time; then the merge.
async fn fleet(at_a_time: usize) -> Figures {
    let (manifest, began) = (manifest(), Virtual::now());
    let invocations = (0..ACCOUNTS).map(|number| {
        let manifest = &manifest;
        async move { invocation(manifest, account(number)).await }
    });
    let mut invocations = stream::iter(invocations).buffer_unordered(at_a_time);
    let (mut done, mut calls) = (0, 0);
    while let Some((attempt, own, _)) = invocations.next().await {
        done += usize::from(attempt.is_good());
        calls += own;
    }
    let reads = ACCOUNTS.div_ceil(READ_AT_A_TIME);
    let seconds = began.elapsed().as_secs_f64() + LATENCY.as_secs_f64() * u32::try_from(reads).map_or(0.0, f64::from);
    // The lists and the results, and what is left of the merge.
    Figures { done, calls: calls + ACCOUNTS + 10, seconds, ..Figures::default() }
}

/// Runs in one account, as an invocation of a fleet does. Returns what it leaves, its calls and its seconds.
async fn invocation(manifest: &Manifest, remote: Remote) -> (Attempt, usize, f64) {
    let began = Virtual::now();
    tokio::time::sleep(START + LATENCY * u32::try_from(BESIDE).expect("few")).await;
    let clouds = [remote];
    let planned = Run::new(manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("the sandbox lists");
    let applied = planned.apply(&Conditions::new(&now), &|_| {}).await;
    assert!(applied.outcomes.iter().all(|outcome| outcome.result.is_ok()));
    let of = clouds[0].account();
    let account = Listed { id: of.id.clone(), name: of.name.clone(), membership: None, unread_since: None };
    let run = run_id();
    let (at, manifests) = (now(), "m");
    let about =
        AboutAttempt { run: &run, account: &account, made: MADE, manifests, began: at, ended: at, commit: None };
    let attempt = Attempt::new(&about, &planned, Some(&applied), None);
    (attempt, clouds[0].server.count() + BESIDE, began.elapsed().as_secs_f64())
}

/// Merges what a thousand invocations left, which is in files here.
fn merge() -> Figures {
    let folder = env::temp_dir().join(format!("keyrota-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a writable folder");
    // Another process makes them, so that its memory is not counted.
    let own = env::current_exe().expect("this program");
    let written = Command::new(own).args(["--write"]).arg(&folder).status();
    assert!(written.is_ok_and(|status| status.success()));
    let before = resident();
    let mut merge = Merge::new("bench", Mode::Enforce, Workload::default());
    for number in 0..ACCOUNTS {
        let id = id(number);
        let text = fs::read(folder.join(&id)).expect("what was written");
        let run = run_id();
        let expected = Expected { run: &run, account: &id, made: MADE, manifests: "m", now: now() };
        let attempt = Attempt::parse(&text, &expected).expect("what was written");
        merge.add(vec![(attempt, false)], now()).expect("there is room");
    }
    let merged = merge.finish(&manifest(), now()).expect("there is room");
    assert!(!merged.verdict.has_failures() && merged.accounts == ACCOUNTS);
    let whole = Whole {
        revision: None,
        as_of: now(),
        digest: merged.digest,
        unread: &merged.unread,
        refused: &merged.refused,
        mail: Vec::new(),
    };
    let mut report = tempfile::tempfile().expect("there is room");
    merged.report.write(&whole, &mut io::BufWriter::new(&report)).expect("there is room");
    let mut history = tempfile::tempfile().expect("there is room");
    merged.history.write(Vec::new(), &mut io::BufWriter::new(&mut history)).expect("there is room");
    let memory = peak() - before;
    assert!(report.seek(io::SeekFrom::End(0)).expect("a file") > 1_000_000);
    fs::remove_dir_all(&folder).expect("its own folder");
    let seconds = LATENCY.as_secs_f64() * f64::from(u32::try_from(ACCOUNTS.div_ceil(READ_AT_A_TIME)).expect("few"));
    Figures { done: ACCOUNTS, calls: ACCOUNTS + 10, seconds, memory, ..Figures::default() }
}

/// Makes one report for auditors of those of 90 accounts.
async fn evidence(has_page: bool) -> Figures {
    const REPORTED: usize = 90;
    let text = {
        let (manifest, clouds) = (manifest(), [account(0)]);
        let planned =
            Run::new(&manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("the sandbox lists");
        let looks: Vec<Look<'_>> = planned.accounts.iter().map(Look::new).collect();
        let (provenance, viewpoint) = (Provenance::default(), now().into());
        evidence::json::render(&gather(Subject {
            manifest: &manifest,
            provenance: &provenance,
            accounts: &looks,
            plan: &planned.plan,
            viewpoint,
            calendars: &calendars(&looks, viewpoint),
            chronicle: None,
        }))
    };
    let before = resident();
    let parts: Vec<Part> = (0..REPORTED).map(|_| Part::parse(text.as_bytes()).expect("what was rendered")).collect();
    let provenance = Provenance::default();
    let merging = Merging { provenance: &provenance, fingerprint: "m", unread: &[], left_out: &[] };
    let report = evidence::merge(parts, &merging).expect("there are parts");
    let file = tempfile::tempfile().expect("there is room");
    evidence::json::write(&report, &mut io::BufWriter::new(&file)).expect("there is room");
    if has_page {
        assert!(evidence::html::render(&report).len() > 1_000_000);
    }
    Figures { done: REPORTED, memory: peak() - before, ..Figures::default() }
}

/// Writes what the invocations leave.
fn write(folder: &Path) {
    virtually(async {
        let manifest = manifest();
        for number in 0..ACCOUNTS {
            let (attempt, ..) = invocation(&manifest, account(number)).await;
            fs::write(folder.join(id(number)), attempt.render()).expect("a writable folder");
        }
        Figures::default()
    });
}

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn run_id() -> RunId {
    RunId::new("bench", Mode::Enforce).expect("a name")
}

fn manifest() -> Manifest {
    let text = "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n[mail]\nfrom = \"keyrota@example.com\"\n\
                [pace]\nmax-rotations = 0\n[[rotate]]\nusers = [\"svc-*\"]\n";
    let loaded = manifest::load_files(vec![("keyrota.toml".to_owned(), text.as_bytes().to_vec())], now());
    loaded.manifest.expect("a valid manifest")
}

fn id(number: usize) -> String {
    format!("{:012}", 100_000_000_000_usize + number)
}

/// An account whose users have secrets that keyrota made.
fn account(number: usize) -> Remote {
    let (partition, region) = ("aws".to_owned(), "eu-west-1".to_owned());
    let name = Some(format!("team-{number:04}"));
    let account = Account { id: id(number), name, partition, region, membership: None };
    let user_name = |user: usize| format!("svc-{user:04}");
    let key_id = |user: usize| KeyId::new(format!("AKIA{number:08}{user:08}"));
    let user = |user: usize| {
        let created = now() - TimeDelta::days(if user.is_multiple_of(DUE) { 95 } else { 10 });
        let key = Key { id: key_id(user), status: Status::Active, created, last_use: LastUse::Never };
        let (name, path) = (user_name(user), "/".to_owned());
        IamUser { name, path, groups: Vec::new(), tags: <_>::default(), smtp: SmtpUse::NoSign, keys: vec![key] }
    };
    let secret = |user: usize| {
        let (id, labels) = (key_id(user).version_id(), vec![CURRENT.to_owned()]);
        let tags = [(TAG_OWNER.to_owned(), user_name(user)), (TAG_NOTIFIED.to_owned(), key_id(user).to_string())];
        StoredSecret {
            name: format!("/aws/iam/credentials/{}", user_name(user)),
            tags: tags.into(),
            versions: vec![StoredVersion { id, labels, digest: None }],
            ..StoredSecret::default()
        }
    };
    let world =
        World { users: (0..USERS).map(user).collect(), secrets: (0..USERS).map(secret).collect(), ..World::default() };
    let sandbox = Sandbox::new(account, world);
    sandbox.set_now(now());
    Remote::new(sandbox, Server::new(LATENCY, Limit::of(RATE)))
}

/// Memory of this process in MiB, as Linux tells; 0 elsewhere.
fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn resident() -> u64 {
    memory("VmRSS:")
}

fn peak() -> u64 {
    memory("VmHWM:").max(resident())
}
