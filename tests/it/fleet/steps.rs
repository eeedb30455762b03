//! The steps of a run in parts, one by one, as a state machine calls them: the real function, against moto. What AWS throttles is
//! tried again, what calls itself a result and is none is not taken for one, and what is cut off anywhere is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Mutex,
    time::{Duration, Instant},
};

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use chrono::{TimeDelta, Utc};
use keyrota::fleet::Made;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    emulator::{Fault, TestAccount, account},
    support::{
        organizations::{Member, Organizations, State},
        runtime_api::{Failure, Function},
    },
};

const MANIFEST: &str = r#"
version = 1
[defaults]
notify = ["tag:email"]
[mail]
from = "security@example.com"
digest = ["security@example.com"]
"#;

const FOUND: &str = "[organization]\nrole = \"keyrota\"\n";

const RULE: &str = "version = 1\n[[rotate]]\nusers = [\"ci-*\"]\n";

/// Three accounts, each with a user whose key is 95 days old: the function's own, and two with a role.
pub struct Steps {
    pub accounts: [TestAccount; 3],
    pub package: TempDir,
    pub function: Function,
}

impl Steps {
    pub async fn new() -> Self {
        Self::with(|_| None).await.0
    }

    /// The same accounts, found by an organisation that the function's own manages.
    pub async fn in_organization() -> (Self, Organizations) {
        let (steps, organization) = Self::with(|accounts| {
            let units = [("r-ab12".to_owned(), (None, "Root".to_owned()))].into();
            let member = |account: &TestAccount, name: &str| {
                let (name, unit) = (name.to_owned(), "r-ab12".to_owned());
                (account.id.clone(), Member { name, unit, state: "ACTIVE", tags: Vec::new() })
            };
            let members = accounts.iter().zip(["a", "b", "c"]).map(|(account, name)| member(account, name));
            let management = accounts[0].id.clone();
            Some(Organizations::start(State { management, units, accounts: members.collect(), ..State::default() }))
        })
        .await;
        (steps, organization.expect("it was made"))
    }

    async fn with(
        organization_of: impl FnOnce(&[TestAccount; 3]) -> Option<Organizations>,
    ) -> (Self, Option<Organizations>) {
        let accounts = [account(), account(), account()];
        let home = &accounts[0];
        home.allow_sender("security@example.com").await;
        let package = TempDir::new().expect("a folder");
        fs::create_dir(package.path().join("manifests")).expect("a folder");
        for bucket in ["fleet", "evidence"] {
            let place = BucketLocationConstraint::from(home.region.as_str());
            let place = CreateBucketConfiguration::builder().location_constraint(place).build();
            let made = home.buckets().create_bucket().bucket(format!("keyrota-{bucket}-{}", home.id));
            made.create_bucket_configuration(place).send().await.expect("a bucket");
        }
        for one in &accounts {
            one.create_user("ci-a", "/", &[("email", "owner@example.com")], &[]).await;
            one.create_key("ci-a", Utc::now() - TimeDelta::days(95)).await;
            one.set_clock(Utc::now());
        }
        let mut environment = home.environment();
        environment.push(("KEYROTA_FLEET", format!("s3://keyrota-fleet-{}", home.id)));
        environment.push(("KEYROTA_EVIDENCE", format!("s3://keyrota-evidence-{}", home.id)));
        let of = |number: usize, role: &str| {
            format!("[accounts.{}]\nid = \"{}\"\n{role}", ["a", "b", "c"][number], accounts[number].id)
        };
        let declared = [of(0, ""), of(1, "role = \"keyrota\"\n"), of(2, "role = \"keyrota\"\n")].concat();
        let organization = organization_of(&accounts);
        if let Some(organization) = &organization {
            environment.push(("AWS_ENDPOINT_URL_ORGANIZATIONS", organization.url.clone()));
        }
        let found = if organization.is_some() { FOUND } else { &declared };
        fs::write(package.path().join("manifests/keyrota.toml"), format!("{MANIFEST}{found}")).expect("written");
        fs::write(package.path().join("manifests/rules.toml"), RULE).expect("written");
        let function = Function::start(env!("CARGO_BIN_EXE_bootstrap").as_ref(), package.path(), environment);
        (Self { accounts, package, function }, organization)
    }

