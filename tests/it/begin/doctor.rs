//! `doctor`: a line for each thing that keyrota needs, each broken by itself, and what is denied never shown as fine.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    command::{Folder, Ran},
    emulator::{Fault, TestAccount, account},
};

const SHARED: &str = "version = 1\n\n[defaults]\nnotify = [\"tag:email\"]\nkms-key = \"alias/keys\"\nreplicate-to = [\"eu-central-1\"]\n\n\
                      [mail]\nfrom = \"Security <security@mail.example.com>\"\nregion = \"eu-north-1\"\n";
const RULES: &str = "version = 1\n[[rotate]]\nusers = [\"ci-*\"]\n";
const IDENTITY: &str = "/v2/email/identities/security@mail.example.com";
const SES: &str = "/v2/email/account";
const FUNCTION: &str = "/2015-03-31/functions/keyrota/configuration";
const SIMULATED: [&str; 8] = [
    "iam:CreateAccessKey",
    "iam:DeleteAccessKey",
    "iam:UpdateAccessKey",
    "secretsmanager:CreateSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "secretsmanager:UpdateSecretVersionStage",
];

/// What SES answers of an account out of its sandbox.
fn ses(production: bool, enabled: bool, quota: f64) -> Fault {
    let quota = json!({ "Max24HourSend": quota, "MaxSendRate": 14.0, "SentLast24Hours": 1.0 });
    let body = json!({ "ProductionAccessEnabled": production, "SendingEnabled": enabled, "SendQuota": quota });
    Fault::body(SES, 200, &body.to_string()).forever()
}

/// What SES answers of the sender; of its domain it knows nothing.
fn identity(verified: &str) -> Fault {
    Fault::body(IDENTITY, 200, &format!("{{\"VerifiedForSendingStatus\": {verified}}}")).forever()
}

fn kms(state: &str) -> Fault {
    let body = json!({ "KeyMetadata": { "KeyId": "1", "KeyState": state, "Enabled": state == "Enabled" } });
    Fault::body("DescribeKey", 200, &body.to_string()).forever()
}

fn function(change: impl FnOnce(&mut Value)) -> Fault {
    let mut body = json!({
        "FunctionName": "keyrota", "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:keyrota", "State": "Active",
        "LastUpdateStatus": "Successful", "Architectures": ["arm64"],
        "Environment": { "Variables": { "KEYROTA_REVISION": "REVISION" } },
    });
    change(&mut body);
    Fault::body(FUNCTION, 200, &body.to_string()).forever()
}

fn allowed(decision: &str) -> Fault {
    let results: String = SIMULATED
        .iter()
        .map(|action| {
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*</EvalResourceName>\
                 <EvalDecision>{decision}</EvalDecision></member>"
            )
        })
        .collect();
    let body = format!(
        "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><SimulatePrincipalPolicyResult>\
         <IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult>\
         </SimulatePrincipalPolicyResponse>"
    );
    Fault::body("SimulatePrincipalPolicy", 200, &body).forever()
}

fn denied(action: &str) -> Fault {
    Fault::error(action, 403, "AccessDeniedException", "not authorized").forever()
}

/// A repository with manifests, and its commit.
fn repository() -> (Folder, String) {
    let folder = Folder::new(&[("manifests/keyrota.toml", SHARED), ("manifests/team.toml", RULES)]);
    let git = |arguments: &[&str]| crate::repository::git(&folder.path("."), arguments);
    git(&["init", "--quiet", "--initial-branch=main", "."]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "manifests"]);
    let commit = git(&["rev-parse", "HEAD"]);
    (folder, commit)
}

/// An account in which nothing is wrong, but for `broken`, which comes first.
async fn healthy(broken: Vec<Fault>, commit: &str) -> TestAccount {
    let account = account();
    account.create_user("ci-builder", "/", &[("email", "ci@example.com")], &[]).await;
    account.create_key("ci-builder", Utc::now() - TimeDelta::days(3)).await;
    account.set_clock(Utc::now());
    broken.into_iter().for_each(|fault| account.add_fault(fault));
    let revision = |body: &mut Value| body["Environment"]["Variables"]["KEYROTA_REVISION"] = json!(commit);
    [identity("true"), ses(true, true, 50_000.0), kms("Enabled"), function(revision), allowed("allowed")]
        .into_iter()
        .for_each(|fault| account.add_fault(fault));
    account.take_requests();
    account
}

