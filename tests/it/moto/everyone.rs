//! Users of SES's SMTP, and users that no rule selects.

use std::process::Command;

use secrecy::SecretString;

use super::{assert_hidden, manifests, prepared, user_with_key, value};
use crate::emulator::REGION;

/// As the SES developer guide derives it.
const AS_DOCUMENTED: &str = r#"
import base64, hashlib, hmac, sys
def sign(key, message): return hmac.new(key, message.encode("utf-8"), hashlib.sha256).digest()
signature = sign(("AWS4" + sys.argv[1]).encode("utf-8"), "11111111")
for part in [sys.argv[2], "ses", "aws4_request", "SendRawEmail"]: signature = sign(signature, part)
print(base64.b64encode(bytes([4]) + signature).decode("utf-8"))
"#;

#[tokio::test]
async fn a_user_of_smtp_finds_its_password_in_the_secret() {
    let account = prepared().await;
    user_with_key(&account, "mailer", 120).await;
    let folder = manifests("smtp = true", "\"mailer\"");
    let ran = folder.run_in(&account, &["apply", "--yes", "-v"]).exits(0);
    let stored = value(&account, "mailer").await;
    let text = |name: &str| stored[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
    assert_eq!(text("SmtpUsername"), text("AccessKeyId"));
    let derived = Command::new("python3").args(["-c", AS_DOCUMENTED, &text("SecretAccessKey"), REGION]).output();
    let derived = String::from_utf8(derived.expect("python3 runs").stdout).expect("text");
    assert_eq!(text("SmtpPassword"), derived.trim());
    let secrets = [SecretString::from(text("SmtpPassword")), SecretString::from(text("SecretAccessKey"))];
    assert_hidden(&secrets, &[&ran.stdout, &ran.stderr]);
}

/// Their ages cost two or three calls, however many they are; their keys are read on request alone.
#[tokio::test]
async fn users_that_no_rule_selects_are_named() {
    let account = prepared().await;
    user_with_key(&account, "managed", 10).await;
    for user in ["stranger", "young", "other"] {
        user_with_key(&account, user, if user == "young" { 5 } else { 200 }).await;
    }
    let folder = manifests("", "\"managed\"");
    account.take_requests();
    let plan = folder.run_in(&account, &["plan", "--format", "json"]).exits(0).json();
    let actions: Vec<String> = account.take_requests().into_iter().map(|request| request.action).collect();
    assert_eq!(actions.iter().filter(|action| *action == "ListAccessKeys").count(), 1, "{actions:?}");
    assert!(actions.iter().filter(|action| action.contains("CredentialReport")).count() <= 3, "{actions:?}");
    let warning = plan["warnings"][0]["message"].as_str().expect("a warning");
    assert!(warning.contains("2 users that no rule selects have keys that are older than the 90d"), "{warning}");
    assert!(warning.contains("stranger (200d)") && !warning.contains("young"), "{warning}");
    assert_eq!(plan["unmanaged"].as_array().map(Vec::len), Some(3), "{plan:#}");
    let ran = folder.run_in(&account, &["status", "--unmanaged"]).exits(0);
    ran.shows(&["over age: AKIA", "200d old", "young", "3 users selected by no rule, 2 with keys over age."]);
    // One user first.
    let one = folder.run_in(&account, &["plan", "--user", "MANAGED"]).exits(0);
    one.shows(&["No changes. 1 user in scope"]);
    folder.run_in(&account, &["plan", "--user", "stranger"]).exits(1).says(&["no rule selects `stranger`"]);
    folder.run_in(&account, &["plan", "--user", "manged"]).exits(1).says(&["did you mean `managed`?"]);
}
