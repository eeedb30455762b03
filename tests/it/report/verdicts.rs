//! No verdict without the rows behind it; what could not be read is unknown, and what nobody manages fails.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::FutureExt;
use keyrota::{
    cloud::{Parameter, Reads, Relevant, Vault, VaultKey, VaultSecret, sandbox::Sandbox},
    evidence::{Evidence, Look, Provenance, Subject, Verdict, gather},
    inventory::{Account, CallError, ErrorKind, Key, KeyId, LastUse, SecretRecord, UnmanagedKey, UnreadAccount, User},
    manifest::{self, Manifest},
    observe::{Depth, Unmanaged},
    run::{Mode, Run},
};
use serde_json::{Value, json};

use super::{account, control, example, json as report_json, report, row};

/// Whether a control, a criterion and the rows tell the same.
fn check_rows(report: &Value) {
    let rows = report["keys"].as_array().expect("rows");
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row["row"], json!(at + 1));
        let is_judged = row["status"] != "inactive";
        assert_eq!(row["controls"].as_object().expect("a map").is_empty(), !is_judged, "{row}");
        // Decided by `managed` alone.
        let managed = match (&row["status"], &row["managed"], &row["state"]) {
            (status, ..) if status == "inactive" => continue,
            (status, ..) if status == "unknown" => "unknown",
            (_, managed, _) if managed == true => "pass",
            (_, _, state) if state == "exempt" => "excepted",
            _ => "fail",
        };
        assert_eq!(row["controls"]["nist-800-53-r5/AC-2(1)"], managed, "{row}");
    }
    for control in report["controls"].as_array().expect("controls") {
        let id = control["control"].as_str().expect("an id");
        let of = |verdict: &str| -> Vec<u64> {
            let rows = rows.iter().filter(|row| row["controls"][id] == verdict);
            rows.map(|row| row["row"].as_u64().expect("a number")).collect()
        };
        for verdict in ["fail", "excepted", "unknown"] {
            assert_eq!(control[verdict], json!(of(verdict)), "{id}");
        }
        assert_eq!(control["pass"], json!(of("pass").len()), "{id}");
        let all = rows.iter().filter(|row| row["controls"].get(id).is_some()).count();
        assert_eq!(control["of"], json!(all), "{id}");
        let is_whole = report["completeness"]["accounts-unread"] == json!([]);
        let expected = match (of("fail").is_empty(), of("unknown").is_empty() && is_whole, of("excepted").is_empty()) {
            (false, _, _) => "fail",
            (_, false, _) => "unknown",
            (_, _, false) => "excepted",
            _ => "pass",
        };
        assert_eq!(control["verdict"], expected, "{id}");
    }
}

