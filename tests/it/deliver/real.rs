//! The real calls: Systems Manager in moto, and GitHub's API as it documents itself, on loopback, which opens what it is given.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use keyrota::{
    cloud::{
        NewParameter, Reads, SealedSecret, Values, Vault, Visibility, Writes,
        aws::{Aws, Settings, connect_with},
    },
    inventory::{CallError, ErrorKind},
    manifest::GitHub,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    command::Folder,
    emulator::{TestAccount, account},
    support::vault::{APP, Fault, INSTALLATION, Secret, TOKEN, VaultServer},
};

const PLACES: [&str; 3] = ["acme/payments", "acme/payments:production", "acme"];

fn repository() -> Vault {
    Vault::Repository { owner: "acme".to_owned(), name: "payments".to_owned() }
}

fn organization() -> Vault {
    Vault::Organization { name: "acme".to_owned() }
}

/// Keyrota in this account, signed in to this server with what a secret holds.
async fn connected(account: &TestAccount, server: &VaultServer, github: GitHub, text: &str) -> Aws {
    let secret = format!("keyrota/{}", text.len());
    account.secrets().create_secret().name(&secret).secret_string(text).send().await.expect("a new secret");
    let github = GitHub { url: server.url.clone(), secret: Some(secret), ..github };
    let settings = Settings { github, github_patience: Duration::from_secs(2), ..account.settings() };
    connect_with(&settings, &[]).await.unwrap_or_else(|error| panic!("{error}")).accounts.remove(0)
}

/// As `apply` seals it.
async fn sealed(aws: &Aws, vault: &Vault, name: &str, value: &str) -> SealedSecret {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let key = aws.vault_key(vault).await.expect("a key");
    let sealed =
        crypto_box::PublicKey::from(key.key).seal(&mut crypto_box::aead::OsRng, value.as_bytes()).expect("sealed");
    let value = SecretString::from(BASE64_STANDARD.encode(sealed));
    let access = matches!(vault, Vault::Organization { .. }).then(|| (Visibility::Selected, vec![7, 9]));
    SealedSecret { name: name.to_owned(), key_id: key.id, value, access }
}

fn said<T: std::fmt::Debug>(result: Result<T, CallError>) -> (ErrorKind, String) {
    let error = result.expect_err("it is refused");
    (error.kind, error.to_string())
}

#[tokio::test]
async fn github_takes_what_is_sealed_to_its_key_and_tells_when_it_was_written() {
    let (account, server) = (account(), VaultServer::start(&PLACES));
    let aws = connected(&account, &server, GitHub::default(), TOKEN).await;
    let environment =
        Vault::Environment { owner: "Acme".into(), name: "payments".into(), environment: "production".into() };
    for (vault, place) in
        [(repository(), "acme/payments"), (environment, "acme/payments:production"), (organization(), "acme")]
    {
        assert_eq!(aws.vault_secret(&vault, "NAME").await, Ok(None));
        aws.put_vault_secret(&vault, &sealed(&aws, &vault, "NAME", "s3cret").await).await.expect("it is taken");
        let secret = server.secret(place, "NAME").expect("it is there");
        assert_eq!(secret.value, "s3cret");
        let found = aws.vault_secret(&vault, "NAME").await.expect("readable").expect("it is there");
        assert_eq!(found.updated, secret.updated);
    }
    let many: Vec<u64> = (1..=250).collect();
    let secret = server.secret("acme", "NAME").expect("it is there");
    server.put("acme", "NAME", Secret { repositories: many.clone(), ..secret });
    assert_eq!(aws.vault_repositories(&organization(), "NAME").await, Ok(many), "page by page");
    assert!(!server.bodies().contains("s3cret"), "nothing is sent in the clear");
}

