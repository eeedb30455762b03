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