#[test]
fn each_verdict_has_its_rows() {
    let folder = example();
    let report = report_json(&folder);
    check_rows(&report);
    assert_eq!(report["schema"], "keyrota/report/v1");
    let controls = report["controls"].as_array().expect("controls");
    assert_eq!(controls.len(), 19);

    // Whom nobody manages fails as soon as a key is over age, and never passes for managed.
    let alice = row(&report, "alice", None);
    assert_eq!((&alice["state"], &alice["managed"]), (&json!("unmanaged"), &json!(false)));
    assert_eq!(alice["controls"]["cis-aws-7.0.0/2.12"], "fail");
    assert_eq!(alice["controls"]["nist-800-53-r5/AC-2(1)"], "fail");
    assert_eq!(alice["controls"]["cis-aws-7.0.0/2.11"], "pass");
    assert_eq!(alice["last-use"]["service"], "sts");
    // An exemption excepts what fails.
    let sap = row(&report, "svc-sap", None);
    assert_eq!((&sap["state"], &sap["over-limit"]), (&json!("exempt"), &json!(true)));
    assert_eq!(sap["controls"]["cis-aws-7.0.0/2.12"], "excepted");
    assert_eq!(sap["controls"]["cis-aws-7.0.0/2.11"], "pass");
    // A limit of its own is stricter than the control's.
    let invoices = row(&report, "svc-invoices", None);
    assert_eq!((&invoices["limit"], &invoices["limit-days"]), (&json!("60d"), &json!(60)));
    assert_eq!(invoices["limit-place"]["file"], "manifests/payments.toml");
    // Nobody ever used it.
    assert_eq!(row(&report, "platform-dns", None)["controls"]["cis-aws-7.0.0/2.11"], "fail");
    assert_eq!(row(&report, "platform-dns", None)["last-use"]["state"], "never");
    // What comes next is told of the key that it is about.
    let next = |user, key| {
        let next = &row(&report, user, Some(key))["next"];
        (next["action"].as_str().map(str::to_owned), next["at"].as_str().map(|at| at[..10].to_owned()))
    };
    let some = |action: &str, at: &str| (Some(action.to_owned()), Some(at.to_owned()));
    assert_eq!(next("ci-deployer", "AKIAEXAMPLECIDEPLOY1"), some("create", "2026-12-01"), "by the schedule");
    assert_eq!(
        next("svc-billing", "AKIAEXAMPLEBILLING01"),
        some("deactivate", "2026-12-11"),
        "who uses it goes on until then"
    );
    assert_eq!(next("svc-mailer", "AKIAEXAMPLEMAILER001"), some("delete", "2026-11-23"));
    assert_eq!(next("platform-backup", "AKIAEXAMPLEBACKUP001"), (None, None), "a person must do something first");
    let mailer = row(&report, "svc-mailer", Some("AKIAEXAMPLEMAILER001"));
    assert_eq!((&mailer["status"], &mailer["stored"]), (&json!("inactive"), &json!("stored")));
    assert_eq!(mailer["deactivated"], "2026-11-05T08:00:20Z");
    let told = &row(&report, "svc-billing", Some("AKIAEXAMPLEBILLING02"))["told"];
    assert_eq!((&told["at"], &told["of"]), (&json!("2026-11-20T08:00:41Z"), &json!("issued")));
    // Whom the mail went to is not in the ledger, and nobody is made up.
    assert_eq!((&told["to"], &told["fallback"]), (&json!([]), &Value::Null));
}

#[test]
fn each_number_is_of_its_control() {
    let report = report_json(&example());
    let numbers: BTreeMap<String, Vec<String>> =
        report["controls"].as_array().expect("controls").iter().fold(BTreeMap::new(), |mut all, control| {
            let text = |field: &str| control[field].as_str().expect("a text").to_owned();
            all.entry(format!("{} {}", text("framework"), text("framework-version"))).or_default().push(text("number"));
            all
        });
    let cis = |version: &str| numbers[&format!("CIS AWS Foundations Benchmark {version}")].join(" ");
    assert_eq!(cis("1.2.0"), "1.4 1.3");
    assert_eq!(cis("1.4.0"), "1.14 1.12");
    assert_eq!(cis("3.0.0"), "1.14 1.12");
    assert_eq!(cis("5.0.0"), "1.13 1.11");
    assert_eq!(cis("6.0.0"), "2.13 2.11");
    assert_eq!(cis("7.0.0"), "2.12 2.11");
    assert_eq!(numbers["PCI DSS 4.0.1"].join(" "), "8.3.9 8.6.3");
    assert_eq!(numbers["NIST SP 800-53 Rev. 5"].join(" "), "AC-2(1) AC-2(3) IA-5(1)");
    assert_eq!(numbers["SOC 2 (Trust Services Criteria) 2017"].join(" "), "CC6.1");
    assert_eq!(numbers["ISO/IEC 27001 2022"].join(" "), "A.5.17");
}

#[test]
fn an_empty_account_has_nothing_to_fail() {
    let folder = account("[[rotate]]\nusers = [\"*\"]\n", "");
    let report = report_json(&folder);
    check_rows(&report);
    assert_eq!((&report["keys"], &report["summary"]["oldest-age-days"]), (&json!([]), &Value::Null));
    assert_eq!(report["summary"]["controls"], json!({ "fail": 0, "unknown": 0, "excepted": 0, "pass": 19 }));
    let page = super::report(&folder, &["--format", "html"]).exits(0).stdout;
    assert!(page.contains("There is no active key, so that no control fails.") && page.contains("There are no keys."));
}

