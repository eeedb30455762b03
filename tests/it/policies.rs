//! Runs keyrota under the policies of `terraform/modules/access` with an emulator that enforces them, and shows that
//! none of their statements could be left out. Needs `python3` with `venv`, and PyPI on the first run.
//!
//! The emulator enforces actions, resources, trust policies and conditions on the tags of requests; its launcher corrects
//! which resource it takes some requests to be about, and adds what it does not know. The manifest here has no replicas and
//! KMS keys: those statements are checked as documents, by `terraform test` and against AWS's reference.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_sdk_secretsmanager::types::Tag;
use keyrota::{export, manifest};
use serde_json::{Value, json};

use crate::{emulator, manifest::now, terraform};

const REGION: &str = "eu-west-1";

/// The configuration of an SDK's client: of an account's root, or with the credentials given.
macro_rules! client {
    ($sdk:ident, $account:expr) => {
        client!($sdk, $account, "any", None)
    };
    ($sdk:ident, $key:expr, $secret:expr, $token:expr) => {
        $sdk::Config::builder()
            .behavior_version_latest()
            .endpoint_url(url())
            .region($sdk::config::Region::new(REGION))
            .credentials_provider(aws_credential_types::Credentials::new($key, $secret, $token, None, "test"))
            .build()
    };
}

// Below the macro, which they use.
mod boundary;
mod readers;

/// Two accounts: keyrota runs in the first, and rotates the users of the second.
struct Accounts {
    home: String,
    member: String,
    folder: tempfile::TempDir,
}

/// Who runs keyrota.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Plan,
    Execution,
}

impl Role {
    /// What is added to the name of the role in the member account.
    fn suffix(self) -> &'static str {
        match self {
            Self::Plan => "-plan",
            Self::Execution => "",
        }
    }
}

/// The policies of the role in the home account and of the one in the member account.
struct Policies {
    role: Role,
    home: Vec<Value>,
    member: Vec<Value>,
}

impl Accounts {
    /// Users with expired keys: `ci-new` has no secret, `ci-old` has the predecessor's.
    async fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(300_000_000_000);
        let [home, member] = [(); 2].map(|()| NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        let accounts = Self { home, member, folder: tempfile::tempdir().expect("a temporary folder") };
        accounts.select("ci-*");
        let iam = accounts.iam(&accounts.member);
        for (user, path) in [("ci-new", "/"), ("ci-old", "/apps/"), ("ci-breakglass", "/apps/"), ("other", "/")] {
            iam.create_user().user_name(user).path(path).send().await.expect("a new user");
            iam.create_access_key().user_name(user).send().await.expect("a new key");
        }
        let old = accounts.secrets(&accounts.member).create_secret().name("/aws/iam/credentials/ci-old");
        let owner = Tag::builder().key("Owner").value("ci-old").build();
        old.secret_string("{}").tags(owner).send().await.expect("the predecessor's secret");
        let mail = aws_sdk_sesv2::Client::from_conf(client!(aws_sdk_sesv2, &accounts.home));
        mail.create_email_identity().email_identity("security@example.com").send().await.expect("an identity");
        accounts
    }

    /// Writes manifests that select these users of the member account.
    fn select(&self, users: &str) {
        let manifest = format!(
            "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\n\
             [mail]\nfrom = \"Security <security@example.com>\"\n\
             [accounts.member]\nid = \"{}\"\nrole = \"keyrota\"\nregion = \"{REGION}\"\n\
             [[rotate]]\nusers = [\"{users}\"]\nexcept = [\"ci-breakglass\"]\n",
            self.member
        );
        fs::write(self.folder.path().join("keyrota.toml"), manifest).expect("a manifest");
    }

