//! Credentials that are no good: from the first call on, or in the middle of a run, which is how a session ends. Each is told
//! with who asked, where, and what to do.

use chrono::{TimeDelta, Utc};

use crate::{
    command::{Folder, Ran},
    emulator::{Fault, TestAccount, account},
};

const MANIFEST: &str = "version = 1\n[[rotate]]\nusers = [\"ci-*\"]\nnotify = []\n";
const EXPIRED: &str = "The security token included in the request is expired";
const SIGN_IN: &str = "hint: the credentials have expired: sign in again";

async fn rotating() -> TestAccount {
    let account = account();
    for user in ["ci-a", "ci-b"] {
        account.create_user(user, "/", &[("team", "a")], &[]).await;
        account.create_key(user, Utc::now() - TimeDelta::days(200)).await;
    }
    account.set_clock(Utc::now());
    account
}

fn expired(action: &str) -> Fault {
    Fault::error(action, 403, "ExpiredToken", EXPIRED).forever()
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_is_told_as_at_its_beginning() {
    let folder = Folder::new(&[("manifests/a.toml", MANIFEST)]);
    for action in ["GetAccountAuthorizationDetails", "ListSecrets"] {
        let account = rotating().await;
        account.add_fault(expired(action));
        let place = format!("(the keys in the environment, region eu-west-1, {})", account.url);
        for command in [&["plan"][..], &["status"], &["apply", "--yes"], &["explain", "ci-a"]] {
            folder.run_in(&account, command).exits(1).says(&[EXPIRED, &place, SIGN_IN]);
        }
        for command in [&["init", "--manifests", "new"][..], &["capture", "--into", "c.toml"]] {
            folder.run_in(&account, command).exits(1).says(&[EXPIRED, &place, "sign in again"]);
        }
        for manifests in ["manifests", "none"] {
            let doctor = folder.run_in(&account, &["doctor", "--manifests", manifests]).exits(1);
            let line = doctor.stdout.lines().find(|line| line.contains(EXPIRED)).expect("a line that says it");
            assert!(
                line.starts_with('✗') && line.contains(&place) && line.contains("; fix: the credentials"),
                "{line}"
            );
        }
    }
    // Every user is left, and it is said once why.
    for (fault, cause, hint) in [
        (expired("ListAccessKeys"), EXPIRED, SIGN_IN),
        (
            Fault::error("ListAccessKeys", 403, "InvalidClientTokenId", "The security token is invalid").forever(),
            "The security token is invalid (InvalidClientTokenId)",
            "hint: the credentials are wrong or deactivated",
        ),
    ] {
        let account = rotating().await;
        account.add_fault(fault);
        for command in [&["plan"][..], &["status"], &["apply", "--yes"]] {
            let ran = folder.run_in(&account, command).exits(5).says(&[hint]);
            let sentence = format!("iam:ListAccessKeys failed: {cause}");
            assert_eq!(ran.stdout.matches(&sentence).count(), 1, "{ran:?}");
            assert!(ran.stdout.contains("the keys in the environment, region eu-west-1, "), "{ran:?}");
            assert_eq!(ran.stderr.matches(hint).count(), 1, "{ran:?}");
        }
    }
    // While changes are made.
    let account = rotating().await;
    account.add_fault(expired("CreateAccessKey"));
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(5).says(&[SIGN_IN]);
    assert!(ran.stdout.contains(EXPIRED) && ran.stdout.contains("region eu-west-1"), "{ran:?}");
    assert_eq!(ran.stderr.matches(SIGN_IN).count(), 1, "{ran:?}");
    // A fault of AWS has no remedy, and a place all the same.
    let account = rotating().await;
    account.add_fault(Fault::error("ListSecrets", 400, "InternalServiceError", "oops").forever());
    folder.run_in(&account, &["plan"]).exits(1).says(&["oops", "region eu-west-1", &account.url]);
}

/// The binary with files of profiles and nothing else to be somebody with.
fn with_profiles(account: &TestAccount, config: &str, variables: &[(&str, &str)]) -> Ran {
    let folder = Folder::new(&[(".aws/config", config), ("manifests/a.toml", MANIFEST)]);
    let mut command = folder.command_in(account, &["status"]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        command.env_remove(name);
    }
    command.env("HOME", folder.path(".")).envs(variables.iter().copied());
    Ran::of(command)
}

#[tokio::test]
async fn a_profile_that_is_no_good_is_named_with_what_is_wrong() {
    let account = rotating().await;
    let id = account.id.as_str();
    let role = "role_arn = arn:aws:iam::111122223333:role/x\n";
    let whole = format!("aws_access_key_id = {id}\naws_secret_access_key = any\n");
    let prod = [("AWS_PROFILE", "prod")];
    for (config, variables, message, hint) in [
        (
            format!("[profile prod]\n{role}source_profile = bass\n[profile base]\n{whole}"),
            &prod[..],
            "`source_profile` of profile `prod` names a profile that is not there",
            "did you mean `base`?",
        ),
        (
            format!("[profile prod]\n{role}source_profile = mid\n[profile mid]\n{role}source_profile = gone\n"),
            &prod,
            "`source_profile` of profile `mid` names a profile that is not there",
            "aws configure list-profiles",
        ),
        (
            format!("[profile prod]\n{role}"),
            &prod,
            "profile `prod` has a `role_arn`, and nothing says with which credentials",
            "add `source_profile = …`",
        ),
        (
            format!("[default]\naws_access_key_id = {id}\n"),
            &[],
            "profile `default` has `aws_access_key_id` and no `aws_secret_access_key`",
            "add `aws_secret_access_key` to profile `default`",
        ),
        (
            format!("[profile prod]\n{role}source_profile = base\n[profile base]\naws_secret_access_key = any\n"),
            &prod,
            "profile `base` has `aws_secret_access_key` and no `aws_access_key_id`",
            "add `aws_access_key_id` to profile `base`",
        ),
        (
            format!("[profile prod]\n{whole}"),
            &[("AWS_PROFILE", "prd")],
            "there is no profile `prd` in ~/.aws/config",
            "check AWS_PROFILE: did you mean `prod`?",
        ),
        (String::new(), &[("AWS_DEFAULT_PROFILE", "nope")], "there is no profile `nope`", "list-profiles"),
        // As the AWS CLI does: the name is no good, whatever else there is.
        (
            String::new(),
            &[("AWS_PROFILE", "nope"), ("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", "any")],
            "there is no profile `nope`",
            "check AWS_PROFILE",
        ),
    ] {
        account.take_requests();
        with_profiles(&account, &config, variables).exits(1).says(&[message, hint]);
        assert!(account.take_requests().is_empty(), "nobody is asked as anybody else: {message}");
    }
    // `doctor` says the same, and a profile that is good is taken by either name.
    let good = format!("[profile prod]\nregion = eu-west-1\n{whole}");
    with_profiles(&account, &good, &prod).exits(0);
    with_profiles(&account, &good, &[("AWS_DEFAULT_PROFILE", "prod")]).exits(0);
    // Keys of the environment come first, and a role may say otherwise where its credentials are.
    let other = format!("[default]\naws_access_key_id = {id}\n");
    with_profiles(&account, &other, &[("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", "any")]).exits(0);
}

#[tokio::test]
async fn a_role_that_wants_a_code_and_one_that_is_denied_have_hints() {
    let account = rotating().await;
    let id = account.id.as_str();
    let whole = format!("aws_access_key_id = {id}\naws_secret_access_key = any\n");
    let role = "role_arn = arn:aws:iam::111122223333:role/x\nsource_profile = base\n";
    let denied = "User: arn:aws:iam::1:user/ci is not authorized to perform: sts:AssumeRole on resource: x";
    account.add_fault(Fault::error("AssumeRole", 403, "AccessDenied", denied).forever());
    let mfa = "mfa_serial = arn:aws:iam::1:mfa/me\n";
    with_profiles(&account, &format!("[profile prod]\n{role}{mfa}[profile base]\n{whole}"), &[("AWS_PROFILE", "prod")])
        .exits(1)
        .says(&[
            denied,
            "profile `prod`",
            "(`mfa_serial`)",
            "aws configure export-credentials --profile prod --format env",
        ]);
    with_profiles(&account, &format!("[profile prod]\n{role}[profile base]\n{whole}"), &[("AWS_PROFILE", "prod")])
        .exits(1)
        .says(&[denied, "hint: correct `role_arn` of profile `prod`, or allow the role to be assumed"]);
    let sso = "[profile prod]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = x\n\
               [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n";
    with_profiles(&account, sso, &[("AWS_PROFILE", "prod")])
        .exits(1)
        .says(&["hint: the session has expired: sign in again with `aws sso login --profile prod`"]);
}