#[test]
fn who_is_exempt_is_excepted_and_not_fine() {
    let rules = "[[rotate]]\nusers = [\"*\"]\n[[exempt]]\nuser = \"a\"\nreason = \"r\"\nuntil = 2027-01-31\n\
                 [[exempt]]\nuser = \"b\"\nreason = \"r\"\naccount = \"111122223333\"\n[[exempt]]\nuser = \"gone\"\nreason = \"r\"\n";
    let users = "[[users]]\nname = \"a\"\nkeys = [{ id = \"AKIAEXAMPLEEXEMPTA01\", created = 2025-01-01, last-used = 2026-11-22 }]\n\
                 [[users]]\nname = \"b\"\nkeys = [{ id = \"AKIAEXAMPLEEXEMPTB01\", created = 2026-11-20 }]\n";
    let folder = account(rules, users);
    let report = report_json(&folder);
    check_rows(&report);
    assert_eq!(control(&report, "cis-aws-5.0.0/1.13")["verdict"], "excepted");
    assert_eq!(control(&report, "cis-aws-5.0.0/1.13")["pass"], 1, "an exempt key may be young");
    assert_eq!(control(&report, "nist-800-53-r5/AC-2(1)")["excepted"], json!([1, 2]));
    let [a, b, gone] = report["exceptions"].as_array().expect("exceptions").as_slice() else { panic!("{report}") };
    assert_eq!((&a["until"], &a["in-force"], &a["rows"]), (&json!("2027-01-31"), &json!(true), &json!([1])));
    assert_eq!((&b["until"], &b["account"], &b["rows"]), (&Value::Null, &json!("111122223333"), &json!([2])));
    assert_eq!(gone["rows"], json!([]));
    assert_eq!(a["place"], json!({ "file": "manifests/team.toml", "line": 4 }));
    let page = super::report(&folder, &["--format", "html"]).exits(0).stdout;
    assert!(page.contains("No control fails; 12 of 19 hold but for exemptions."), "{page}");
    assert!(page.contains("<td>exempt<p>r; last day 2027-01-31<td>"), "{page}");
}

/// Refuses to tell of some users.
struct Reluctant<'a> {
    sandbox: &'a Sandbox,
    /// The users whose keys are denied.
    keys: fn(&str) -> bool,
    /// Whether the credential report is.
    report: bool,
    /// Whether last uses are.
    uses: bool,
}

fn denied<T>(operation: &'static str, subject: &str) -> Result<T, CallError> {
    Err(CallError::new(ErrorKind::Denied, operation, subject, "AccessDenied: not for you"))
}