    /// What Terraform makes of these manifests.
    fn policies(&self, role: Role) -> Policies {
        let manifest = manifest::load(self.folder.path(), now()).manifest.expect("a manifest without errors");
        let variables = json!(export::terraform(&manifest).0).to_string();
        let variables: Value = serde_json::from_str(&variables.replace("{partition}", "aws")).expect("JSON");
        let access = &variables["accounts"]["member"];
        // The plan role reads the whole account, whatever the manifests say.
        let everyone = json!([{ "users": [format!("arn:aws:iam::{}:user/*", self.member)] }]);
        let all_secrets = json!([format!("arn:aws:secretsmanager:*:{}:secret:*", self.member)]);
        let (grants, secrets) = match role {
            Role::Plan => (&everyone, all_secrets),
            Role::Execution => (&access["grants"], access["secrets"].clone()),
        };
        let owners: Vec<&Value> =
            grants.as_array().into_iter().flatten().filter_map(|grant| grant["users"].as_array()).flatten().collect();
        let account: BTreeMap<&str, Value> = BTreeMap::from([
            ("in_bulk", json!(["*"])),
            ("one_by_one", json!([])),
            ("users_one_by_one", json!([])),
            ("secrets", secrets),
            ("never", access["never"].clone()),
            ("replicated", access["replicated"].clone()),
            ("replica_regions", access["replica_regions"].clone()),
            ("tag_keys", json!(terraform::tag_keys())),
            ("kms_keys", json!([])),
            ("kms_keys_by_alias", json!([])),
            ("kms_aliases", json!([])),
            ("via", json!("secretsmanager.*.amazonaws.com")),
            ("former_kms_keys", json!([])),
            ("former_secrets", json!([format!("arn:aws:secretsmanager:*:{}:secret:*", self.member)])),
            ("owners", json!(owners)),
        ]);
        let users: Vec<BTreeMap<&str, Value>> = grants
            .as_array()
            .expect("a list")
            .iter()
            .enumerate()
            .map(|(index, grant)| {
                BTreeMap::from([("index", json!(index)), ("users", grant["users"].clone()), ("tags", json!({}))])
            })
            .collect();
        let of_users = |file| users.iter().flat_map(move |users| terraform::statements(file, users));
        let mut member = terraform::statements("plan", &account);
        member.extend(of_users("plan-users"));
        let roles = json!([format!("{}{}", access["role"].as_str().expect("a role"), role.suffix())]);
        let mut identities = json!([]);
        if role == Role::Execution {
            member.extend(terraform::statements("write", &account));
            member.extend(of_users("write-users"));
            identities = json!([format!("arn:aws:ses:{REGION}:{}:identity/security@example.com", self.home)]);
        }
        // Declared accounts: no organisation is asked.
        let organization =
            ["anywhere", "find_accounts", "look_into_units", "units", "organization_accounts", "read_tags"];
        let organization = organization.map(|name| (name, json!([])));
        let mut caller = BTreeMap::from([
            ("mail_identities", identities),
            ("mail_from", variables["mail"]["address"].clone()),
            ("roles", roles),
            ("own_secrets", json!([])),
            ("event_buses", json!([])),
            ("topics", json!([])),
            ("webhooks", json!([])),
        ]);
        caller.extend(organization);
        let home = terraform::statements("caller", &caller);
        Policies { role, home, member }
    }

    /// Makes both roles with these policies, and runs keyrota with the one in the home account.
    async fn run(&self, policies: &Policies, arguments: &[&str]) -> Output {
        let trust = |principal: String| {
            let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": principal } });
            json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
        };
        let home_role = format!("arn:aws:iam::{}:role/keyrota", self.home);
        let member_role = format!("keyrota{}", policies.role.suffix());
        let roles = [
            (&self.home, "keyrota", trust(format!("arn:aws:iam::{}:root", self.home)), &policies.home),
            (&self.member, &member_role, trust(home_role.clone()), &policies.member),
        ];
        for (account, name, trust, statements) in roles {
            let iam = self.iam(account);
            let made = iam.create_role().role_name(name).assume_role_policy_document(trust).send().await;
            made.expect("a new role");
            if !statements.is_empty() {
                let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
                let put = iam.put_role_policy().role_name(name).policy_name("rotation").policy_document(document);
                put.send().await.expect("a policy");
            }
        }
        let credentials = self.assume(&self.home, &home_role).await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrota"));
        command
            .args(arguments)
            .args(["--format", "json", "--manifests"])
            .arg(self.folder.path())
            .env_clear()
            .env("HOME", "/nonexistent")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("KEYROTA_ROLE_SUFFIX", policies.role.suffix())
            .env("AWS_ENDPOINT_URL", url())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", credentials.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key())
            .env("AWS_SESSION_TOKEN", credentials.session_token())
            .stdin(Stdio::null());
        // The emulator is in this process's hands; waiting must not stop its client's runtime.
        tokio::task::spawn_blocking(move || command.output().expect("keyrota runs")).await.expect("no panic")
    }

    async fn assume(&self, account: &str, role: &str) -> aws_sdk_sts::types::Credentials {
        let sts = aws_sdk_sts::Client::from_conf(client!(aws_sdk_sts, account));
        let answer = sts.assume_role().role_arn(role).role_session_name("test").send().await;
        answer.expect("an assumed role").credentials.expect("credentials")
    }