    pub fn home(&self) -> &TestAccount {
        &self.accounts[0]
    }

    pub fn write(&self, manifest: &str, text: &str) {
        fs::write(self.package.path().join("manifests").join(manifest), text).expect("written");
    }

    fn bucket(&self, name: &str) -> String {
        format!("keyrota-{name}-{}", self.home().id)
    }

    fn list_event(run: &str, mode: &str) -> Value {
        json!({ "mode": mode, "step": "list", "run": run, "input": { "mode": mode } })
    }

    /// Lists the accounts, and tells how many are to be done.
    pub fn list(&self, run: &str, mode: &str) -> Result<u64, Failure> {
        self.function.invoke(&Self::list_event(run, mode)).map(|answer| answer["todo"].as_u64().expect("a number"))
    }

    /// What the map hands to the function: the items of the last list.
    pub async fn items(&self, run: &str, mode: &str) -> Vec<Value> {
        let names = self.objects("fleet", &format!("runs/{run}/{mode}/lists/")).await;
        let last = names.last().expect("a list");
        let items: Vec<Value> = serde_json::from_str(&self.object("fleet", last).await).expect("JSON");
        let event = |item: Value| json!({ "mode": mode, "step": "account", "run": run, "account": item });
        items.into_iter().map(event).collect()
    }

    /// One account of the run.
    pub async fn item(&self, run: &str, account: usize) -> Value {
        let items = self.items(run, "enforce").await;
        let is_it = |item: &Value| item["account"]["id"] == self.accounts[account].id;
        items.into_iter().find(is_it).expect("it is listed")
    }

    fn merge_event(run: &str, mode: &str) -> Value {
        let began = json!({ "Name": run });
        json!({
            "mode": mode, "step": "merge", "run": run, "map": { "status": "ended" }, "began": began, "execution": began,
        })
    }

    pub fn merge(&self, run: &str, mode: &str) -> Result<Value, Failure> {
        self.function.invoke(&Self::merge_event(run, mode))
    }

    /// All of it: the list, each account of it, and the merge.
    pub async fn run(&self, run: &str, mode: &str) -> Result<Value, Failure> {
        self.list(run, mode)?;
        for item in self.items(run, mode).await {
            // The map goes on, and the merge tells.
            let _ = self.function.invoke(&item);
        }
        self.merge(run, mode)
    }

