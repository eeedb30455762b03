//! What the calendar says of the runs to come is what they do: it is held against the runs themselves, day by day, on accounts in
//! which clients do what it assumes.

use std::{collections::BTreeMap, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    cloud::sandbox::{IamUser, Sandbox, World},
    inventory::{Account, Key, KeyId, LastUse, SmtpUse, Status},
    manifest::{self, Manifest},
    observe::Depth,
    plan::{Calendar, Cause, Outlook, Verb, calendar},
    report::{Forecast, ics},
    run::{Mode, Planned, Run},
};

use futures::FutureExt;

use crate::{golden, planner, support::run};

fn start() -> DateTime<Utc> {
    "2026-11-23T09:30:00Z".parse().expect("a time")
}

fn days(days: i64) -> TimeDelta {
    TimeDelta::days(days)
}

fn manifest(text: &str) -> Manifest {
    let text = format!(
        "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n[mail]\nfrom = \"keyrota@example.com\"\n{text}"
    );
    let loaded = manifest::load_files(vec![("keyrota.toml".to_owned(), text.into_bytes())], start());
    let mut manifest = loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    manifest.mail.templates = crate::support::templates::bare();
    manifest
}

fn key(id: String, age: TimeDelta, used: Option<TimeDelta>) -> Key {
    let last_use =
        used.map_or(LastUse::Never, |used| LastUse::At { time: start() - used, service: None, region: None });
    Key { id: KeyId::new(id), status: Status::Active, created: start() - age, last_use }
}

fn user(name: &str, keys: Vec<Key>) -> IamUser {
    IamUser {
        name: name.to_owned(),
        path: "/".to_owned(),
        groups: vec![],
        tags: [].into(),
        smtp: SmtpUse::NoSign,
        keys,
    }
}

fn account(users: Vec<IamUser>) -> Sandbox {
    let account = Account {
        id: "111122223333".to_owned(),
        name: None,
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    };
    let sandbox = Sandbox::new(account, World { users, ..World::default() });
    sandbox.set_now(start());
    sandbox
}

/// Users of every age, some with two keys, some of which nobody uses.
fn crowd() -> Vec<IamUser> {
    let one = |n: i64| {
        let age = days(n * 4) + TimeDelta::minutes(n * 57);
        let used = [Some(TimeDelta::hours(5)), Some(days(20)), None][n as usize % 3];
        let mut keys = vec![key(format!("AKIAFIRST{n:011}"), age, used)];
        if n % 7 == 0 {
            let used = [None, Some(days(2))][n as usize % 2];
            keys.push(key(format!("AKIAOTHER{n:011}"), age / 2, used));
        }
        user(&format!("ci-{n:02}"), keys)
    };
    (1..45).map(one).collect()
}

fn observed<'a>(sandbox: &'a Sandbox, manifest: &'a Manifest, at: DateTime<Utc>) -> Planned<'a, Sandbox> {
    let clouds = std::slice::from_ref(sandbox);
    let run = Run { depth: Depth::Everything, ..Run::new(manifest, clouds, Mode::Plan, at) };
    let planned = async { run.plan(&|_| {}).await }.now_or_never().expect("a simulated account never waits");
    planned.unwrap_or_else(|error| panic!("{error:?}"))
}

fn ahead(sandbox: &Sandbox, manifest: &Manifest, lasts: TimeDelta) -> Calendar {
    ahead_from(sandbox, manifest, start(), lasts)
}

fn ahead_from(sandbox: &Sandbox, manifest: &Manifest, at: DateTime<Utc>, lasts: TimeDelta) -> Calendar {
    let planned = observed(sandbox, manifest, at);
    let one = &planned.accounts[0];
    calendar(&one.roster, &one.inventory, at, lasts)
}

type Steps = BTreeMap<DateTime<Utc>, Vec<(String, Verb)>>;

fn said(calendar: &Calendar) -> Steps {
    let mut steps = Steps::new();
    for (row, event) in calendar.events() {
        steps.entry(event.at).or_default().push((row.user.clone(), event.verb));
    }
    steps.values_mut().for_each(|steps| steps.sort());
    steps
}

