//! Profiles of `aws login`, beside those of `aws sso login`, processes and keys.

use sha2::{Digest, Sha256};

use crate::{
    command::{Folder, Ran},
    emulator::{TestAccount, account},
};

const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Admin/me";

fn run(folder: &Folder, account: &TestAccount) -> Ran {
    let mut command = folder.command_in(account, &["status"]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        command.env_remove(name);
    }
    command.env("HOME", folder.path(".")).env("AWS_PROFILE", "work");
    command.env("AWS_LOGIN_CACHE_DIRECTORY", folder.path("cache"));
    Ran::of(command)
}

#[test]
fn a_profile_of_aws_login_works() {
    let account = account();
    let folder = Folder::new(&[
        (".aws/config", &format!("[profile work]\nlogin_session = {SESSION}\nregion = eu-west-1\n")),
        ("manifests/a.toml", "version = 1\n[[rotate]]\nusers = [\"ci\"]\nnotify = []\n"),
    ]);
    // Nobody has signed in: that is no matter of the network.
    run(&folder, &account).exits(1).says(&["no AWS credentials", "hint: sign in (`aws login`"]);
    let id = &account.id;
    let token = serde_json::json!({
        "accessToken": {
            "accessKeyId": id, "secretAccessKey": "any", "sessionToken": "any", "accountId": id,
            "expiresAt": (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        },
        "tokenType": "aws_sigv4", "refreshToken": "any", "idToken": "any", "clientId": "any", "dpopKey": "any",
    });
    let name: String = Sha256::digest(SESSION).iter().map(|byte| format!("{byte:02x}")).collect();
    folder.write(&format!("cache/{name}.json"), &token.to_string());
    run(&folder, &account).exits(0);
    assert!(account.take_requests().iter().any(|request| request.caller == *id && request.status == Some(200)));
}