    async fn objects(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let list = self.home().buckets().list_objects_v2().bucket(self.bucket(bucket)).prefix(prefix);
        let page = list.send().await.expect("a list");
        page.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    async fn object(&self, bucket: &str, name: &str) -> String {
        let get = self.home().buckets().get_object().bucket(self.bucket(bucket)).key(name);
        let body = get.send().await.expect("an object").body.collect().await.expect("its content");
        String::from_utf8(body.to_vec()).expect("text")
    }

    async fn put(&self, name: &str, text: &str) {
        let put = self.home().buckets().put_object().bucket(self.bucket("fleet")).key(name);
        put.body(text.as_bytes().to_vec().into()).send().await.expect("written");
    }

    /// The results of an account, by name.
    async fn results(&self, run: &str, account: usize) -> Vec<String> {
        self.objects("fleet", &format!("runs/{run}/enforce/results/{}/", self.accounts[account].id)).await
    }

    pub async fn report(&self, run: &str) -> Value {
        let names = self.objects("fleet", &format!("runs/{run}/enforce/report/")).await;
        serde_json::from_str(&self.object("fleet", names.last().expect("a report")).await).expect("JSON")
    }

    /// How many keys of each account work.
    pub async fn keys(&self) -> [usize; 3] {
        let mut all = [0; 3];
        for (count, account) in all.iter_mut().zip(&self.accounts) {
            let keys = account.iam().list_access_keys().user_name("ci-a").send().await.expect("keys");
            *count = keys.access_key_metadata().len();
        }
        all
    }

    /// How often each user was rotated, as all histories tell together.
    async fn rotated(&self) -> BTreeMap<String, usize> {
        let mut users = BTreeMap::new();
        for name in self.objects("evidence", "history/").await {
            let text = self.object("evidence", &name).await;
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            for line in lines.filter(|line| line["verb"] == "create" && line["result"] == "ok") {
                *users.entry(line["account"].as_str().expect("an id").to_owned()).or_default() += 1;
            }
        }
        users
    }

    fn once_each(&self) -> BTreeMap<String, usize> {
        self.accounts.iter().map(|account| (account.id.clone(), 1)).collect()
    }
}

fn throttled(answer: Result<Value, Failure>, what: &str) {
    let failure = answer.expect_err(what);
    assert_eq!(failure.kind, "Throttled", "{what}: {}", failure.message);
}

#[tokio::test]
async fn what_aws_throttles_is_named_so_that_it_is_tried_again() {
    let steps = Steps::new().await;
    let (home, function) = (steps.home(), &steps.function);
    // What is refused to the last is given up a little before.
    let short = Duration::from_secs(5);
    assert_eq!(steps.list("r", "enforce").expect("a list"), 3);
    let [own, far] = [steps.item("r", 0).await, steps.item("r", 1).await];
    let (list, merge) = (Steps::list_event("r", "enforce"), Steps::merge_event("r", "enforce"));
    let throttling = |action: &str| Fault::error(action, 400, "Throttling", "Rate exceeded").forever();
    let slow_down = |action: &str| Fault::error(action, 503, "SlowDown", "Please reduce your request rate.").forever();
    // Of each service, in each step that calls it; of the account that is entered, where that is another one.
    for (service, fault, of, steps_of_run) in [
        ("STS", throttling("GetCallerIdentity"), 0, vec![("list", &list), ("account", &own), ("merge", &merge)]),
        ("STS", throttling("AssumeRole"), 0, vec![("account", &far)]),
        ("IAM", throttling("GetAccountAuthorizationDetails"), 1, vec![("account", &far)]),
        ("IAM", throttling("ListAccessKeys"), 0, vec![("account", &own)]),
        (
            "Secrets Manager",
            Fault::error("ListSecrets", 400, "ThrottlingException", "Rate exceeded").forever(),
            1,
            vec![("account", &far)],
        ),
        ("S3", slow_down("PutObject"), 0, vec![("list", &list), ("account", &own), ("merge", &merge)]),
        ("S3", slow_down("GetObject"), 0, vec![("account", &own)]),
        ("S3", slow_down("ListObjectsV2"), 0, vec![("merge", &merge)]),
    ] {
        steps.accounts[of].add_fault(fault);
        for (step, event) in steps_of_run {
            throttled(function.invoke_within(short, event), &format!("{service} in the step {step}"));
        }
        steps.accounts[of].calm();
    }
    assert_eq!(steps.keys().await, [1, 1, 1], "nothing was done that was refused");
    assert!(steps.objects("fleet", "runs/r/enforce/report/").await.is_empty());

    // And when it is over, all of it is done, and told once.
    steps.run("r", "enforce").await.expect("AWS answers");
    assert_eq!(steps.keys().await, [2, 2, 2]);
    assert_eq!(steps.rotated().await, steps.once_each());

    // Organizations, which only the list asks.
    home.organizations().create_organization().send().await.expect("an organisation");
    let organization = "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n";
    steps.write("keyrota.toml", &format!("{MANIFEST}{organization}"));
    let refusal = Fault::error("ListAccounts", 400, "TooManyRequestsException", "You have sent too many requests");
    home.add_fault(refusal.forever());
    throttled(function.invoke_within(short, &Steps::list_event("o", "enforce")), "Organizations in the list");
    home.calm();
    // What is refused otherwise is not tried again.
    home.add_fault(Fault::error("ListAccounts", 400, "AccessDeniedException", "No.").forever());
    let failure = function.invoke(&Steps::list_event("o", "enforce")).expect_err("refused");
    assert_eq!(failure.kind, "NoAccess");
    home.calm();
}

#[tokio::test]
async fn what_only_calls_itself_a_result_is_worked_off_again_and_told_of() {
    let steps = Steps::new().await;
    steps.run("r", "enforce").await.expect("three accounts are done");
    assert_eq!(steps.list("r", "enforce").expect("a list"), 0, "all of them");
    let b = &steps.accounts[1].id;
    let good = steps.results("r", 1).await.pop().expect("a result");
    let text = steps.object("fleet", &good).await;
    let c = steps.results("r", 2).await.pop().expect("a result");
    let other = text.replace("\"run\":\"r\"", "\"run\":\"q\"");
    let undone = text.replacen("\"failed\":[]", "\"failed\":[\"create ci-a: no\"]", 1);
    let by_others = text.replacen("\"manifests\":\"", "\"manifests\":\"f", 1);
    let began = text.split_once("\"began\":\"").and_then(|(_, rest)| rest.split_once('"')).expect("a time").0;
    let to_come = text.replacen(began, "2099-01-01T00:00:00Z", 1);
    let of_c = steps.object("fleet", &c).await;
    assert!([&other, &undone, &by_others, &to_come].into_iter().all(|garbage| *garbage != text));
    for (what, garbage) in [
        ("cut short", &text[..text.len() / 2]),
        ("empty", ""),
        ("of another run", &other),
        ("of another account", &of_c),
        ("not good", &undone),
        ("by other manifests", &by_others),
        ("of another time", &to_come),
    ] {
        steps.put(&good, garbage).await;
        assert_eq!(steps.list("r", "enforce").expect("a list"), 1, "{what}: it is to be done again");
        let failure = steps.merge("r", "enforce").expect_err(what);
        assert!(failure.kind == "Unreadable" && failure.message.contains(b), "{what}: {}", failure.message);
        assert!(failure.message.contains("can't be used"), "{what}: {}", failure.message);
    }
    // Once more, it finds nothing to do; and what the first one did there is said to be lost.
    steps.function.invoke(&steps.item("r", 1).await).expect("it is done");
    let answer = steps.merge("r", "enforce").expect("every account is known");
    assert_eq!(answer["counts"]["accounts"], 3);
    let report = steps.report("r").await;
    let lost = &report["warnings"][0];
    assert!(lost["code"] == "attempt-lost" && lost["account"] == json!(b), "{:#}", report["warnings"]);
    assert_eq!(steps.list("r", "enforce").expect("a list"), 0, "done at last");
    assert_eq!(steps.keys().await, [2, 2, 2], "and nothing twice");

    // A result that stands there twice counts once; nor does what is elsewhere.
    let run = "twice";
    steps.list(run, "enforce").expect("a list");
    for item in steps.items(run, "enforce").await {
        steps.function.invoke(&item).expect("it is done");
    }
    let name = steps.results(run, 2).await.pop().expect("a result");
    let text = steps.object("fleet", &name).await;
    let (folder, file) = name.rsplit_once('/').expect("a path");
    steps.put(&format!("{folder}/{}", file.replacen("20", "30", 1)), &text).await;
    steps.put(&name.replace(&steps.accounts[2].id, "999999999999"), &text).await;
    let failure = steps.merge(run, "enforce").expect_err("an account that nobody listed");
    assert!(failure.message.contains("999999999999"), "{}", failure.message);
    let report = steps.report(run).await;
    let accounts = &report["summary"]["accounts"];
    assert_eq!((&accounts["unread"], &accounts["changes"]), (&json!(1), &json!(0)), "{report:#}");
    assert_eq!(report["accounts"].as_array().map(Vec::len), Some(3));
    let warnings = report["warnings"].as_array().expect("a list");
    assert!(warnings.iter().any(|one| one["message"].as_str().is_some_and(|text| text.contains("of the invocation"))));
}

#[tokio::test]
async fn one_run_does_not_do_accounts_by_two_versions_of_the_manifests() {
    let steps = Steps::new().await;
    steps.list("r", "enforce").expect("a list");
    let [first, second] = [steps.item("r", 0).await, steps.item("r", 1).await];
    steps.function.invoke(&first).expect("it is done");
    steps.write("rules.toml", &RULE.replace("ci-*", "ci-a"));
    // What is under way ends, with a clear line; so does what is started again.
    for (what, answer) in [("account", steps.function.invoke(&second).map(|_| 0)), ("list", steps.list("r", "enforce"))]
    {
        let Failure { kind, message } = answer.expect_err(what);
        assert_eq!(kind, "ManifestsChanged", "{what}: {message}");
        assert!(message.contains("Start another execution without `run`"), "{what}: {message}");
    }
    let failure = steps.merge("r", "enforce").expect_err("two accounts were not read");
    assert!(failure.message.contains("by two versions of them"), "{}", failure.message);
    assert_eq!(steps.keys().await, [2, 1, 1]);
    // Another run does the rest.
    steps.run("s", "enforce").await.expect("by one version");
    assert_eq!(steps.keys().await, [2, 2, 2]);
    assert_eq!(steps.rotated().await, steps.once_each());
}

#[tokio::test]
async fn what_was_cut_off_is_told_wherever_it_was() {
    let steps = Steps::new().await;
    let (home, run) = (steps.home(), "r");
    steps.list(run, "enforce").expect("a list");
    let item = steps.item(run, 1).await;
    // An invocation that has rotated and can't say so.
    home.add_fault(Fault::error("PutObject", 403, "AccessDenied", "no").skip(1).forever());
    let failure = steps.function.invoke(&item).expect_err("its result is not there");
    assert_eq!(failure.kind, "NoBucket");
    home.calm();
    assert!(steps.results(run, 1).await.is_empty() && steps.keys().await == [1, 2, 1]);
    for item in steps.items(run, "enforce").await {
        steps.function.invoke(&item).expect("it is done");
    }

    // The merge is cut off before each thing that it leaves, and is started again.
    let mut cuts = 0;
    for before in 0..8 {
        home.add_fault(Fault::error("PutObject", 403, "AccessDenied", "no").skip(before).forever());
        let answer = steps.merge(run, "enforce");
        home.calm();
        match answer {
            Err(failure) => assert_eq!(failure.kind, "NoBucket", "{}", failure.message),
            Ok(_) => break,
        }
        cuts += 1;
    }
    assert!((2..8).contains(&cuts), "{cuts}");
    steps.merge(run, "enforce").expect("all of it");
    let report = steps.report(run).await;
    let created = report["outcomes"].as_array().expect("a list").iter().filter(|one| one["action"] == "create");
    assert_eq!(created.count(), 2, "what the one that was cut off had done, nobody can tell");
    let lost = report["warnings"].as_array().expect("a list").iter().find(|one| one["code"] == "attempt-lost");
    let lost = lost.expect("and that is said");
    assert!(lost["account"] == json!(steps.accounts[1].id), "{lost:#}");
    assert!(lost["message"].as_str().is_some_and(|text| text.contains("is in no report and no history")), "{lost:#}");
    let summary = home.sent_mail().into_iter().rev().find(|mail| mail.text.contains("that were lost"));
    assert!(summary.expect("the summary tells of it, too").text.contains(&steps.accounts[1].id));
    assert!(report["mail"].as_array().is_some_and(|mail| mail.iter().any(|one| one["kind"] == "digest")), "{report:#}");
    let summaries = home.sent_mail();
    assert!(!summaries.is_empty());

    // A note that can't be used is told again, and stops nothing.
    let notes = steps.objects("fleet", &format!("runs/{run}/enforce/merged/")).await;
    steps.put(&notes[0], "{").await;
    steps.merge(run, "enforce").expect("better twice than never");
    // Nor does a list that is none: that run is over, and says so.
    let lists = steps.objects("fleet", &format!("runs/{run}/enforce/accounts/")).await;
    steps.put(&lists[0], "[]").await;
    for failure in [steps.list(run, "enforce").expect_err("no list"), steps.merge(run, "enforce").expect_err("no list")]
    {
        assert!(failure.kind == "BadRun" && failure.message.contains("start another"), "{}", failure.message);
    }
}

#[tokio::test]
async fn what_an_enforcing_run_could_not_read_the_next_one_that_tends_rotates() {
    let steps = Steps::new().await;
    steps.home().add_fault(Fault::error("AssumeRole", 403, "AccessDenied", "Not you.").forever());
    let failure = steps.run("r", "enforce").await.expect_err("two accounts are closed");
    assert_eq!((failure.kind.as_str(), steps.keys().await), ("Unreadable", [2, 1, 1]));
    steps.home().calm();
    // A key that was not due then, in an account that was done, is none of its business.
    steps.accounts[0].create_user("ci-z", "/", &[("email", "owner@example.com")], &[]).await;
    steps.accounts[0].create_key("ci-z", Utc::now() - TimeDelta::days(95)).await;
    steps.home().set_clock(Utc::now());
    steps.run("t", "tend").await.expect("they are open");
    assert_eq!(steps.keys().await, [2, 2, 2]);
    let other = steps.accounts[0].iam().list_access_keys().user_name("ci-z").send().await.expect("keys");
    assert_eq!(other.access_key_metadata().len(), 1, "which begins with `enforce`");
    let items = steps.items("t", "tend").await;
    assert!(items[0]["account"]["unread-since"].is_string(), "they come first: {items:#?}");
    // And that is over then.
    steps.list("u", "tend").expect("a list");
    assert!(steps.items("u", "tend").await.iter().all(|item| item["account"].get("unread-since").is_none()));
}

#[tokio::test]
async fn two_executions_of_one_run_rotate_once() {
    let steps = Steps::new().await;
    steps.list("r", "enforce").expect("a list");
    steps.list("r", "enforce").expect("the other one's");
    let mut environment = steps.home().environment();
    environment.push(("KEYROTA_FLEET", format!("s3://{}", steps.bucket("fleet"))));
    environment.push(("KEYROTA_EVIDENCE", format!("s3://{}", steps.bucket("evidence"))));
    let second = Function::start(env!("CARGO_BIN_EXE_bootstrap").as_ref(), steps.package.path(), environment);
    let second = Mutex::new(second);
    for item in steps.items("r", "enforce").await {
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| second.lock().expect("no panic").invoke(&item));
            (steps.function.invoke(&item), other.join().expect("no panic"))
        });
        assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    }
    assert_eq!(steps.keys().await, [2, 2, 2], "once, whoever was first");
    steps.merge("r", "enforce").expect("one that is done has the last word");
    assert!(steps.rotated().await.values().all(|count| *count == 1), "{:?}", steps.rotated().await);
}