#[async_trait(?Send)]
impl Reads for Reluctant<'_> {
    fn account(&self) -> &Account {
        self.sandbox.account()
    }
    async fn users(&self, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
        self.sandbox.users(relevant).await
    }
    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError> {
        self.sandbox.secrets().await
    }
    async fn describe_secret(&self, name: &str) -> Result<Option<SecretRecord>, CallError> {
        self.sandbox.describe_secret(name).await
    }
    async fn resource_policy(&self, name: &str) -> Result<Option<String>, CallError> {
        self.sandbox.resource_policy(name).await
    }
    async fn access_keys(&self, user: &str) -> Result<Vec<Key>, CallError> {
        if (self.keys)(user) { denied("iam:ListAccessKeys", user) } else { self.sandbox.access_keys(user).await }
    }
    async fn credential_report(&self) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
        if self.report { denied("iam:GetCredentialReport", "report") } else { self.sandbox.credential_report().await }
    }
    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError> {
        if self.uses { denied("iam:GetAccessKeyLastUsed", key.as_str()) } else { self.sandbox.last_use(key).await }
    }
    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, CallError> {
        self.sandbox.parameter(name).await
    }
    async fn vault_key(&self, vault: &Vault) -> Result<VaultKey, CallError> {
        self.sandbox.vault_key(vault).await
    }
    async fn vault_secret(&self, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError> {
        self.sandbox.vault_secret(vault, name).await
    }
    async fn vault_repositories(&self, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError> {
        self.sandbox.vault_repositories(vault, name).await
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn gathered<C: Reads>(manifest: &Manifest, cloud: &C, not_entered: &[UnreadAccount]) -> Evidence {
    let clouds = std::slice::from_ref(cloud);
    let depth = Depth::Everything;
    let run = Run { not_entered, depth, unmanaged: Unmanaged::Ages, ..Run::new(manifest, clouds, Mode::Plan, now()) };
    let planned = run.plan(&|_| {}).now_or_never().expect("it never waits").expect("an account");
    let of = |one: &keyrota::observe::AccountState<'_, C>| (one.roster.clone(), one.inventory.clone());
    let accounts: Vec<_> = planned.accounts.iter().map(of).collect();
    let looks: Vec<_> =
        accounts.iter().map(|(roster, inventory)| Look { roster, inventory, caller: cloud.caller() }).collect();
    gather(Subject {
        manifest,
        provenance: &Provenance::default(),
        accounts: &looks,
        plan: &planned.plan,
        viewpoint: now().into(),
        calendars: &[],
        chronicle: None,
    })
}

#[test]
fn what_could_not_be_read_is_unknown() {
    let text = "version = 1\n[defaults]\nnotify = []\n[[rotate]]\nusers = [\"in-*\"]\n[[exempt]]\nuser = \"in-3\"\nreason = \"r\"\n";
    let loaded = manifest::load_files(vec![("m/keyrota.toml".to_owned(), text.as_bytes().to_vec())], now());
    let manifest = loaded.manifest.expect("a manifest");
    let user = |name: &str, number: usize| {
        let key = format!("{{ id = \"AKIAEXAMPLEUNREAD0{number:02}\", created = 2026-11-01 }}");
        format!("[[users]]\nname = \"{name}\"\nkeys = [{key}]\n")
    };
    let users: String = ["in-1", "in-2", "in-3", "out-1"].iter().zip(1..).map(|(name, at)| user(name, at)).collect();
    let world = format!("now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\n{users}");
    let sandbox = Sandbox::parse(&world, "account.toml").expect("a sandbox");
    let value = |evidence: &Evidence| serde_json::to_value(evidence).expect("JSON");

    let all = gathered(&manifest, &Reluctant { sandbox: &sandbox, keys: |_| false, report: false, uses: false }, &[]);
    check_rows(&value(&all));
    assert!(all.completeness.complete);
    assert_eq!(control(&value(&all), "cis-aws-5.0.0/1.13")["verdict"], "pass");

    // Half of it can't be read, an exempt user among it.
    let half = gathered(
        &manifest,
        &Reluctant { sandbox: &sandbox, keys: |user| user > "in-1", report: false, uses: false },
        &[],
    );
    check_rows(&value(&half));
    let unread: Vec<_> = half.completeness.unreadable.iter().filter_map(|one| one.user.as_deref()).collect();
    assert_eq!(unread, ["in-2", "in-3"]);
    assert!(!half.completeness.complete && half.completeness.unreadable[0].error.contains("iam:ListAccessKeys"));
    let rotated = control(&value(&half), "cis-aws-5.0.0/1.13").clone();
    assert_eq!((&rotated["verdict"], &rotated["pass"], &rotated["of"]), (&json!("unknown"), &json!(2), &json!(4)));
    assert_eq!(rotated["unknown"], json!([2, 3]));
    assert_eq!(row(&value(&half), "in-2", None)["key"], Value::Null);

    let blind = gathered(&manifest, &Reluctant { sandbox: &sandbox, keys: |_| false, report: true, uses: false }, &[]);
    check_rows(&value(&blind));
    assert_eq!(blind.completeness.unmanaged_unread.len(), 1);
    assert_eq!((blind.unmanaged[0].active_keys, blind.unmanaged[0].over_limit), (None, None));
    assert_eq!(control(&value(&blind), "cis-aws-5.0.0/1.13")["unknown"], json!([4]));

    // No row tells of an account that could not be entered, and no control passes.
    let (id, name) = (Some("444455556666".to_owned()), Some("other".to_owned()));
    let not_entered = [UnreadAccount {
        id,
        name,
        shares_name: false,
        error: "sts:AssumeRole: AccessDenied".to_owned(),
        hint: Some("trust the caller".to_owned()),
    }];
    let missing = gathered(
        &manifest,
        &Reluctant { sandbox: &sandbox, keys: |_| false, report: false, uses: false },
        &not_entered,
    );
    check_rows(&value(&missing));
    assert_eq!(missing.summary.controls[&Verdict::Unknown] + missing.summary.controls[&Verdict::Fail], 19);
    let page = keyrota::evidence::html::render(&missing);
    for words in [
        "444455556666 (other): sts:AssumeRole: AccessDenied; trust the caller",
        "1 account was not read",
        "The report is incomplete",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn a_last_use_that_is_denied_hides_no_age() {
    let text = "version = 1\n[defaults]\nnotify = []\n[[rotate]]\nusers = [\"*\"]\n[[exempt]]\nuser = \"let-be\"\nreason = \"r\"\n";
    let loaded = manifest::load_files(vec![("m/keyrota.toml".to_owned(), text.as_bytes().to_vec())], now());
    let manifest = loaded.manifest.expect("a manifest");
    let users = [("let-be", "2026-01-01"), ("old", "2026-01-01"), ("young", "2026-11-01")];
    let users: String = users.iter().zip(1..).fold(String::new(), |text, ((name, created), at)| {
        let key = format!("{{ id = \"AKIAEXAMPLEUNUSED{at:03}\", created = {created}, last-used = 2026-11-22 }}");
        text + &format!("[[users]]\nname = \"{name}\"\nkeys = [{key}]\n")
    });
    let world = format!("now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\n{users}");
    let sandbox = Sandbox::parse(&world, "account.toml").expect("a sandbox");
    let evidence =
        gathered(&manifest, &Reluctant { sandbox: &sandbox, keys: |_| false, report: true, uses: true }, &[]);
    let report = serde_json::to_value(&evidence).expect("JSON");
    check_rows(&report);
    let old = row(&report, "old", None);
    assert_eq!((&old["key"], &old["age-days"]), (&json!("AKIAEXAMPLEUNUSED002"), &json!(326)));
    assert_eq!((&old["status"], &old["over-limit"]), (&json!("active"), &json!(true)));
    assert_eq!((&old["state"], &old["last-use"]["state"]), (&json!("unreadable"), &json!("unknown")));
    let is = |id: &str| ["excepted", "fail", "unknown"].map(|verdict| control(&report, id)[verdict].clone());
    assert_eq!(is("cis-aws-5.0.0/1.13"), [json!([1]), json!([2]), json!([])], "ages are known");
    assert_eq!(is("cis-aws-5.0.0/1.11"), [json!([]), json!([]), json!([1, 2])], "uses are not");
    assert_eq!(is("nist-800-53-r5/AC-2(1)"), [json!([1]), json!([]), json!([])]);
    assert_eq!((&report["summary"]["active-keys"], &report["summary"]["unreadable"]), (&json!(3), &json!(3)));
    let error = &report["completeness"]["unreadable"][0]["error"];
    assert!(error.as_str().is_some_and(|error| error.contains("iam:GetAccessKeyLastUsed")), "{error}");
}

#[test]
fn what_is_incomplete_is_written_and_exits_with_5() {
    let users = "[[users]]\nname = \"torn\"\nkeys = [{ id = \"AKIAEXAMPLETORN00001\", created = 2026-11-20 }]\n\
                 [[secrets]]\nname = \"/aws/iam/credentials/torn\"\n\
                 tags = { Owner = \"torn\", \"keyrota:deactivated\" = \"nonsense\" }\n";
    let folder = account("[[rotate]]\nusers = [\"*\"]\n", users);
    let ran = report(&folder, &["--format", "json"]).exits(5);
    let report = ran.json();
    check_rows(&report);
    assert_eq!(report["completeness"]["complete"], false);
    let torn = row(&report, "torn", None);
    assert_eq!((&torn["state"], &torn["next"], &torn["stored"]), (&json!("unreadable"), &Value::Null, &Value::Null));
    // Its secret is not understood; its key is known all the same.
    assert_eq!((&torn["key"], &torn["age-days"]), (&json!("AKIAEXAMPLETORN00001"), &json!(3)));
    assert_eq!(control(&report, "cis-aws-5.0.0/1.13")["verdict"], "pass");
    assert_eq!(report["summary"]["unreadable"], 1);
    super::report(&folder, &[]).exits(5).shows(&["Not read, so that nobody knows", "torn"]);
}

#[test]
fn another_instant_is_a_forecast_and_says_so() {
    let folder = example();
    let report = report(&folder, &["--format", "json", "--at", "2027-01-15"]).exits(0).json();
    assert_eq!(
        (&report["as-of"], &report["observed"]),
        (&json!("2027-01-15T00:00:00Z"), &json!("2026-11-23T08:00:00Z"))
    );
    let page = super::report(&folder, &["--format", "html", "--at", "2027-01-15"]).exits(0).stdout;
    assert!(page.contains("A forecast, and no evidence"));
    assert!(!super::report(&folder, &["--format", "html"]).exits(0).stdout.contains("A forecast"));
}