/// The mark, the check and the rest of each line but the last ones.
fn lines(ran: &Ran) -> Vec<(char, String)> {
    let text = ran.stdout.lines().take_while(|line| !line.is_empty());
    text.map(|line| {
        (line.chars().next().expect("a mark"), line[line.chars().next().map_or(0, char::len_utf8)..].trim().to_owned())
    })
    .collect()
}

#[tokio::test]
async fn nothing_is_wrong_with_a_healthy_account() {
    let (folder, commit) = repository();
    let account = healthy(vec![], &commit).await;
    let ran = folder.run_in(&account, &["doctor"]).exits(0);
    for (mark, line) in lines(&ran) {
        assert_eq!(mark, '✓', "{line}: {ran:?}");
    }
    for check in [
        "manifests",
        "credentials",
        "clock",
        "regions",
        "permissions",
        "ses identity",
        "ses account",
        "kms",
        "secrets",
        "function",
    ] {
        assert!(lines(&ran).iter().any(|(_, line)| line.starts_with(check)), "{check} is not checked: {ran:?}");
    }
    assert!(ran.stdout.contains("Everything is as it should be."), "{ran:?}");
    let calls = account.count_requests();
    let writes = ["Create", "Put", "Update", "Delete", "Tag", "Untag", "Send"];
    assert!(calls.keys().all(|call| !writes.iter().any(|write| call.starts_with(write))), "{calls:?}");
    let document = folder.run_in(&account, &["doctor", "--format", "json"]).exits(0).json();
    assert_eq!(document["summary"]["error"], 0);
    assert_eq!(document["checks"].as_array().map(Vec::len), Some(lines(&ran).len()));
}

/// Breaks one thing: its line says so, with the fix, and the exit code is 1 where something is wrong.
#[tokio::test]
async fn each_line_tells_what_is_broken() {
    let (folder, commit) = repository();
    let absent = || Fault::error(FUNCTION, 404, "ResourceNotFoundException", "Function not found").forever();
    let other = |body: &mut Value| body["Environment"]["Variables"]["KEYROTA_REVISION"] = json!("0123456789abcdef");
    let unsaid = |body: &mut Value| body["Environment"] = json!({});
    let failed = |body: &mut Value| body["LastUpdateStatus"] = json!("Failed");
    let cases: Vec<(char, &str, &str, Vec<Fault>)> = vec![
        (
            '✗',
            "regions",
            "eu-central-1 does not answer",
            vec![
                Fault::error("GetCallerIdentity", 403, "InvalidClientTokenId", "no")
                    .only("region", "eu-central-1")
                    .forever(),
            ],
        ),
        (
            '!',
            "regions",
            "can't tell whether eu-central-1 is a region",
            vec![Fault::drop("GetCallerIdentity").only("region", "eu-central-1").forever()],
        ),
        ('✗', "permissions", "permission `iam:ListAccessKeys` is missing", vec![denied("ListAccessKeys")]),
        ('✗', "permissions", "permission `iam:GetAccessKeyLastUsed` is missing", vec![denied("GetAccessKeyLastUsed")]),
        (
            '✗',
            "permissions",
            "permission `iam:ListUsers` is missing",
            vec![denied("GetAccountAuthorizationDetails"), denied("ListUsers")],
        ),
        ('!', "permissions", "`secretsmanager:ListSecrets` is denied", vec![denied("ListSecrets")]),
        ('!', "permissions", "this caller may not iam:CreateAccessKey", vec![allowed("implicitDeny")]),
        ('!', "permissions", "can't tell what may be written: denied", vec![denied("SimulatePrincipalPolicy")]),
        ('!', "ses account", "in the SES sandbox", vec![ses(false, true, 200.0)]),
        ('✗', "ses account", "SES has paused sending", vec![ses(true, false, 200.0)]),
        ('!', "ses account", "can't tell how much SES sends, and to whom: denied", vec![denied(SES)]),
        ('✗', "ses identity", "security@mail.example.com is not verified", vec![identity("false")]),
        ('✗', "kms", "alias/keys is PendingDeletion", vec![kms("PendingDeletion")]),
        (
            '✗',
            "kms",
            "there is no key alias/keys",
            vec![Fault::error("DescribeKey", 400, "NotFoundException", "no").forever()],
        ),
        ('!', "kms", "can't tell whether alias/keys works: denied", vec![denied("DescribeKey")]),
        ('!', "function", "there is no function keyrota", vec![absent()]),
        ('!', "function", "has the manifests of 0123456789, and here are those of", vec![function(other)]),
        ('!', "function", "can't tell which manifests keyrota has", vec![function(unsaid)]),
        ('✗', "function", "the last update of keyrota failed", vec![function(failed)]),
        (
            '!',
            "function",
            "can't tell whether the function keyrota runs these manifests: denied",
            vec![denied(FUNCTION)],
        ),
        ('!', "ses identity", "can't tell whether security@mail.example.com may send: denied", vec![denied(IDENTITY)]),
    ];
    for (mark, check, sentence, faults) in cases {
        let account = healthy(faults, &commit).await;
        let ran = folder.run_in(&account, &["doctor"]).exits(i32::from(mark == '✗'));
        let found = lines(&ran).into_iter().find(|(_, line)| line.contains(sentence));
        let (found, line) = found.unwrap_or_else(|| panic!("{sentence:?} is not said: {ran:?}"));
        assert!(found == mark && line.starts_with(check) && line.contains("; fix: "), "{line}");
        // What was broken is the only thing that is.
        let others: Vec<_> =
            lines(&ran).into_iter().filter(|(mark, line)| *mark != '✓' && !line.starts_with(check)).collect();
        let is_blind =
            sentence.contains("ListUsers") || sentence.contains("ListAccessKeys") || sentence.contains("LastUsed");
        assert!(others.is_empty() || is_blind, "{sentence}: {others:?}");
    }
}