#[tokio::test]
async fn one_that_is_done_has_the_last_word_beside_one_that_failed_later() {
    let steps = Steps::new().await;
    steps.list("r", "enforce").expect("a list");
    let item = steps.item("r", 1).await;
    steps.home().add_fault(Fault::error("AssumeRole", 403, "AccessDenied", "Not you."));
    let failure = steps.function.invoke(&item).expect_err("it is closed");
    assert_eq!(failure.kind, "NoAccess");
    let failed = steps.results("r", 1).await.pop().expect("a result");
    for item in steps.items("r", "enforce").await {
        steps.function.invoke(&item).expect("it is open");
    }
    // As if another execution had failed there after that.
    let made = failed.rsplit_once('/').and_then(|(_, file)| file.strip_suffix(".failed.json")).expect("a name");
    let at = Utc::now() + TimeDelta::minutes(2);
    let later = Made { at, by: "later".to_owned() }.to_string();
    let mut text: Value = serde_json::from_str(&steps.object("fleet", &failed).await).expect("JSON");
    (text["began"], text["ended"], text["made"]) = (json!(at), json!(at), json!(later));
    steps.put(&failed.replace(made, &later), &text.to_string()).await;
    assert_eq!(steps.results("r", 1).await.len(), 3);
    steps.merge("r", "enforce").expect("it is done");
    let report = steps.report("r").await;
    assert!(report.get("accounts-unread").is_none() && report.get("warnings").is_none(), "{report:#}");
    assert_eq!(steps.list("r", "enforce").expect("a list"), 0);
}

