//! What a run costs: calls, time and peak memory, each beside its target. `cargo bench` prints a table.
//!
//! The account is the sandbox as if it were far away (`tests/it/support/remote.rs`): each call takes 30 ms, and IAM refuses
//! those that come faster than the line says. That time is a virtual one. Each line of a run is a ratio as well: to a plain
//! loop that makes the same reads one after the other, in the same account, and asks again what is refused. So this measures how
//! keyrota orders its calls, not the SDK or the network. The last lines are times of the processor, and take it. Each line is a
//! process of its own, so that its peak memory, which holds the simulated account as well, is its own.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "../tests/it/support/remote.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod remote;

use std::{
    collections::BTreeMap,
    env, fs,
    process::Command,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::Conditions,
    cloud::Reads,
    cloud::sandbox::{IamUser, Sandbox, StoredSecret, StoredVersion, World},
    diff::review::{AccountPair, Accounts, Review, review},
    evidence::{self, Look, Provenance, Subject},
    inventory::{
        Account, CURRENT, Destination, Elsewhere, Fact, Inventory, Key, KeyId, Known, LastUse, Ledger, Readers, Secret,
        SmtpUse, State, Status, TAG_NOTIFIED, TAG_OWNER, User, Version, tags,
    },
    manifest::{self, Manifest},
    observe::{Depth, Unmanaged},
    plan::{calendar, plan, rest},
    report::{Report, Since, json, markdown},
    roster::resolve,
    run::{Mode, Run},
};
use remote::{Limit, Remote, Server};
use tokio::time::Instant as Virtual;

const LATENCY: Duration = Duration::from_millis(30);

/// One user in so many has a key that is due.
const DUE: usize = 50;

/// What one line measures.
#[derive(Clone, Copy)]
enum What {
    /// A run of a mode in an account with so many users whose IAM takes so many calls a second, or all.
    Run(Mode, usize, Option<f64>),
    /// What a run that tends reads of so many users whose keys were made evenly, day after day.
    Evenly(usize),
    /// A run that plans, while nothing is taken for half a minute.
    Silence(usize, f64),
    /// Two runs at once.
    Two(usize, f64),
    /// A run that plans, of whose calls this share is refused at random.
    Chance(usize, f64),
    Review(usize),
    /// The planner alone.
    Planner(usize),
    /// Who is in scope, of so many users and rules of a kind.
    Roster(Selectors, usize, usize),
    /// Manifests of so many rules that deliver to GitHub, from two accounts, checked.
    Check(usize),
    /// What an auditor asks of so many users, after the reads, in every format.
    Evidence(usize),
    /// A simulated account in a file.
    File(usize),
}

/// What rules select by: each by one of its own.
#[derive(Clone, Copy)]
enum Selectors {
    Exact,
    Prefix,
    Suffix,
    Middle,
    Within,
    Question,
    Tags,
    TagGlobs,
    Groups,
    Paths,
    /// Everyone, but for so many globs.
    Except,
    /// As many globs in one list.
    List,
}