#[tokio::test]
async fn limits_are_waited_for_and_faults_are_tried_again() {
    let (account, server) = (account(), VaultServer::start(&PLACES));
    let aws = connected(&account, &server, GitHub::default(), TOKEN).await;
    let vault = repository();
    for faults in [
        &[Fault::Secondary(0)][..],
        &[Fault::Primary(0)],
        &[Fault::Said(500, "Server Error"), Fault::Said(502, "")],
        &[Fault::Html(200), Fault::Dropped],
    ] {
        server.fail(faults);
        aws.vault_key(&vault).await.unwrap_or_else(|error| panic!("{faults:?}: {error}"));
    }
    // A write whose answer is lost is made again, and does the same.
    let secret = sealed(&aws, &vault, "NAME", "s3cret").await;
    server.fail(&[Fault::DroppedAfter]);
    aws.put_vault_secret(&vault, &secret).await.expect("it is taken");
    assert_eq!(server.value("acme/payments", "NAME").as_deref(), Some("s3cret"));
    // What takes longer than there is patience is an error at once, for everyone.
    server.fail(&[Fault::Secondary(3600)]);
    let (kind, text) = said(aws.vault_key(&vault).await);
    assert!(kind == ErrorKind::Throttled && text.contains("rate limit"), "{text}");
    server.take_requests();
    assert_eq!(said(aws.vault_key(&organization()).await).0, ErrorKind::Throttled);
    assert_eq!(server.take_requests(), [] as [String; 0], "nobody asks until it is over");
}

#[tokio::test]
async fn refusals_say_what_to_do_and_no_value() {
    let (account, server) = (account(), VaultServer::start(&PLACES));
    let aws = connected(&account, &server, GitHub::default(), TOKEN).await;
    let vault = repository();
    let secret = sealed(&aws, &vault, "NAME", "s3cret").await;
    for (fault, kind, expected) in [
        (Fault::Said(401, "Bad credentials"), ErrorKind::Denied, "not valid"),
        (
            Fault::Said(403, "Resource not accessible by integration"),
            ErrorKind::Denied,
            "may not do that at acme/payments",
        ),
        (Fault::Said(404, "Not Found"), ErrorKind::Denied, "there is no acme/payments"),
        (Fault::Said(422, "Validation Failed"), ErrorKind::Refused, "Validation Failed"),
        (Fault::Said(301, "Moved Permanently"), ErrorKind::Denied, "renamed or moved"),
    ] {
        server.fail(std::slice::from_ref(&fault));
        let (found, text) = said(aws.put_vault_secret(&vault, &secret).await);
        assert!(found == kind && text.contains(expected), "{fault:?}: {found:?} {text}");
        assert!(!text.contains(secret.value.expose_secret()) && !text.contains("s3cret"), "{text}");
    }
    // What it quotes of what it was sent is not repeated.
    let echoed: [&'static str; 4] = [
        "'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' is no value",
        "authorization: Bearer github_pat_example",
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a may not",
        "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.c2lnbmVk has expired",
    ];
    for message in echoed {
        server.fail(&[Fault::Said(422, message)]);
        let text = said(aws.put_vault_secret(&vault, &secret).await).1;
        let word = message.split([' ', '\'']).max_by_key(|word| word.len()).expect("a word");
        assert!(text.contains("422") && text.contains('…') && !text.contains(word), "{text}");
    }
    // A page of a proxy is no answer, however often.
    server.fail(&vec![Fault::Html(200); 4]);
    assert_eq!(said(aws.put_vault_secret(&vault, &secret).await).0, ErrorKind::Malformed);
    let nowhere = Vault::Repository { owner: "acme".into(), name: "gone".into() };
    assert!(said(aws.vault_key(&nowhere).await).1.contains("there is no acme/gone"));
    assert_eq!(server.secret("acme/payments", "NAME"), None);
}