    /// Whether every user in scope has one new key, stored in its secret, and the others have their old one.
    async fn is_rotated(&self) -> bool {
        for (user, rotated) in [("ci-new", true), ("ci-old", true), ("ci-breakglass", false), ("other", false)] {
            let keys = self.iam(&self.member).list_access_keys().user_name(user).send().await.expect("its keys");
            let [key] = keys.access_key_metadata() else { return false };
            let id = key.access_key_id().unwrap_or_default();
            let name = format!("/aws/iam/credentials/{user}");
            let secret = self.secrets(&self.member).get_secret_value().secret_id(name).send().await;
            let stored = secret.is_ok_and(|secret| secret.secret_string().unwrap_or_default().contains(id));
            if stored != rotated {
                return false;
            }
        }
        true
    }

    fn iam(&self, account: &str) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::from_conf(client!(aws_sdk_iam, account))
    }

    fn secrets(&self, account: &str) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::from_conf(client!(aws_sdk_secretsmanager, account))
    }
}

/// The emulator; it ends with this process, which holds its input.
fn url() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| {
        let launcher: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/policies.py");
        let python = emulator::python("ministack.txt");
        let mut process = Command::new(python)
            .arg(&launcher)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} did not start: {error}", launcher.display()));
        let mut port = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut port).expect("readable");
        // Its input stays open until this process ends.
        std::mem::forget(process);
        format!("http://127.0.0.1:{}", port.trim())
    });
    &URL
}

/// What keyrota says has failed, and what it says on stderr.
fn failures(output: &Output) -> Vec<String> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let outcomes = report["outcomes"].as_array().into_iter().flatten();
    let errors = outcomes.filter_map(|outcome| outcome["error"].as_str()).map(str::to_owned);
    errors.chain([String::from_utf8_lossy(&output.stderr).into_owned()]).collect()
}

/// Runs with every statement but one, each time in accounts of its own. Returns the Sids without which it still works.
async fn needless(role: Role, arguments: &[&str], works: impl AsyncFn(&Accounts, &Output) -> bool) -> Vec<String> {
    let accounts = Accounts::new().await;
    let all = accounts.policies(role);
    let output = accounts.run(&all, arguments).await;
    let failures = failures(&output);
    assert!(works(&accounts, &output).await, "with all statements: {} {failures:?}", output.status);
    let mut needless = Vec::new();
    for index in 0..all.home.len() + all.member.len() {
        let accounts = Accounts::new().await;
        let mut policies = accounts.policies(role);
        let removed = match index.checked_sub(policies.home.len()) {
            None => policies.home.remove(index),
            Some(index) => policies.member.remove(index),
        };
        let output = accounts.run(&policies, arguments).await;
        if works(&accounts, &output).await {
            needless.push(removed["Sid"].as_str().unwrap_or_default().to_owned());
        }
    }
    needless
}

#[tokio::test]
async fn every_statement_of_the_plan_role_is_needed() {
    let needless = needless(Role::Plan, &["plan"], async |accounts: &Accounts, output: &Output| {
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        !accounts.is_rotated().await && plan["summary"]["create"] == 2 && plan["summary"]["held"] == 0
    });
    // Without the list of secrets each is described by itself: many calls instead of one. The ages of keys that no rule selects
    // are said not to be known.
    assert_eq!(needless.await, ["ReadAges", "FindSecrets"]);
}

#[tokio::test]
async fn every_statement_of_the_execution_role_is_needed() {
    let needless = needless(Role::Execution, &["apply", "--yes"], async |accounts: &Accounts, output: &Output| {
        output.status.success() && accounts.is_rotated().await
    });
    // A denial is not needed by what works, and no secret here has another name; see below.
    assert_eq!(needless.await, ["ReadAges", "FindSecrets", "NeverTouch", "FinishAtFormerSecrets", "TagFormerSecrets"]);
}

