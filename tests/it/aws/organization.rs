//! Accounts of an organisation, entered where trust policies and external ids are enforced.

use std::sync::Arc;

use aws_credential_types::Credentials;
use keyrota::{
    cloud::{
        Reads,
        aws::{Connected, Settings, Target, sign_in},
    },
    manifest,
    organization::{Found, Listed, Member},
    run::{Mode, Run},
};
use secrecy::SecretString;
use serde_json::json;

use crate::{emulator::REGION, support::deployment::Deployment};

const HOME: &str = "999988887777";

fn iam(deployment: &Deployment, account: &str) -> aws_sdk_iam::Client {
    let config = aws_sdk_iam::Config::builder()
        .behavior_version_latest()
        .endpoint_url(&deployment.url)
        .region(aws_sdk_iam::config::Region::new(REGION))
        .credentials_provider(Credentials::new(account, "any", None, None, "test"));
    aws_sdk_iam::Client::from_conf(config.build())
}

fn policy(statement: serde_json::Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// Of three accounts, the role of the second asks for another external id, and that of the third trusts somebody else.
#[tokio::test]
async fn an_account_whose_role_asks_for_another_external_id_stops_no_other() {
    let deployment = Deployment::start(true);
    let home = iam(&deployment, HOME);
    home.create_user().user_name("keyrota").send().await.expect("a user");
    let may =
        policy(json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/ops/keyrota" }));
    home.put_user_policy().user_name("keyrota").policy_name("p").policy_document(may).send().await.expect("permitted");
    let key = home.create_access_key().user_name("keyrota").send().await.expect("a key").access_key.expect("a key");
    let members = [
        ("111122220001", "right", "keyrota-4f1c", "keyrota"),
        ("111122220002", "wrong", "somebody-elses", "keyrota"),
        ("111122220003", "foreign", "keyrota-4f1c", "somebody"),
    ];
    for (id, _, external_id, trusted) in members {
        let client = iam(&deployment, id);
        let trust = policy(json!({
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{HOME}:user/{trusted}") },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": external_id } },
        }));
        let role = client.create_role().role_name("keyrota").path("/ops/").assume_role_policy_document(trust);
        role.send().await.expect("a role");
        let all = policy(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }));
        client
            .put_role_policy()
            .role_name("keyrota")
            .policy_name("p")
            .policy_document(all)
            .send()
            .await
            .expect("permitted");
        client.create_user().user_name(format!("of-{id}")).send().await.expect("a user");
    }
    let shared = "version = 1\n[defaults]\nnotify = []\n[organization]\nrole = \"ops/keyrota\"\nexternal-id = \"keyrota-4f1c\"\n";
    let rules = "version = 1\n[[rotate]]\nusers = [\"*\"]\n";
    let files = [("keyrota.toml", shared), ("team.toml", rules)];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into();
    let now = chrono::Utc::now();
    let manifest = manifest::load_files(files, now).manifest.expect("valid");
    let member = |(id, name, _, _): &(&str, &str, &str, &str)| Member {
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        inactive: None,
        membership: Arc::default(),
    };
    let listed = Listed { members: members.iter().map(member).collect(), is_whole: true, ..Listed::default() };
    let target = Target {
        endpoint: deployment.url.clone(),
        region: REGION.to_owned(),
        access_key: key.access_key_id.clone(),
        secret_key: SecretString::from(key.secret_access_key),
    };
    let settings = Settings { target: Some(target), ..Settings::default() };
    let caller = sign_in(&settings, manifest.region()).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(caller.account(), HOME);
    let found = Found::within(&manifest, &listed, Some(caller.account()));
    let accounts: Vec<_> = found.accounts.iter().map(|(name, account)| (name.clone(), account)).collect();
    let Connected { accounts, problems } = caller.enter(&accounts).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(accounts.iter().map(|one| one.account().name.as_deref()).collect::<Vec<_>>(), [Some("right")]);
    for problem in &problems {
        let text = problem.to_string();
        assert!(text.contains("not authorized to perform: sts:AssumeRole") && text.contains("`external-id`"), "{text}");
        assert!(!text.contains("keyrota-4f1c"), "{text}");
    }
    let unread: Vec<_> = problems.into_iter().map(|problem| problem.unread()).collect();
    let run = Run { not_entered: &unread, ..Run::new(&manifest, &accounts, Mode::Plan, now) };
    let planned = run.plan(&|_| {}).await.unwrap_or_else(|nothing| panic!("{nothing:?}"));
    let names = |accounts: &[keyrota::inventory::UnreadAccount]| -> Vec<String> {
        accounts.iter().filter_map(|one| one.name.clone()).collect()
    };
    assert_eq!(names(&planned.plan.accounts_unread), ["foreign", "wrong"], "one entry each");
    assert_eq!(planned.plan.users(), 1, "the other is planned");
    let causes = keyrota::report::unread::causes(&planned.plan.accounts_unread);
    assert_eq!(causes.len(), 1, "{causes:?}");
    // Without an external id nobody enters.
    let bare: manifest::DeclaredAccount = manifest::DeclaredAccount {
        external_id: None,
        ..found.accounts.iter().find(|(name, _)| name == "right").expect("it").1.clone()
    };
    let error = caller.enter(&[("right".to_owned(), &bare)]).await.map(|_| ()).expect_err("no external id");
    assert!(error.to_string().contains("AccessDenied"), "{error}");
}