/// Lives through the runs that the calendar names. Who used a key at the beginning does so until it is stopped; what the secret
/// hands out is used as well, of those users, as long as it does.
fn done(sandbox: &Sandbox, manifest: &Manifest, calendar: &Calendar) -> Steps {
    let quiet = days(8);
    let in_use = |key: &Key| matches!(key.last_use, LastUse::At { time, .. } if start() - time < quiet);
    let used: Vec<(String, KeyId)> = sandbox.inspect(|world| {
        let used = world.users.iter().flat_map(|user| user.keys.iter().map(|key| (user.name.clone(), key.clone())));
        used.filter(|(_, key)| in_use(key)).map(|(user, key)| (user, key.id)).collect()
    });
    let mut steps = Steps::new();
    for run in &calendar.runs {
        sandbox.set_now(run.at);
        sandbox.change(|world| {
            let World { users, secrets, .. } = world;
            for user in users {
                let secret = secrets.iter().find(|secret| secret.name.ends_with(&format!("/{}", user.name)));
                let handed_out = secret
                    .and_then(|secret| secret.labelled("AWSCURRENT"))
                    .and_then(|version| KeyId::of_version(&version.id));
                let has_clients = used.iter().any(|(name, _)| *name == user.name);
                for key in user.keys.iter_mut().filter(|key| key.is_active()) {
                    let is_new = key.created > start();
                    key.last_use = match handed_out.as_ref() == Some(&key.id) {
                        _ if used.iter().any(|(_, used)| *used == key.id) => at(run.at),
                        true if is_new && has_clients => at(run.at),
                        // keyrota has tried whether it works.
                        _ if is_new && key.last_use == LastUse::Never => at(key.created),
                        _ => key.last_use.clone(),
                    };
                }
            }
        });
        let mode = if run.enforces { Mode::Enforce } else { Mode::Tend };
        let (_, applied) = run::run(std::slice::from_ref(sandbox), manifest, run.at, mode);
        assert_eq!(applied.failures(), 0, "{}: {applied:#?}", run.at);
        for outcome in applied.outcomes {
            let step = (outcome.change.user, outcome.change.action.verb());
            steps.entry(run.at).or_default().push(step);
        }
    }
    steps.values_mut().for_each(|steps| steps.sort());
    steps
}

fn at(time: DateTime<Utc>) -> LastUse {
    LastUse::At { time, service: None, region: None }
}

/// Under several policies, paces and schedules.
#[test]
fn the_runs_do_what_the_calendar_says() {
    let mut steps = 0;
    for text in [
        "[[rotate]]\nusers = [\"*\"]\n",
        "[pace]\nmax-rotations = 2\n[[rotate]]\nusers = [\"*\"]\n",
        "[pace]\nmax-rotations = 1\n[schedule]\nenforce = \"cron(0 8 ? * MON *)\"\ntend = \"cron(0 6,18 * * ? *)\"\n\
         [[rotate]]\nusers = [\"*\"]\nmax-age = \"60d\"\nwhen-full = \"retire-oldest\"\n",
        "[pace]\nmax-rotations = 0\n[[rotate]]\nusers = [\"*\"]\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\n",
        "[pace]\nmax-rotations = 3\n[[rotate]]\nusers = [\"*\"]\nunused = \"45d\"\nrotate-ahead = \"0d\"\nhold = \"30d\"\n",
        "[pace]\nmax-rotations = 2\n[[rotate]]\nusers = [\"*\"]\nmax-age = \"30d\"\noverlap = \"2d\"\nhold = \"20d\"\n\
         [[exempt]]\nuser = \"ci-20\"\nreason = \"later\"\nuntil = 2026-12-20\n",
        "[pace]\nmax-rotations = 2\n[[rotate]]\nusers = [\"*\"]\nreissue-before = 2026-10-01\noverlap = \"0d\"\n",
    ] {
        let manifest = manifest(text);
        let sandbox = account(crowd());
        let calendar = ahead(&sandbox, &manifest, days(200));
        let (said, done) = (said(&calendar), done(&sandbox, &manifest, &calendar));
        for at in said.keys().chain(done.keys()) {
            assert_eq!(said.get(at), done.get(at), "{at}: what was said, and what was done\n{text}");
        }
        for run in &calendar.runs {
            let created = said.get(&run.at).into_iter().flatten().filter(|(_, verb)| *verb == Verb::Create).count();
            assert_eq!(run.rotations, created, "{run:?}");
        }
        steps += said.values().map(Vec::len).sum::<usize>();
    }
    assert!(steps > 2000, "only {steps} steps were compared");
}

