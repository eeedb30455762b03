//! The policies with which users read their own secrets, in an emulator that enforces them.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::types::Tag;
use serde_json::{Value, json};

use super::{Accounts, REGION, url};
use crate::terraform;

/// What Terraform makes of a template.
fn statements(account: &str, template: &str) -> Vec<Value> {
    let user = "${aws:username}";
    let arn = format!("arn:aws:iam::{account}:user");
    let secret = template.replace("{user}", user);
    let values: BTreeMap<&str, Value> = BTreeMap::from([
        ("user", json!(user)),
        ("own", json!([format!("{arn}/{user}"), format!("{arn}/*/{user}")])),
        ("secrets", json!([format!("arn:aws:secretsmanager:*:{account}:secret:{secret}-??????")])),
        ("kms_keys", json!(["arn:aws:kms:*:*:key/*"])),
        ("via", json!("secretsmanager.*.amazonaws.com")),
    ]);
    terraform::statements_of("reader/statements", &values)
}

/// A secret with these tags: of the predecessor, and, with the user's path and name, of keyrota.
async fn store(accounts: &Accounts, name: &str, owner: &str, user: Option<&str>) {
    let tag = |key: &str, value: String| Tag::builder().key(key).value(value).build();
    let mut tags = vec![tag("Owner", owner.to_owned())];
    tags.extend(user.map(|user| tag("keyrota:user", format!("arn:aws:iam::{}:user{user}", accounts.member))));
    let create = accounts.secrets(&accounts.member).create_secret().name(name).secret_string("{}");
    create.set_tags(Some(tags)).send().await.expect("a secret");
}

/// The names of the secrets that a user can read.
async fn readable(accounts: &Accounts, user: &str, names: &[&str]) -> Vec<String> {
    let key = accounts.iam(&accounts.member).create_access_key().user_name(user).send().await.expect("a key");
    let key = key.access_key.expect("a key");
    let client = client!(aws_sdk_secretsmanager, &key.access_key_id, &key.secret_access_key, None);
    let client = aws_sdk_secretsmanager::Client::from_conf(client);
    let mut readable = Vec::new();
    for name in names {
        if client.get_secret_value().secret_id(*name).send().await.is_ok() {
            readable.push((*name).to_owned());
        }
    }
    readable
}

#[tokio::test]
async fn a_user_reads_its_own_secret_and_nobody_elses_whatever_policies_it_has() {
    for is_by_tag in [true, false] {
        let accounts = Accounts::new().await;
        let iam = accounts.iam(&accounts.member);
        let users = [("bob", "/"), ("admin-bob", "/people/"), ("carol", "/apps/deep/"), ("dave", "/"), ("eve", "/")];
        for (user, path) in users {
            iam.create_user().user_name(user).path(path).send().await.expect("a user");
            // Of two rules that `check` refuses for one account. A person may attach both policies all the same.
            for (name, template) in [("one", "/x/{user}"), ("two", "/x/admin-{user}")] {
                let mut statements = statements(&accounts.member, template);
                if !is_by_tag {
                    statements.truncate(1);
                    statements[0].as_object_mut().expect("a statement").remove("Condition");
                }
                let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
                let put = iam.put_user_policy().user_name(user).policy_name(name).policy_document(document);
                put.send().await.expect("a policy");
            }
        }
        store(&accounts, "/x/bob", "bob", Some("/bob")).await;
        store(&accounts, "/x/admin-bob", "admin-bob", Some("/people/admin-bob")).await;
        // Tagged by the company's own tool as well: `keyrota:user` is what counts.
        store(&accounts, "/x/admin-carol", "payments", Some("/apps/deep/carol")).await;
        store(&accounts, "/x/carol", "carol", Some("/bob")).await;
        // Left by the predecessor, and not written to yet.
        store(&accounts, "/x/dave", "dave", None).await;
        let names = ["/x/bob", "/x/admin-bob", "/x/admin-carol", "/x/carol", "/x/dave"];
        let own: [(&str, &[&str]); 5] = [
            ("bob", &["/x/bob"]),
            ("admin-bob", &["/x/admin-bob"]),
            ("carol", &["/x/admin-carol"]),
            ("dave", &["/x/dave"]),
            ("eve", &[]),
        ];
        // By the name alone, `bob` reads what is the secret of `admin-bob`.
        let by_name: [(&str, &[&str]); 2] =
            [("bob", &["/x/bob", "/x/admin-bob"]), ("carol", &["/x/admin-carol", "/x/carol"])];
        for (user, expected) in if is_by_tag { &own[..] } else { &by_name[..] } {
            assert_eq!(readable(&accounts, user, &names).await, *expected, "{user}");
        }
    }
}

/// A replica has the tags of its secret, in a region of its own.
#[tokio::test]
async fn a_user_reads_its_own_replica_in_another_region() {
    let accounts = Accounts::new().await;
    let iam = accounts.iam(&accounts.member);
    for user in ["bob", "eve"] {
        iam.create_user().user_name(user).send().await.expect("a user");
        let document = json!({ "Version": "2012-10-17", "Statement": statements(&accounts.member, "/x/{user}") });
        let put = iam.put_user_policy().user_name(user).policy_name("reader").policy_document(document.to_string());
        put.send().await.expect("a policy");
    }
    let there = |key: &str, secret: &str| {
        let config = client!(aws_sdk_secretsmanager, key, secret, None).to_builder();
        let region = aws_sdk_secretsmanager::config::Region::new("eu-central-1");
        aws_sdk_secretsmanager::Client::from_conf(config.region(region).build())
    };
    let tag = Tag::builder().key("keyrota:user").value(format!("arn:aws:iam::{}:user/bob", accounts.member)).build();
    let replica = there(&accounts.member, "any").create_secret().name("/x/bob").secret_string("{}").tags(tag);
    replica.send().await.expect("a replica");
    for (user, reads) in [("bob", true), ("eve", false)] {
        let key = iam.create_access_key().user_name(user).send().await.expect("a key").access_key.expect("a key");
        let client = there(&key.access_key_id, &key.secret_access_key);
        let read = client.get_secret_value().secret_id("/x/bob").send().await;
        assert_eq!(read.is_ok(), reads, "{user}: {read:?}");
    }
}