#[tokio::test]
async fn an_app_signs_in_for_each_owner_and_what_it_may_not_is_known_before() {
    let (account, server) = (account(), VaultServer::start(&PLACES));
    let app = GitHub { app_id: Some(APP), ..GitHub::default() };
    let aws = connected(&account, &server, app.clone(), &server.app_key).await;
    let secret = sealed(&aws, &repository(), "NAME", "s3cret").await;
    aws.put_vault_secret(&repository(), &secret).await.expect("it is taken");
    aws.vault_key(&organization()).await.expect("the same owner");
    let signed_in = server.take_requests().into_iter().filter(|request| request.contains("installation")).count();
    assert_eq!(signed_in, 2, "its installation and one token, for all calls");
    let other = Vault::Repository { owner: "other".into(), name: "x".into() };
    let (kind, text) = said(aws.vault_key(&other).await);
    assert!(kind == ErrorKind::Denied && text.contains("is not installed there"), "{text}");
    // In a JSON object, as the console makes it; and with an installation that is named.
    server.grant(json!({ "secrets": "read" }));
    let named = GitHub { installation: Some(INSTALLATION), ..app.clone() };
    let text = json!({ "private-key": server.app_key }).to_string();
    let reader = connected(&account, &server, named, &text).await;
    let (kind, text) = said(reader.vault_key(&repository()).await);
    assert!(kind == ErrorKind::Denied && text.contains("`Secrets: read and write`"), "{text}");
    // Of something else nothing is said but what it is not.
    let wrong = connected(&account, &server, app, "hunter2").await;
    let (kind, text) = said(wrong.vault_key(&repository()).await);
    assert!(kind == ErrorKind::NoCredentials && text.contains("no private key") && !text.contains("hunter2"), "{text}");
}