/// Whatever a state is like, the next run does what the calendar says.
#[test]
fn the_first_run_of_every_golden_case() {
    let mut steps = 0;
    for case in golden::cases("plan") {
        let (sandbox, manifest, now) = planner::inputs(&case);
        let clouds = [sandbox];
        let planned = run::plan(&clouds, &manifest, now, Mode::Enforce);
        let one = &planned.accounts[0];
        let calendar = calendar(&one.roster, &one.inventory, now, days(40));
        let Some(first) = calendar.runs.iter().find(|run| run.enforces).map(|run| run.at) else { continue };
        if calendar.events().any(|(_, event)| event.at < first) {
            // What is done before would have to be done.
            continue;
        }
        clouds[0].set_now(first);
        let at = keyrota::plan::Viewpoint { observed: now, at: first };
        let planned = Run::new(&manifest, &clouds, Mode::Enforce, at);
        let planned = planned.plan(&|_| {}).now_or_never().expect("a simulated account never waits");
        let plan = planned.unwrap_or_else(|error| panic!("{error:?}")).plan;
        for row in &calendar.users {
            if matches!(row.outlook, Outlook::Unknown { .. }) {
                continue;
            }
            let change = plan.changes.iter().find(|change| change.user == row.user);
            let planned: Vec<Verb> =
                change.into_iter().flat_map(|change| change.in_run().map(|(verb, _)| verb)).collect();
            let said: Vec<Verb> = row.events.iter().filter(|event| event.at == first).map(|event| event.verb).collect();
            assert_eq!(said, planned, "{}: {}", case.path.display(), row.user);
            steps += said.len();
        }
    }
    assert!(steps > 20, "only {steps} steps were compared");
}

/// Who gets too old is named, with the setting that would help.
#[test]
fn the_cause_of_what_gets_too_old_is_the_setting_that_helps() {
    let causes = |text: &str, users: Vec<IamUser>| -> Vec<(String, Cause, Option<&'static str>)> {
        let calendar = ahead(&account(users), &manifest(text), days(180));
        let of = |row: &keyrota::plan::Row| {
            let late = row.over_age.iter().map(|late| (row.user.clone(), late.cause.clone(), late.cause.setting()));
            late.collect::<Vec<_>>()
        };
        calendar.users.iter().flat_map(of).collect()
    };
    let idle = |name: &str, age| user(name, vec![key(format!("AKIA{:0>16}", name.to_uppercase()), days(age), None)]);
    let used = |name: &str, age| {
        user(name, vec![key(format!("AKIA{:0>16}", name.to_uppercase()), days(age), Some(TimeDelta::hours(1)))])
    };
    let all = "[[rotate]]\nusers = [\"*\"]\n";
    assert_eq!(causes(all, vec![idle("a", 10), idle("b", 40)]), []);
    // Already too old, and due already.
    let found = causes(all, vec![idle("a", 100), idle("b", 80)]);
    assert_eq!(found, [("a".to_owned(), Cause::Before, None), ("b".to_owned(), Cause::Before, None)]);
    let found = causes(&format!("{all}rotate-ahead = \"0d\"\n"), vec![idle("a", 10)]);
    assert_eq!(found[0], ("a".to_owned(), Cause::RotateAhead, Some("rotate-ahead")));
    let found = causes(
        &format!("[schedule]\nenforce = \"cron(0 8 * * ? *)\"\n{all}rotate-ahead = \"3d\"\n"),
        vec![idle("a", 10)],
    );
    assert_eq!(found[0], ("a".to_owned(), Cause::Overlap, Some("overlap")));
    let never = "[schedule]\nenforce = \"cron(0 8 1 6 ? *)\"\n[[rotate]]\nusers = [\"*\"]\n";
    assert_eq!(causes(never, vec![idle("a", 0)])[0].1, Cause::Schedule);
    let crowd: Vec<IamUser> = (0..60).map(|n| idle(&format!("u{n:02}"), 55)).collect();
    let found = causes(&format!("[pace]\nmax-rotations = 1\n{all}"), crowd);
    assert!(found.iter().any(|one| one.1 == Cause::Pace && one.2 == Some("pace.max-rotations")), "{found:?}");
    let found = causes(&format!("[[exempt]]\nuser = \"a\"\nreason = \"x\"\n{all}"), vec![idle("a", 10)]);
    assert_eq!(found, [("a".to_owned(), Cause::Exempt, None)]);
    // In use, and replaced with time enough to move.
    let found = causes(all, vec![used("a", 10)]);
    assert_eq!(found, [("a".to_owned(), Cause::InUse, Some("patience"))]);
}

