//! Where a credential must not go, and users that the manifests contradict themselves for: they wait, and the others
//! have their turn.

use aws_sdk_secretsmanager::types::ReplicaRegionType;
use serde_json::json;

use super::{destination, keys, manifests, prepared, store, user_with_key, writes};
use crate::emulator::TestAccount;

/// A policy that lets a principal read the secret.
fn policy(principal: &str) -> String {
    let statement = json!({
        "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "secretsmanager:GetSecretValue", "Resource": "*",
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

async fn set_policy(account: &TestAccount, user: &str, principal: &str) {
    let put = account.secrets().put_resource_policy().secret_id(destination(user));
    put.resource_policy(policy(principal)).send().await.expect("a policy");
}

#[tokio::test]
async fn no_key_goes_where_another_account_reads_it() {
    let account = prepared().await;
    for (user, principal) in [
        ("anna", Some("arn:aws:iam::999988887777:root".to_owned())),
        ("bert", Some(format!("arn:aws:iam::{}:role/deployer", account.id))),
        ("carl", None),
    ] {
        let (key, _) = user_with_key(&account, user, 95).await;
        store(&account, user, &key).await;
        if let Some(principal) = principal {
            set_policy(&account, user, &principal).await;
        }
    }
    account.take_requests();
    let folder = manifests("", "\"*\"");
    let plan = folder.run_in(&account, &["plan"]).exits(0);
    plan.shows(&[
        "! anna",
        "can be read from outside the account, by account `999988887777`",
        "2 to create",
        "1 blocked",
    ]);
    assert_eq!(writes(&account.take_requests()), [""; 0], "a plan changes nothing");

    folder.run_in(&account, &["apply", "--yes"]).exits(0);
    let touched = |requests: &[crate::emulator::Request]| {
        requests.iter().any(|request| {
            let secret = request.secret.as_deref() == Some(&destination("anna"));
            (request.user.as_deref() == Some("anna") || secret)
                && !["ListAccessKeys", "DescribeSecret", "GetResourcePolicy"].contains(&request.action.as_str())
        })
    };
    assert!(!touched(&account.take_requests()), "nothing is done to `anna`");
    assert_eq!(keys(&account, "anna").await.len(), 1);
    assert_eq!((keys(&account, "bert").await.len(), keys(&account, "carl").await.len()), (2, 2));
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_lets_nothing_be_stored() {
    let account = prepared().await;
    let (key, _) = user_with_key(&account, "anna", 95).await;
    store(&account, "anna", &key).await;
    let denied = "not authorized to perform: secretsmanager:GetResourcePolicy";
    account
        .add_fault(crate::emulator::Fault::error("GetResourcePolicy", 400, "AccessDeniedException", denied).forever());
    let folder = manifests("", "\"anna\"");
    let ran = folder.run_in(&account, &["plan"]);
    ran.shows(&["permission `secretsmanager:GetResourcePolicy` is missing"]);
    account.take_requests();
    folder.run_in(&account, &["apply", "--yes"]);
    assert_eq!(writes(&account.take_requests()), [""; 0]);
}

#[tokio::test]
async fn a_replica_is_no_destination() {
    let account = prepared().await;
    user_with_key(&account, "anna", 95).await;
    let elsewhere = TestAccount { region: "eu-central-1".to_owned(), ..account.clone() };
    let owner = aws_sdk_secretsmanager::types::Tag::builder().key("Owner").value("anna").build();
    let create = elsewhere.secrets().create_secret().name(destination("anna")).secret_string("{}").tags(owner);
    let replica = ReplicaRegionType::builder().region(&account.region).build();
    create.add_replica_regions(replica).send().await.expect("a secret and its replica");
    let folder = manifests("", "\"anna\"");
    let plan = folder.run_in(&account, &["plan"]).exits(0);
    plan.shows(&["! anna", "is a replica of one in eu-central-1"]);
}

#[tokio::test]
async fn rules_and_secrets_that_collide_stop_nobody_else() {
    let account = prepared().await;
    for user in ["a,b", "a_b", "ci-deploy", "ci-tagged"] {
        user_with_key(&account, user, 95).await;
    }
    let team = aws_sdk_iam::types::Tag::builder().key("team").value("payments").build().expect("a tag");
    account.iam().tag_user().user_name("ci-tagged").tags(team).send().await.expect("tagged");
    let folder = manifests("", "\"ci-*\", \"a*\"");
    folder.write("manifests/payments.toml", "version = 1\n\n[[rotate]]\ntags = { team = \"payments\" }\n");
    folder.run_in(&account, &["check"]).exits(0);
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(0);
    let ran = ran.shows(&[
        "Applied: 1 created, 1 promoted, 1 notified",
        "two rules select it, manifests/payments.toml:4 and manifests/team.toml:4",
        "it would share the secret `/aws/iam/credentials/a_b` with `a,b`",
        "3 blocked",
    ]);
    ran.says(&["warning[KR0035]: two rules select `ci-tagged`", "warning[KR0036]"]);
    let told = folder.run_in(&account, &["explain", "ci-tagged"]).exits(0);
    told.shows(&["blocked", "two rules select it, manifests/payments.toml:4"]);
    for (user, count) in [("a,b", 1), ("a_b", 1), ("ci-tagged", 1), ("ci-deploy", 2)] {
        assert_eq!(keys(&account, user).await.len(), count, "{user}");
    }
}