#[tokio::test]
async fn accounts_are_listed_and_entered_in_half_the_time_for_reading_at_most() {
    let steps = Steps::new().await;
    let home = steps.home();
    home.organizations().create_organization().send().await.expect("an organisation");
    steps.list("r", "enforce").expect("a list");
    let far = steps.item("r", 1).await;
    // Of six seconds three are for reading.
    let within = |event: &Value| {
        let began = Instant::now();
        let failure = steps.function.invoke_within(Duration::from_secs(6), event).expect_err("it hangs");
        assert!(began.elapsed() < Duration::from_millis(2_900), "{:?}", began.elapsed());
        failure
    };
    home.add_fault(Fault::hang("AssumeRole", Duration::from_secs(20)).forever());
    let failure = within(&far);
    assert!(
        failure.kind == "NoAccess" && failure.message.contains("the time for that was over"),
        "{}",
        failure.message
    );
    home.calm();
    steps.write(
        "keyrota.toml",
        &format!("{MANIFEST}[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n"),
    );
    home.add_fault(Fault::hang("ListAccounts", Duration::from_secs(20)).forever());
    let failure = within(&Steps::list_event("o", "enforce"));
    assert!(
        failure.kind == "NoAccess" && failure.message.contains("could not be listed in time"),
        "{}",
        failure.message
    );
    home.calm();
}