/// A thousand users over half a year. Five thousand take well below a second in a release build.
#[test]
fn a_large_account_is_fast() {
    let users = (0..1000).map(|n| {
        let age = days(n % 120) + TimeDelta::minutes(n);
        user(&format!("svc-{n:04}"), vec![key(format!("AKIA{n:016}"), age, (n % 2 == 0).then(|| days(1)))])
    });
    let manifest = manifest("[pace]\nmax-rotations = 20\n[[rotate]]\nusers = [\"*\"]\n");
    let sandbox = account(users.collect());
    let planned = observed(&sandbox, &manifest, start());
    let one = &planned.accounts[0];
    let began = Instant::now();
    let calendar = calendar(&one.roster, &one.inventory, start(), days(180));
    let took = began.elapsed();
    assert!(calendar.events().count() > 5_000);
    assert!(took.as_secs() < 15, "{took:?}");
    println!("1,000 users, 180 days: {took:?}, {} steps", calendar.events().count());
}

/// A calendar that is read again after a run finds its entries under the same ids: those of keys that had none then, too.
#[test]
fn entries_keep_their_ids_when_keys_get_theirs() {
    let manifest = manifest("[[rotate]]\nusers = [\"*\"]\n");
    let sandbox = account(crowd());
    let ids = |calendar: &Calendar| -> BTreeMap<String, String> {
        let calendars = [calendar.clone().of(|user| user == "ci-24")];
        let forecast = Forecast::new(&calendars, &[], &manifest, calendar.from, days(200));
        let text = ics::forecast(&forecast, |text| text);
        let field = |entry: &str, name: &str| {
            entry.lines().find_map(|line| line.strip_prefix(name)).expect("it has one").to_owned()
        };
        let entries = text.split("BEGIN:VEVENT").skip(1);
        entries.map(|entry| (field(entry, "DTSTART:") + &field(entry, "SUMMARY:"), field(entry, "UID:"))).collect()
    };
    let calendar = ahead(&sandbox, &manifest, days(200));
    let before = ids(&calendar);
    let first = calendar.runs.iter().find(|run| run.rotations > 0).expect("somebody is due").at;
    let part = Calendar { runs: calendar.runs.iter().filter(|run| run.at <= first).cloned().collect(), ..calendar };
    done(&sandbox, &manifest, &part);
    let after = ids(&ahead_from(&sandbox, &manifest, first + TimeDelta::hours(1), days(200)));
    let both: Vec<_> = after.iter().filter(|(entry, _)| before.contains_key(*entry)).collect();
    assert!(both.len() > 4, "{before:#?}\n{after:#?}");
    both.iter().for_each(|(entry, id)| assert_eq!(before[*entry], **id, "{entry}"));
}