/// A secret of something else is never sent as a token, whatever it looks like.
#[tokio::test]
async fn what_is_no_token_is_not_sent() {
    let (account, server) = (account(), VaultServer::start(&PLACES));
    for (text, why) in [
        ("{\"Version\":1,\"AccessKeyId\":\"AKIAEXAMPLE000000001\",\"SecretAccessKey\":\"hush\"}", "more than one text"),
        ("{\"token\": {\"value\": \"hush\"}}", "more than one text"),
        ("{}", "more than one text"),
        ("[\"hush\"]", "is JSON"),
        ("\"hush-hush\"", "is JSON"),
        ("12345", "is JSON"),
        ("{\"token\": \"{\\\"a\\\": 1}\"}", "no token"),
        ("{\"token\": \"hush", "no token"),
        ("AKIAEXAMPLE000000001:hush", "access key of AWS"),
        ("{\"x\": \"ASIAEXAMPLE000000001\"}", "access key of AWS"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYhushhushkey", "no token"),
        ("user hush", "no token"),
    ] {
        let aws = connected(&account, &server, GitHub::default(), text).await;
        let (kind, said) = said(aws.vault_key(&repository()).await);
        assert!(kind == ErrorKind::NoCredentials && said.contains(why) && !said.contains("hush"), "{text}: {said}");
        assert_eq!(server.take_requests(), [] as [String; 0], "{text}");
        let name = format!("keyrota/{}", text.len());
        account
            .secrets()
            .delete_secret()
            .secret_id(name)
            .force_delete_without_recovery(true)
            .send()
            .await
            .expect("gone");
    }
    let aws = connected(&account, &server, GitHub::default(), &json!({ "token": TOKEN }).to_string()).await;
    aws.vault_key(&repository()).await.expect("one text by one name");
}

/// What no run could work with is wrong; what passes, or is as it may be, is to be looked at.
#[tokio::test]
async fn doctor_tells_what_can_not_be_signed_in_with() {
    let (account, server) = (account(), VaultServer::start(&PLACES));
    account.create_user("1ci", "/", &[], &[]).await;
    account.create_key("1ci", Utc::now() - TimeDelta::days(5)).await;
    for (name, text) in [("own/token", TOKEN), ("own/two", "{\"a\": \"x\", \"b\": \"y\"}")] {
        account.secrets().create_secret().name(name).secret_string(text).send().await.expect("a new secret");
    }
    let team = "version = 1\n[[rotate]]\nusers = [\"1ci\"]\ndeliver = [\"github:acme/payments\"]\n";
    let folder = Folder::new(&[("manifests/team.toml", team)]);
    let doctor = |github: &str, variables: &[(&str, &str)]| {
        let shared =
            format!("version = 1\n[defaults]\nnotify = []\n[deliver.github]\nurl = \"{}\"\n{github}\n", server.url);
        folder.write("manifests/keyrota.toml", &shared);
        let mut command = folder.command_in(&account, &["doctor", "--format", "json"]);
        command.envs(variables.iter().copied());
        let found = crate::command::Ran::of(command).json();
        let of_delivery = |check: &&Value| check["check"] == "delivery";
        let first = found["checks"].as_array().expect("a list").iter().find(of_delivery).expect("a line").clone();
        let text = |key: &str| first[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("message"), text("fix"))
    };
    for (github, variables, status, message, fix) in [
        ("", &[][..], "warning", "there is nothing to sign in to GitHub with", "as it may be for who only plans"),
        ("", &[("KEYROTA_GITHUB_TOKEN", TOKEN)], "ok", "github:acme/payments can be looked at", ""),
        ("secret = \"own/token\"", &[], "ok", "github:acme/payments can be looked at", ""),
        ("secret = \"own/none\"", &[], "error", "own/none", "make the secret"),
        ("secret = \"own/two\"", &[], "error", "more than one text", "as the only text of a JSON object"),
        ("secret = \"own/token\"\napp-id = 1", &[], "error", "no private key", "the App's private key"),
        (
            "app-id = 1",
            &[("KEYROTA_GITHUB_APP_KEY", "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----")],
            "error",
            "no RSA private key",
            "the App's private key",
        ),
        ("names = [\"{user}_ID\", \"{user}_PART\"]\nsecret = \"own/token\"", &[], "error", "`1CI_ID`", "take it off"),
    ] {
        let found = doctor(github, variables);
        assert!(found.0 == status && found.1.contains(message) && found.2.contains(fix), "{github} {found:?}");
    }
    server.fail(&[Fault::Secondary(3600)]);
    let (status, message, fix) = doctor("secret = \"own/token\"", &[]);
    assert!(
        status == "warning" && message.contains("rate limit") && fix.contains("once that is over"),
        "{message} {fix}"
    );
}

/// What a colleague's branch names is neither read nor called by a review with an administrator's credentials; nor does a runner's token go
/// to another GitHub than its own.
#[tokio::test]
async fn a_review_sends_no_secret_to_what_a_branch_names() {
    use crate::repository::git;
    let (account, server) = (account(), VaultServer::start(&PLACES));
    account.create_user("ci", "/", &[], &[]).await;
    account.create_key("ci", Utc::now() - TimeDelta::days(5)).await;
    account.secrets().create_secret().name("prod/db").secret_string(TOKEN).send().await.expect("a new secret");
    let shared = "version = 1\n[defaults]\nnotify = []\n";
    let team = "version = 1\n[[rotate]]\nusers = [\"ci\"]\ndeliver = [\"github:acme/payments\"]\n";
    let folder = Folder::new(&[("manifests/keyrota.toml", shared), ("manifests/team.toml", team)]);
    let root = folder.path("");
    git(&root, &["init", "--quiet", "--initial-branch=main", "--template=", "."]);
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "--quiet", "--message", "before"]);
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = folder.command_in(&account, arguments);
        command.envs(variables.iter().copied());
        crate::command::Ran::of(command)
    };
    let url = &server.url;
    for table in [format!("url = \"{url}\"\nsecret = \"prod/db\"\n"), format!("url = \"{url}\"\n")] {
        folder.write("manifests/keyrota.toml", &format!("{shared}[deliver.github]\n{table}"));
        let ran =
            run(&["plan", "--base", "HEAD"], &[("KEYROTA_GITHUB_TOKEN", TOKEN), ("GITHUB_TOKEN", TOKEN)]).exits(0);
        ran.shows(&["could not be looked at", "it is not asked before that is merged", "deliver.github.url"]);
        assert_eq!(server.take_requests(), [] as [String; 0], "{table}");
    }
    // Merged, but with what the runner has for github.com.
    run(&["plan"], &[("GITHUB_TOKEN", TOKEN)]).exits(0).shows(&["GITHUB_TOKEN is for https://api.github.com alone"]);
    assert_eq!(server.take_requests(), [] as [String; 0]);
    run(&["plan"], &[("GITHUB_TOKEN", TOKEN), ("GITHUB_API_URL", url)]).exits(0);
    assert_ne!(server.take_requests(), [] as [String; 0]);
}