#[tokio::test]
async fn the_clock_the_sender_and_secrets_in_the_way() {
    let (folder, commit) = repository();
    let says = |ran: &Ran, mark: char, sentence: &str| {
        let found = lines(ran).into_iter().find(|(_, line)| line.contains(sentence));
        assert!(
            found.is_some_and(|(found, line)| found == mark && (mark == '✓' || line.contains("; fix: "))),
            "{sentence}: {ran:?}"
        );
    };
    let account = healthy(vec![], &commit).await;
    account.set_date_off(TimeDelta::minutes(20));
    says(&folder.run_in(&account, &["doctor"]).exits(1), '✗', "more than 5 minutes apart");
    account.set_date_off(TimeDelta::zero());
    // A secret of somebody else.
    account
        .secrets()
        .create_secret()
        .name("/aws/iam/credentials/ci-builder")
        .secret_string("x")
        .send()
        .await
        .expect("a secret");
    says(
        &folder.run_in(&account, &["doctor"]).exits(1),
        '✗',
        "ci-builder: the secret `/aws/iam/credentials/ci-builder` is somebody else's",
    );
    // Nobody can be told.
    account.create_user("ci-alone", "/", &[], &[]).await;
    account.create_key("ci-alone", Utc::now() - TimeDelta::days(200)).await;
    account.set_clock(Utc::now());
    says(&folder.run_in(&account, &["doctor"]).exits(1), '✗', "ci-alone");
    // The sender is nobody's identity, or mail leaves from elsewhere.
    folder.write("manifests/keyrota.toml", &SHARED.replace("mail.example.com", "elsewhere.example.org"));
    says(
        &folder.run_in(&account, &["doctor"]).exits(1),
        '✗',
        "SES knows neither security@elsewhere.example.org nor its domain",
    );
    folder.write("manifests/keyrota.toml", "version = 1\n");
    folder.write("manifests/team.toml", "version = 1\n[[rotate]]\nusers = [\"ci-*\"]\nnotify = []\n");
    let ran = folder.run_in(&account, &["doctor"]);
    says(&ran, '!', "nobody is told of anything");
    says(&ran, '!', "with changes");
}