/// What it is called, what it measures, and at most how many times as long as the plain loop, or how many seconds or calls, it
/// may take.
const LINES: [(&str, What, f64); 33] = [
    ("plan, 1,000 users", What::Run(Mode::Plan, 1_000, None), 0.125),
    ("plan, 5,000 users", What::Run(Mode::Plan, 5_000, None), 0.125),
    ("plan and apply, 300 users", What::Run(Mode::Enforce, 300, None), 0.2),
    ("plan and apply, 5,000 users", What::Run(Mode::Enforce, 5_000, None), 0.125),
    ("tend, 5,000 users that rotated lately", What::Run(Mode::Tend, 5_000, None), 1.0),
    ("tend, 5,000 users that rotate evenly, to plan", What::Evenly(5_000), 300.0),
    ("plan, 5,000 users, 20 a second", What::Run(Mode::Plan, 5_000, Some(20.0)), 1.15),
    ("plan, 1,000 users, 10 a second", What::Run(Mode::Plan, 1_000, Some(10.0)), 1.15),
    ("plan, 300 users, 5 a second", What::Run(Mode::Plan, 300, Some(5.0)), 1.15),
    ("plan, 300 users, 2 a second", What::Run(Mode::Plan, 300, Some(2.0)), 1.15),
    ("plan, 400 users, 10 a second, 30 s of silence", What::Silence(400, 10.0), 1.15),
    ("two plans at once, 1,000 users, 10 a second", What::Two(1_000, 10.0), 1.15),
    ("plan, 5,000 users, 10 % refused at random", What::Chance(5_000, 0.1), 1.5),
    ("plan, 5,000 users, 33 % refused at random", What::Chance(5_000, 0.33), 3.0),
    ("plan, 5,000 users, 50 % refused at random", What::Chance(5_000, 0.5), 4.0),
    ("plan --base, 5,000 rotations caused", What::Review(5_000), 3.0),
    ("the planner alone, 100,000 users", What::Planner(100_000), 0.2),
    ("in scope, 20,000 users, 10,000 names", What::Roster(Selectors::Exact, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 rules `uN-*`", What::Roster(Selectors::Prefix, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 rules `*-sN`", What::Roster(Selectors::Suffix, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 rules `u*-sN`", What::Roster(Selectors::Middle, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 rules `*-mN-*`", What::Roster(Selectors::Within, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 rules `?N-*s*`", What::Roster(Selectors::Question, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 rules by tag", What::Roster(Selectors::Tags, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 globs of a tag", What::Roster(Selectors::TagGlobs, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 rules by group", What::Roster(Selectors::Groups, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 rules by path", What::Roster(Selectors::Paths, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 `except`", What::Roster(Selectors::Except, 20_000, 10_000), 1.0),
    ("in scope, 20,000 users, 10,000 globs in a rule", What::Roster(Selectors::List, 20_000, 10_000), 1.0),
    ("checked, 10,000 rules that deliver to GitHub", What::Check(10_000), 5.0),
    ("the report, 5,000 users, in every format", What::Evidence(5_000), 3.0),
    ("a file of 20,000 users, planned", What::File(20_000), 1.0),
    ("a file of 100,000 users, planned", What::File(100_000), 5.0),
];

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let Some(line) = arguments.iter().position(|argument| argument == "--line") else { return table() };
    let (_, what, _) = LINES[arguments[line + 1].parse::<usize>().expect("the number of a line")];
    let Figures { calls, seconds, plain } = measure(what);
    println!("{calls} {seconds} {plain} {}", peak_memory());
}

/// What a line measured. `plain` is what the plain loop takes; 1 for the processor's time.
struct Figures {
    calls: usize,
    seconds: f64,
    plain: f64,
}

fn measure(what: What) -> Figures {
    let of_processor = |seconds| Figures { calls: 0, seconds, plain: 1.0 };
    let bucket = |rate: Option<f64>| rate.map_or(Limit::Unlimited, Limit::of);
    match what {
        What::Run(mode, users, rate) => virtually(async move { run(mode, users, &server(bucket(rate))).await }),
        What::Evenly(users) => virtually(evenly(users)),
        What::Silence(users, rate) => {
            virtually(async move { run(Mode::Plan, users, &server(Limit::of(rate)).silent(5.0..35.0)).await })
        }
        What::Two(users, rate) => virtually(async move {
            let plain = one_by_one(&world(2 * users), &server(Limit::of(rate))).await;
            let shared = server(Limit::of(rate));
            let (one, other) = tokio::join!(alone(Mode::Plan, users, &shared), alone(Mode::Plan, users, &shared));
            Figures { calls: one.0.max(other.0), seconds: one.1.max(other.1), plain }
        }),
        // Beside the same run where nothing is refused.
        What::Chance(users, share) => virtually(async move {
            let (_, plain) = alone(Mode::Plan, users, &server(Limit::Unlimited)).await;
            let (calls, seconds) = alone(Mode::Plan, users, &server(Limit::Chance(share))).await;
            Figures { calls, seconds, plain }
        }),
        What::Review(users) => of_processor(reviewed(users)),
        What::Planner(users) => of_processor(planner(users)),
        What::Roster(by, users, rules) => of_processor(scoped(by, users, rules)),
        What::Check(rules) => of_processor(checked(rules)),
        What::Evidence(users) => of_processor(reported(users)),
        What::File(users) => of_processor(filed(users)),
    }
}

/// Runs each line in a process of its own, and prints what it measured.
fn table() {
    println!("30 ms a call, 2 % due; simulated account, no SDK and no network");
    println!("{:<46} {:>7} {:>9} {:>9} {:>7} {:>9}  target", "", "calls", "seconds", "plain", "ratio", "peak MiB");
    for (number, (name, what, most)) in LINES.into_iter().enumerate() {
        let own = env::current_exe().expect("this program");
        let output = Command::new(own).args(["--line", &number.to_string()]).output().expect("this program runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let output = String::from_utf8(output.stdout).expect("numbers");
        let numbers: Vec<f64> = output.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let [calls, seconds, plain, memory] = numbers[..] else { panic!("{name}: {output}") };
        let (measured, unit) = match what {
            What::Review(_)
            | What::Planner(_)
            | What::Roster(..)
            | What::Check(_)
            | What::Evidence(_)
            | What::File(_) => (seconds, " s"),
            What::Evenly(_) => (calls, " calls"),
            What::Run(..) | What::Silence(..) | What::Two(..) | What::Chance(..) => (seconds / plain, ""),
        };
        let (plain, ratio) = match unit {
            " s" => (String::new(), String::new()),
            _ => (format!("{plain:.2}"), format!("{:.2}", seconds / plain)),
        };
        let verdict = if measured < most { "met" } else { "MISSED" };
        println!("{name:<46} {calls:>7} {seconds:>9.2} {plain:>9} {ratio:>7} {memory:>9.0}  < {most}{unit}: {verdict}");
    }
}

fn server(limit: Limit) -> Server {
    Server::new(LATENCY, limit)
}

/// On a clock that goes on whenever everyone waits for it.
fn virtually(measure: impl Future<Output = Figures>) -> Figures {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(measure)
}

/// A run beside the plain loop, each with a server of its own.
async fn run(mode: Mode, users: usize, server: &Server) -> Figures {
    let world = world(users);
    let plain = match mode {
        // The lists alone.
        Mode::Tend => one_by_one(&World { users: Vec::new(), ..world.clone() }, &server.like()).await,
        Mode::Enforce | Mode::Plan => one_by_one(&world, &server.like()).await,
    };
    let (calls, seconds) = alone(mode, users, &server.like()).await;
    Figures { calls, seconds, plain }
}

/// A run as the command and the function make it. Returns its calls, and the seconds that it takes.
async fn alone(mode: Mode, users: usize, server: &Server) -> (usize, f64) {
    let world = world(users);
    let sandbox = Sandbox::new(account(), if mode == Mode::Tend { at_rest(world) } else { world });
    sandbox.set_now(now());
    let (manifest, clouds) = (manifest(), [Remote::new(sandbox, server.clone())]);
    let (began, before) = (Virtual::now(), server.count());
    let planned = Run::new(&manifest, &clouds, mode, now()).plan(&|_| {}).await.expect("the sandbox lists");
    assert_eq!(planned.plan.unreadable().count(), 0, "nobody is lost");
    if mode != Mode::Plan {
        let applied = planned.apply(&Conditions::new(&now), &|_| {}).await;
        assert!(applied.outcomes.iter().all(|outcome| outcome.result.is_ok()));
    }
    (server.count() - before, began.elapsed().as_secs_f64())
}

/// A run that tends after more than a life of a key, on each day of which as many were made as on any other: every ledger was
/// written by keyrota, and some are in overlap, some in hold. Beside the lists, what is due that day takes two reads each: the keys
/// and the last use. (Keys and secret are read once more, right before the change: the listing may lag behind somebody who has
/// just taken a label back.)
async fn evenly(users: usize) -> Figures {
    let mut world = world(users);
    for (number, user) in world.users.iter_mut().enumerate() {
        let minutes = i64::try_from(number * 90 * 24 * 60 / users).expect("a few months");
        user.keys[0].created = now() - TimeDelta::minutes(minutes);
    }
    let manifest = manifest_with("rotate-ahead = \"0d\"");
    let mut at = now();
    for _ in 0..115 {
        at += TimeDelta::days(1);
        for mode in [Mode::Tend, Mode::Enforce] {
            let sandbox = Sandbox::new(account(), world);
            sandbox.set_now(at);
            let clouds = [sandbox];
            let planned = Run::new(&manifest, &clouds, mode, at).plan(&|_| {}).await.expect("the sandbox lists");
            planned.apply(&Conditions::new(&|| at), &|_| {}).await;
            world = World { mail: Vec::new(), ..clouds[0].snapshot() };
        }
    }
    at += TimeDelta::days(1);
    let lists = World { users: Vec::new(), ..world.clone() };
    let plain = one_by_one(&lists, &server(Limit::Unlimited)).await;
    let (sandbox, server) = (Sandbox::new(account(), world), server(Limit::Unlimited));
    sandbox.set_now(at);
    let clouds = [Remote::new(sandbox, server.clone())];
    let began = Virtual::now();
    let planned = Run::new(&manifest, &clouds, Mode::Tend, at).plan(&|_| {}).await.expect("the sandbox lists");
    let a_day = users / 90;
    let due = planned.plan.changes.len();
    assert!((2 * a_day..=2 * a_day + 4).contains(&due), "{due} users: some to deactivate, as many to delete");
    Figures { calls: server.count(), seconds: began.elapsed().as_secs_f64(), plain }
}

/// The reads of a plan, one after the other; what is refused is asked again at once. Returns the seconds that it takes.
async fn one_by_one(world: &World, server: &Server) -> f64 {
    let began = Virtual::now();
    let pages = |operation, items: usize, page: usize| (0..items.div_ceil(page).max(1)).map(move |_| operation);
    let users = pages("iam:GetAccountAuthorizationDetails", world.users.len(), 1000);
    let secrets = pages("secretsmanager:ListSecrets", world.secrets.len(), 100);
    for operation in users.chain(secrets).chain(world.users.iter().map(|_| "iam:ListAccessKeys")) {
        while server.ask(operation).await.is_err() {}
    }
    began.elapsed().as_secs_f64()
}

/// The account after a run: nobody's key is due, and each ledger says when it is.
fn at_rest(mut world: World) -> World {
    let known: Vec<User> = (0..world.users.len()).map(user).collect();
    let (roster, _) = resolve(&manifest(), &account(), &known, now());
    for (number, (iam_user, secret)) in world.users.iter_mut().zip(&mut world.secrets).enumerate() {
        iam_user.keys[0].created = now() - TimeDelta::days(10);
        let key = iam_user.keys[0].clone();
        let version = Version { id: key.id.version_id(), labels: vec![CURRENT.to_owned()] };
        let own = Secret { versions: vec![version], notified: Some(key.id.clone()), ..Secret::default() };
        let ledger =
            Ledger { secret: secret.name.clone(), known: Known::Described, destination: Destination::Own(own) };
        let state = State { keys: vec![key], ledger, elsewhere: Elsewhere::Nowhere, places: BTreeMap::new() };
        let rest = rest(&roster, &roster.entries[number], &state, now());
        assert!(rest.is_some(), "nothing is due");
        secret.tags.extend(tags([Fact::Rest(rest), Fact::User { arn: user(number).arn }]));
    }
    world
}

/// Resolves so many users against so many rules, each of which selects as many as any other. Returns the seconds that it took.
fn scoped(by: Selectors, users: usize, rules: usize) -> f64 {
    let own = |rule: usize| match by {
        Selectors::Exact => format!("users = [\"u{rule}-x{rule}-m{rule}-s{rule}\"]"),
        Selectors::Prefix => format!("users = [\"u{rule}-*\"]"),
        Selectors::Suffix => format!("users = [\"*-s{rule}\"]"),
        Selectors::Middle => format!("users = [\"u*-s{rule}\"]"),
        Selectors::Within => format!("users = [\"*-m{rule}-*\"]"),
        Selectors::Question => format!("users = [\"?{rule}-*s*\"]"),
        Selectors::Tags => format!("users = [\"u*\"]\ntags = {{ team = \"t{rule}\" }}"),
        Selectors::TagGlobs => format!("users = [\"*\"]\ntags = {{ team = \"*t{rule}\" }}"),
        Selectors::Groups => format!("groups = [\"g{rule}\"]\nexcept = [\"*breakglass\"]"),
        Selectors::Paths => format!("path = \"/p{rule}/*\""),
        Selectors::Except | Selectors::List => format!("\"u*-s{rule}\""),
    };
    let all: Vec<String> = (0..rules).map(own).collect();
    let tables = match by {
        Selectors::Except => format!("[[rotate]]\nusers = [\"*\"]\nexcept = [{}]", all.join(", ")),
        Selectors::List => format!("[[rotate]]\nusers = [{}]", all.join(", ")),
        _ => all.iter().map(|own| format!("[[rotate]]\n{own}\n")).collect(),
    };
    let manifest = loaded(&format!("version = 1\n[defaults]\nnotify = []\n{tables}"));
    let known = |number: usize| {
        let rule = number % rules;
        // Of two with one name, in lower case and in capitals, each is a user.
        let name = format!("{}{rule}-x{number}-m{rule}-s{rule}", if number < rules { "u" } else { "U" });
        User {
            name,
            path: format!("/p{rule}/x/"),
            tags: [("Team".to_owned(), format!("t{rule}"))].into(),
            groups: vec![format!("G{rule}")],
            ..user(number)
        }
    };
    let known: Vec<User> = (0..users).map(known).collect();
    let began = Instant::now();
    let (roster, _) = resolve(&manifest, &account(), &known, now());
    let seconds = began.elapsed().as_secs_f64();
    let selected = match by {
        Selectors::Exact => rules,
        Selectors::Except => 0,
        _ => users,
    };
    assert_eq!(roster.entries.len(), selected);
    assert!(roster.entries.iter().all(|entry| entry.conflict.is_none()));
    seconds
}

/// Checks so many rules of two accounts, by turns, each for the users of a team, who deliver to repositories of their own; none of
/// those may be one.
fn checked(rules: usize) -> f64 {
    let rule = |rule: usize| {
        let account = ["one", "other"][rule % 2];
        format!(
            "[[rotate]]\naccounts = [\"{account}\"]\nusers = [\"u*-s{rule}x\"]\ndeliver = [\"github:acme/{{user}}\"]\n"
        )
    };
    let accounts =
        "[accounts.one]\nid = \"111122223333\"\n[accounts.other]\nid = \"444455556666\"\nrole = \"keyrota\"\n";
    let tables: String = (0..rules).map(rule).collect();
    let text = format!(
        "version = 1\n[defaults]\nnotify = []\n[deliver.github]\nsecret = \"keyrota/github\"\n{accounts}{tables}"
    );
    let began = Instant::now();
    let manifest = loaded(&text);
    assert_eq!(manifest.rules.len(), rules);
    began.elapsed().as_secs_f64()
}

fn loaded(text: &str) -> Manifest {
    let loaded = manifest::load_files(vec![("keyrota.toml".to_owned(), text.as_bytes().to_vec())], now());
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// Reads a simulated account from a file, and plans it.
fn filed(users: usize) -> f64 {
    let folder = env::temp_dir().join(format!("keyrota-bench-{}", std::process::id()));
    let path = folder.join("account.toml");
    fs::create_dir_all(&folder).expect("a writable folder");
    let sandbox = Sandbox::new(account(), world(users));
    sandbox.save(&path).expect("a writable file");
    let began = Instant::now();
    let sandbox = Sandbox::load(&path).expect("what was written");
    sandbox.set_now(now());
    let (manifest, clouds) = (manifest(), [sandbox]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let run = Run::new(&manifest, &clouds, Mode::Plan, now());
    let planned = runtime.block_on(run.plan(&|_| {})).expect("the sandbox lists");
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(planned.plan.changes.len(), users / DUE);
    fs::remove_dir_all(&folder).expect("its own folder");
    seconds
}

/// Makes the report of an account of so many users, and renders it in every format. Returns the seconds that it took, after the
/// reads.
fn reported(users: usize) -> f64 {
    let sandbox = Sandbox::new(account(), world(users));
    sandbox.set_now(now());
    let (manifest, clouds) = (manifest(), [sandbox]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let run = Run::new(&manifest, &clouds, Mode::Plan, now());
    let run = Run { depth: Depth::Everything, unmanaged: Unmanaged::Ages, ..run };
    let planned = runtime.block_on(run.plan(&|_| {})).expect("the sandbox lists");
    let began = Instant::now();
    let account = &planned.accounts[0];
    let look = Look { roster: &account.roster, inventory: &account.inventory, caller: account.cloud.caller() };
    let ahead = calendar(&account.roster, &account.inventory, now(), TimeDelta::days(180));
    let evidence = evidence::gather(Subject {
        manifest: &manifest,
        provenance: &Provenance::default(),
        accounts: &[look],
        plan: &planned.plan,
        viewpoint: now().into(),
        calendars: &[ahead],
        chronicle: None,
    });
    let (html, json) = (evidence::html::render(&evidence), evidence::json::render(&evidence));
    let csv = evidence::csv::render(&evidence);
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!((evidence.keys.len(), csv.lines().count()), (users, users + 1));
    assert!(html.len() < 3 << 20 && !json.is_empty(), "the page has {} bytes", html.len());
    seconds
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
    let reviewed = runtime.block_on(review(Accounts::of(&places), Ok(&before), &after, now().into(), later, &|_| {}));
    let Review { plan, comparison, .. } = reviewed.expect("the sandbox lists");
    let since = Some(Since { revision: "main", commit: "0123456789", comparison: &comparison, notes: &[] });
    let report = Report { since, ..Report::new(&plan) };
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
        let ledger = Ledger { secret: secret_name, known: Known::Described, destination: Destination::Own(secret) };
        State { keys: vec![key(number)], ledger, elsewhere: Elsewhere::Nowhere, places: BTreeMap::new() }
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
    manifest_with("")
}

fn manifest_with(defaults: &str) -> Manifest {
    let text = format!(
        "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n{defaults}\n[mail]\nfrom = \"keyrota@example.com\"\n\
         [pace]\nmax-rotations = 0\n[[rotate]]\nusers = [\"svc-*\"]\n"
    );
    loaded(&text)
}

fn account() -> Account {
    let (id, partition, region) = ("111122223333".to_owned(), "aws".to_owned(), "eu-west-1".to_owned());
    Account { id, name: None, partition, region, membership: None }
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
    User { name, arn, path, tags: BTreeMap::new(), groups: Vec::new(), smtp: SmtpUse::NoSign, unreadable: None }
}

/// Users whose keys keyrota issued: each has a secret.
fn world(users: usize) -> World {
    let iam_user = |number| {
        let User { name, path, groups, tags, .. } = user(number);
        IamUser { name, path, groups, tags, smtp: SmtpUse::NoSign, keys: vec![key(number)] }
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