#[tokio::test]
async fn what_a_limit_stopped_is_told_by_mail_and_report() {
    let steps = Steps::new().await;
    for number in 0..3 {
        let name = format!("ci-more-{number}");
        steps.accounts[1].create_user(&name, "/", &[("email", "owner@example.com")], &[]).await;
        steps.accounts[1].create_key(&name, Utc::now() - TimeDelta::days(95)).await;
    }
    steps.accounts[1].set_clock(Utc::now());
    let manifest = fs::read_to_string(steps.package.path().join("manifests/keyrota.toml")).expect("readable");
    steps.write("keyrota.toml", &format!("{manifest}[limits]\nmax-actions = 1\n"));
    let failure = steps.run("r", "enforce").await.expect_err("a limit");
    let b = &steps.accounts[1].id;
    assert_eq!((failure.kind.as_str(), steps.keys().await), ("LimitExceeded", [2, 1, 2]), "{}", failure.message);
    let report = steps.report("r").await;
    assert!(report["accounts-refused"][0].as_str().is_some_and(|line| line.contains(b)), "{report:#}");
    let summary = steps.home().sent_mail().into_iter().find(|mail| mail.text.contains("limit was exceeded"));
    assert!(summary.expect("a mail").text.contains(b));
}

/// A part of the report that is about another account tells nothing of this one.
#[tokio::test]
async fn a_part_of_the_report_that_is_of_another_account_counts_as_none() {
    let steps = Steps::new().await;
    steps.list("r", "enforce").expect("a list");
    for item in steps.items("r", "enforce").await {
        steps.function.invoke(&item).expect("it is open");
    }
    let part = async |account: usize| {
        let below = format!("runs/r/enforce/evidence/{}/", steps.accounts[account].id);
        steps.objects("fleet", &below).await.pop().expect("a part")
    };
    let of_another = steps.object("fleet", &part(2).await).await;
    let own = steps.object("fleet", &part(1).await).await;
    // Nor does one by other manifests, or of a time that is still to come.
    let odd = |change: &dyn Fn(&mut Value)| {
        let mut part: Value = serde_json::from_str(&own).expect("JSON");
        change(&mut part);
        part.to_string()
    };
    let by_others = odd(&|part| part["manifests"]["fingerprint"] = json!("other"));
    let to_come = odd(&|part| part["as-of"] = json!("2099-01-01T00:00:00Z"));
    let (mut seen, mut report) = (BTreeSet::new(), Value::Null);
    for (garbage, why) in
        [(by_others, "by other manifests"), (to_come, "still to come"), (of_another, "about another account")]
    {
        steps.put(&part(1).await, &garbage).await;
        steps.merge("r", "enforce").expect("every account was done");
        let mut names = steps.objects("evidence", "reports/").await;
        names.retain(|name| name.ends_with(".json") && seen.insert(name.clone()));
        let [name] = &names[..] else { panic!("one report a merge: {names:?}") };
        report = serde_json::from_str(&steps.object("evidence", name).await).expect("JSON");
        let error = report["completeness"]["accounts-unread"][0]["error"].as_str().expect("why");
        assert!(error.contains(why), "{error}");
    }
    let completeness = &report["completeness"];
    assert_eq!(completeness["complete"], false, "{completeness:#}");
    assert_eq!(completeness["accounts-unread"][0]["account"], json!(steps.accounts[1].id), "{completeness:#}");
    let accounts = report["accounts"].as_array().expect("a list").iter().map(|one| &one["account"]);
    assert_eq!(accounts.filter(|id| **id == json!(steps.accounts[2].id)).count(), 1, "{report:#}");
}