/// The manifests name another secret than before, and so do the policies: the former one is within reach all the same, if
/// it is the user's, and no other is.
#[tokio::test]
async fn a_secret_of_a_former_name_is_within_reach() {
    const STATEMENTS: [&str; 2] = ["FinishAtFormerSecrets", "TagFormerSecrets"];
    for (owner, is_allowed, works) in [("ci-new", true, true), ("ci-new", false, false), ("other", true, true)] {
        let accounts = Accounts::new().await;
        let keys =
            accounts.iam(&accounts.member).list_access_keys().user_name("ci-new").send().await.expect("its keys");
        let key = keyrota::inventory::KeyId::new(keys.access_key_metadata()[0].access_key_id().expect("an id"));
        let secrets = accounts.secrets(&accounts.member);
        let arn = format!("arn:aws:iam::{}:user/{owner}", accounts.member);
        let tag = aws_sdk_secretsmanager::types::Tag::builder().key("keyrota:user").value(arn).build();
        secrets.create_secret().name("former/ci-new").tags(tag).send().await.expect("a secret");
        let put = secrets.put_secret_value().secret_id("former/ci-new").client_request_token(key.version_id());
        put.secret_string("{}").send().await.expect("a version");
        let mut policies = accounts.policies(Role::Execution);
        let before = policies.member.len();
        policies.member.retain(|statement| is_allowed || !STATEMENTS.iter().any(|sid| statement["Sid"] == *sid));
        assert_eq!(before - policies.member.len(), if is_allowed { 0 } else { STATEMENTS.len() });
        let output = accounts.run(&policies, &["apply", "--yes"]).await;
        let has_worked = output.status.success() && accounts.is_rotated().await;
        assert_eq!(
            has_worked,
            works,
            "{owner}, {is_allowed}: {} {:?}",
            String::from_utf8_lossy(&output.stdout),
            failures(&output)
        );
        // Whatever else the role may do there: nobody's secret of another name can be described.
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(report.contains("\"moved\""), is_allowed && owner == "ci-new", "{report}");
    }
}

/// A pull request that adds users is planned under the policies of the main branch, which don't name them.
#[tokio::test]
async fn a_pull_request_is_planned_before_its_policies_exist() {
    for (role, created) in [(Role::Plan, 2), (Role::Execution, 0)] {
        let accounts = Accounts::new().await;
        accounts.select("svc-*");
        let policies_of_main = accounts.policies(role);
        accounts.select("ci-*");
        let output = accounts.run(&policies_of_main, &["plan"]).await;
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(plan["summary"]["create"], created, "{:?}", failures(&output));
        let unreadable = plan["waiting"].as_array().into_iter().flatten().filter(|one| one["reason"] == "unreadable");
        assert_eq!(unreadable.count(), 2 - created, "{plan:#}");
    }
}

#[tokio::test]
async fn the_plan_role_changes_nothing() {
    let accounts = Accounts::new().await;
    let output = accounts.run(&accounts.policies(Role::Plan), &["apply", "--yes"]).await;
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let keys = accounts.iam(&accounts.member).list_access_keys().user_name("ci-new").send().await.expect("its keys");
    assert_eq!(keys.access_key_metadata().len(), 1);
    let secrets = accounts.secrets(&accounts.member).list_secrets().send().await.expect("secrets");
    assert_eq!(secrets.secret_list().len(), 1, "no secret was made");
}

#[tokio::test]
async fn excepted_users_and_secret_values_are_out_of_reach() {
    for is_denied in [true, false] {
        let accounts = Accounts::new().await;
        let mut policies = accounts.policies(Role::Execution);
        if !is_denied {
            policies.member.retain(|statement| statement["Sid"] != "NeverTouch");
        }
        accounts.run(&policies, &["plan"]).await;
        let home = accounts.assume(&accounts.home, &format!("arn:aws:iam::{}:role/keyrota", accounts.home)).await;
        let config =
            client!(aws_sdk_sts, home.access_key_id(), home.secret_access_key(), Some(home.session_token().to_owned()));
        let role = format!("arn:aws:iam::{}:role/keyrota", accounts.member);
        let answer =
            aws_sdk_sts::Client::from_conf(config).assume_role().role_arn(role).role_session_name("test").send();
        let member = answer.await.expect("an assumed role").credentials.expect("credentials");
        let (key, secret, token) =
            (member.access_key_id(), member.secret_access_key(), Some(member.session_token().to_owned()));

        let iam = aws_sdk_iam::Client::from_conf(client!(aws_sdk_iam, key, secret, token.clone()));
        let created = iam.create_access_key().user_name("ci-breakglass").send().await;
        assert_eq!(created.is_err(), is_denied, "{created:?}");
        let created = iam.create_access_key().user_name("other").send().await;
        assert!(created.is_err(), "a user of no rule");

        let secrets = aws_sdk_secretsmanager::Client::from_conf(client!(aws_sdk_secretsmanager, key, secret, token));
        let described = secrets.describe_secret().secret_id("/aws/iam/credentials/ci-old").send().await;
        assert!(described.is_ok(), "{described:?}");
        let value = secrets.get_secret_value().secret_id("/aws/iam/credentials/ci-old").send().await;
        assert!(value.is_err(), "the role reads no secret");
    }
}