#[tokio::test]
async fn a_parameter_is_made_written_over_and_looked_at_without_its_value() {
    let account = account();
    let aws = account.connect().await;
    assert_eq!(aws.parameter("/ci/x").await, Ok(None));
    let new = NewParameter {
        name: "/ci/x".to_owned(),
        description: "d".to_owned(),
        kms_key: None,
        tags: [("Owner".to_owned(), "ci".to_owned())].into(),
        overwrites: false,
    };
    assert_eq!(aws.put_parameter(&new, &SecretString::from("one")).await, Ok(1));
    let (kind, text) = said(aws.put_parameter(&new, &SecretString::from("s3cret")).await);
    assert!(kind != ErrorKind::Denied && !text.contains("s3cret"), "there is one: {text}");
    let over = NewParameter { tags: [].into(), overwrites: true, ..new };
    assert_eq!(aws.put_parameter(&over, &SecretString::from("two")).await, Ok(2));
    let found = aws.parameter("/ci/x").await.expect("readable").expect("it is there");
    assert_eq!((found.version, found.tags.get("Owner").map(String::as_str)), (2, Some("ci")));
    let value =
        account.parameters().get_parameter().name("/ci/x").with_decryption(true).send().await.expect("readable");
    let parameter = value.parameter.expect("a parameter");
    assert_eq!(parameter.value.as_deref(), Some("two"));
    assert_eq!(parameter.r#type, Some(aws_sdk_ssm::types::ParameterType::SecureString));
}

/// The value of one version, and of no other.
#[tokio::test]
async fn one_version_of_a_secret_is_read() {
    let account = account();
    let aws = account.connect().await;
    let secrets = account.secrets();
    secrets.create_secret().name("x").send().await.expect("a new secret");
    let version = "keyrota-1-access-key-AKIAEXAMPLE000000001";
    secrets
        .put_secret_value()
        .secret_id("x")
        .client_request_token(version)
        .secret_string("s3cret")
        .send()
        .await
        .expect("stored");
    assert_eq!(aws.secret_value("x", version).await.expect("readable").expose_secret(), "s3cret");
    let (kind, text) = said(aws.secret_value("x", "keyrota-1-access-key-AKIAEXAMPLE000000002").await.map(drop));
    assert!(kind != ErrorKind::Denied, "{text}");
}

/// The command, with a user whose key goes to three places; then one that refuses.
#[tokio::test]
async fn the_command_delivers_and_goes_on_where_one_place_refuses() {
    let (account, server) = (account(), VaultServer::start(&PLACES));
    account.allow_sender("example.com").await;
    account.create_user("ci", "/", &[("email", "ci@example.com")], &[]).await;
    let (old, _) = account.create_key("ci", Utc::now() - TimeDelta::days(95)).await;
    account.set_clock(Utc::now());
    server.set_now(Utc::now());
    let places = "\"ssm:/ci/{user}/aws\", \"github:acme/payments\", \"github:acme/payments:production\"";
    let shared = format!(
        "version = 1\n[defaults]\nnotify = [\"tag:email\"]\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\n[mail]\nfrom = \
         \"keyrota@example.com\"\n[deliver.github]\nurl = \"{}\"\nnames = [\"AWS_ACCESS_KEY_ID\", \"AWS_SECRET_ACCESS_KEY\", \
         \"AWS_REGION\"]\n",
        server.url
    );
    let team = format!("version = 1\n[[rotate]]\nusers = [\"ci\"]\nsmtp = true\ndeliver = [{places}]\n");
    let folder = Folder::new(&[("manifests/keyrota.toml", &shared), ("manifests/team.toml", &team)]);
    let run = |arguments: &[&str], token: Option<&str>| {
        let mut command = folder.command_in(&account, arguments);
        command.envs(token.map(|token| ("KEYROTA_GITHUB_TOKEN", token)));
        crate::command::Ran::of(command)
    };
    // Without anything to sign in with a plan is made and says so, and nothing begins.
    run(&["plan"], None).exits(0).shows(&["create", "there is nothing to sign in to GitHub with"]);
    run(&["apply", "--yes"], None).exits(5).shows(&["failed", "KEYROTA_GITHUB_TOKEN"]);
    let keys = || async {
        account.iam().list_access_keys().user_name("ci").send().await.expect("readable").access_key_metadata
    };
    assert_eq!(keys().await.len(), 1, "no key is made that can't be delivered");
    run(&["doctor"], Some(TOKEN)).shows(&["acme/payments"]);
    let applied = run(&["apply", "--yes", "--json-into", "out.json"], Some(TOKEN)).exits(0);
    applied.shows(&["3 delivered", "1 deactivated", "1 deleted"]);
    let left = keys().await;
    let new = left[0].access_key_id.clone().expect("an id");
    assert!(left.len() == 1 && new != old.as_str(), "{left:?}");
    let stored =
        account.secrets().get_secret_value().secret_id("/aws/iam/credentials/ci").send().await.expect("readable");
    let stored = stored.secret_string.expect("a text");
    let value: Value = serde_json::from_str(&stored).expect("JSON");
    let parameter = account.parameters().get_parameter().name("/ci/ci/aws").with_decryption(true).send().await;
    let parameter = parameter.expect("readable").parameter.expect("a parameter").value;
    assert_eq!(parameter.as_deref(), Some(stored.as_str()), "the JSON of the secret, SMTP included");
    for place in ["acme/payments", "acme/payments:production"] {
        let text = |name: &str| server.value(place, name);
        assert_eq!(text("AWS_ACCESS_KEY_ID").as_deref(), Some(new.as_str()));
        assert_eq!(text("AWS_SECRET_ACCESS_KEY").as_deref(), value["SecretAccessKey"].as_str());
        assert_eq!(text("AWS_REGION").as_deref(), Some("eu-west-1"));
        assert_eq!(text("AWS_SES_SMTP_PASSWORD").as_deref(), value["SmtpPassword"].as_str());
    }
    let part = value["SecretAccessKey"].as_str().expect("a text");
    let printed = format!("{}{}", folder.read("out.json"), server.bodies());
    assert!(!printed.contains(part), "the secret part is shown nowhere");
    run(&["apply", "--yes"], Some(TOKEN)).exits(0).shows(&["No changes."]);
    // Somebody takes a secret away; the place is closed in the middle of the run that delivers again.
    server.remove("acme/payments", "AWS_SECRET_ACCESS_KEY");
    server.take_requests();
    run(&["plan"], Some(TOKEN)).exits(0).shows(&["somebody took it away there"]);
    let reads = server.take_requests();
    assert!(reads.iter().all(|request| request.starts_with("GET ")), "a plan only reads: {reads:?}");
    let mut faults = vec![Fault::None; reads.len() + 2];
    faults.push(Fault::Said(403, "Resource not accessible by integration"));
    server.fail(&faults);
    let failed = run(&["apply", "--yes"], Some(TOKEN)).exits(5);
    failed.shows(&["failed", "Resource not accessible by integration"]);
    assert_eq!(keys().await.len(), 1);
    run(&["apply", "--yes"], Some(TOKEN)).exits(0).shows(&["1 delivered"]);
    assert_eq!(server.value("acme/payments", "AWS_SECRET_ACCESS_KEY").as_deref(), Some(part));
}