#[tokio::test]
async fn without_credentials_or_manifests_it_says_what_is_missing() {
    let (folder, _) = repository();
    let mut command = folder.command(&["doctor"]);
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", "eu-west-1").env("HOME", "/nonexistent");
    let ran = Ran::of(command).exits(1);
    assert!(ran.stdout.contains("✗ credentials") && ran.stdout.contains("; fix: sign in"), "{ran:?}");
    assert!(ran.stdout.contains("! account") && !ran.stdout.contains("✓ permissions"), "{ran:?}");
    let account = account();
    account.create_user("ci", "/", &[], &[]).await;
    let empty = Folder::new(&[]);
    let ran = empty.run_in(&account, &["doctor"]).exits(0);
    assert!(
        ran.stdout.contains("! manifests") && ran.stdout.contains("`keyrota init` writes the first ones"),
        "{ran:?}"
    );
    let broken = Folder::new(&[("manifests/a.toml", "version = 1\n[[rotate]]\nuser = []\n")]);
    let ran = broken.run_in(&account, &["doctor"]).exits(1);
    assert!(ran.stdout.contains("✗ manifests") && ran.stdout.contains("`keyrota check` shows"), "{ran:?}");
    // A sandbox has users and secrets, and nothing of the rest.
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sandbox.toml");
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests");
    let ran = folder.run(&["doctor", "--sandbox", example, "--manifests", manifests]).exits(1);
    assert!(
        ran.stdout.contains("platform-metrics: the secret") && ran.stdout.contains("can't tell how much SES sends"),
        "{ran:?}"
    );
}

/// What touches no manifest is not shipped, and what is deployed stays as it should be.
#[tokio::test]
async fn a_commit_without_manifests_changes_nothing_for_the_function() {
    let (folder, commit) = repository();
    let account = healthy(vec![], &commit).await;
    let git = |arguments: &[&str]| crate::repository::git(&folder.path("."), arguments);
    let change = |file: &str, text: &str| {
        folder.write(file, text);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", file]);
    };
    let function = |ran: &Ran| lines(ran).into_iter().find(|(_, line)| line.starts_with("function")).expect("its line");
    change("README.md", "words");
    change("manifests/notes.txt", "no manifest");
    let ran = folder.run_in(&account, &["doctor"]).exits(0);
    let (mark, line) = function(&ran);
    assert!(
        mark == '✓' && line.ends_with(&format!("has the manifests of {}, which are those here", &commit[..10])),
        "{line}"
    );
    // Changed and not committed, changed, and changed back.
    folder.write("manifests/team.toml", &RULES.replace("ci-*", "ci-b*"));
    let (mark, line) = function(&folder.run_in(&account, &["doctor"]));
    assert!(mark == '!' && line.contains("with changes"), "{line}");
    change("README.md", "with it");
    let (mark, line) = function(&folder.run_in(&account, &["doctor"]));
    assert!(mark == '!' && line.contains("and here are those of"), "{line}");
    change("manifests/team.toml", RULES);
    assert_eq!(function(&folder.run_in(&account, &["doctor"])).0, '✓');
    change("manifests/templates/rotated.en.jinja", "Subject: x\n");
    assert_eq!(function(&folder.run_in(&account, &["doctor"])).0, '!');
}

/// A stranger's first command: the clock is told by whatever was asked.
#[tokio::test]
async fn without_manifests_the_clock_is_looked_at_as_well() {
    let account = account();
    account.create_user("ci", "/", &[], &[]).await;
    let empty = Folder::new(&[]);
    let clock = |ran: &Ran| lines(ran).into_iter().find(|(_, line)| line.starts_with("clock")).expect("its line");
    assert_eq!(clock(&empty.run_in(&account, &["doctor"]).exits(0)).0, '✓');
    account.set_date_off(TimeDelta::minutes(15));
    let (mark, line) = clock(&empty.run_in(&account, &["doctor"]).exits(1));
    assert!(mark == '✗' && line.contains("more than 5 minutes apart") && line.contains("; fix: "), "{line}");
}
