use std::{collections::BTreeMap, time::Duration};

use keyrota::{
    cloud::{
        Reads,
        aws::{Aws, Settings, connect_with},
    },
    inventory::{ErrorKind, KeyId, LastUse, SecretRecord, SmtpUse, Status, TAG_USER, Version},
};

use super::at;
use crate::emulator::{Fault, TestAccount, account};

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

async fn create_secret(account: &TestAccount, name: &str) {
    account.secrets().create_secret().name(name).send().await.expect("a new secret");
}

#[tokio::test]
async fn users_come_in_bulk_over_three_pages_with_tags_groups_and_paths() {
    let account = account();
    account.create_user("bob", "/", &[("team", "pay"), ("email", "bob@example.com")], &["staff"]).await;
    account.create_user("bobby", "/apps/", &[], &["staff", "ops"]).await;
    for name in ["ci,deploy", "x3", "x4"] {
        account.create_user(name, "/", &[], &[]).await;
    }
    account.set_page_size("GetAccountAuthorizationDetails", 2);
    let aws = account.connect().await;
    account.take_requests();
    let users = aws.users(&|_, _| false).await.expect("readable");
    assert_eq!(account.count_requests(), [("GetAccountAuthorizationDetails".to_owned(), 3)].into());
    let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["bob", "bobby", "ci,deploy", "x3", "x4"]);
    assert_eq!(users[0].tags, tags(&[("team", "pay"), ("email", "bob@example.com")]));
    assert_eq!((users[0].path.as_str(), users[0].groups.as_slice()), ("/", ["staff".to_owned()].as_slice()));
    assert_eq!(users[1].arn, format!("arn:aws:iam::{}:user/apps/bobby", account.id));
    assert_eq!((users[1].path.as_str(), users[1].groups.len()), ("/apps/", 2));
    assert!(users.iter().all(|user| user.unreadable.is_none()));
}

/// Whose policies say so, wherever they stand, sends mail by SES's SMTP; where policies can't be read, that is not known.
#[tokio::test]
async fn policies_of_users_and_groups_and_managed_ones_say_who_sends_by_smtp() {
    let account = account();
    for (name, groups) in [("own", &[][..]), ("grouped", &["mailers"]), ("managed", &[]), ("other", &["staff"])] {
        account.create_user(name, "/", &[], groups).await;
    }
    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ses:SendRawEmail","Resource":"*"}]}"#;
    let iam = account.iam();
    iam.put_user_policy().user_name("own").policy_name("p").policy_document(document).send().await.expect("put");
    iam.put_group_policy().group_name("mailers").policy_name("g").policy_document(document).send().await.expect("put");
    let policy = iam.create_policy().policy_name("m").policy_document(document).send().await.expect("made").policy;
    let arn = policy.and_then(|policy| policy.arn).expect("an ARN");
    iam.attach_user_policy().user_name("managed").policy_arn(arn).send().await.expect("attached");
    let aws = account.connect().await;
    let found = async || {
        let users = aws.users(&|_, _| true).await.expect("readable");
        users.into_iter().map(|user| (user.name, user.smtp)).collect::<BTreeMap<_, _>>()
    };
    let says = |policy: &str| SmtpUse::Sign(format!("its policy {policy}"));
    let expected = [("grouped", says("g")), ("managed", says("m")), ("other", SmtpUse::NoSign), ("own", says("p"))];
    assert_eq!(found().await, expected.map(|(name, smtp)| (name.to_owned(), smtp)).into());
    account.add_fault(Fault::error("GetAccountAuthorizationDetails", 403, "AccessDenied", "no").forever());
    assert!(found().await.values().all(|smtp| *smtp == SmtpUse::PoliciesUnread));
}

#[tokio::test]
async fn users_come_one_by_one_where_bulk_is_denied_and_one_failure_is_that_users_alone() {
    let account = account();
    for name in ["bob", "bobby", "ci,deploy", "other"] {
        account.create_user(name, "/", &[("team", "pay"), ("cost", "7"), ("email", "e")], &["staff", "ops", "x"]).await;
    }
    account.add_fault(Fault::error("GetAccountAuthorizationDetails", 403, "AccessDenied", "no").forever());
    account.add_fault(Fault::error("ListUserTags", 403, "AccessDenied", "not for you").only("user", "bob").forever());
    for list in ["ListUsers", "ListUserTags", "ListGroupsForUser"] {
        account.set_page_size(list, 2);
    }
    let aws = account.connect().await;
    account.take_requests();
    let users = aws.users(&|name, path| name != "other" && path == "/").await.expect("readable");
    let error = users[0].unreadable.as_ref().expect("bob's tags are denied");
    assert_eq!(
        error.to_string(),
        "permission `iam:ListUserTags` is missing for bob: not for you (AccessDenied)",
        "names the permission and the user"
    );
    assert_eq!(error.kind, ErrorKind::Denied);
    for user in &users[1..3] {
        assert_eq!(user.unreadable, None, "{}", user.name);
        assert_eq!(user.tags, tags(&[("team", "pay"), ("cost", "7"), ("email", "e")]), "{}", user.name);
        assert_eq!(user.groups, ["staff", "ops", "x"], "{}", user.name);
    }
    assert_eq!(users[3].name, "other");
    assert_eq!((users[3].tags.len(), users[3].groups.len()), (0, 0), "irrelevant: not asked");
    assert!(!account.take_requests().iter().any(|request| request.user.as_deref() == Some("other")));
}

#[tokio::test]
async fn without_any_permission_to_list_users_the_read_fails() {
    let account = account();
    let aws = account.connect().await;
    let message = "User: arn:aws:iam::1:user/ci is not authorized to perform: iam:ListUsers on resource: *";
    account.add_fault(Fault::error("GetAccountAuthorizationDetails", 403, "AccessDenied", "no").forever());
    account.add_fault(Fault::error("ListUsers", 403, "AccessDenied", message).forever());
    let error = aws.users(&|_, _| true).await.expect_err("denied");
    assert_eq!(
        error.to_string(),
        format!("permission `iam:ListUsers` is missing for account {}: {message} (AccessDenied)", account.id)
    );
}

#[tokio::test]
async fn only_a_denial_makes_it_read_users_one_by_one() {
    let account = account();
    let aws = account.connect().await;
    account.add_fault(Fault::error("GetAccountAuthorizationDetails", 500, "ServiceFailure", "oops").forever());
    account.take_requests();
    let error = aws.users(&|_, _| true).await.expect_err("a fault of the service");
    assert_eq!(error.kind, ErrorKind::Other);
    assert_eq!(account.count_requests(), [("GetAccountAuthorizationDetails".to_owned(), 4)].into());
}

#[tokio::test]
async fn keys_come_over_pages_with_their_status_and_date() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    account.create_user("bobby", "/", &[], &[]).await;
    let (old, _) = account.create_key("bob", at("2026-01-02T03:04:05Z")).await;
    let (new, _) = account.create_key("bob", at("2026-05-06T07:08:09Z")).await;
    let (lookalike, _) = account.create_key("bobby", at("2026-05-06T07:08:09Z")).await;
    let deactivate = account.iam().update_access_key().user_name("bob").access_key_id(old.as_str());
    deactivate.status("Inactive".into()).send().await.expect("deactivated");
    account.set_page_size("ListAccessKeys", 1);
    let aws = account.connect().await;
    account.take_requests();
    let keys = aws.access_keys("bob").await.expect("readable");
    let told: Vec<_> = keys.into_iter().map(|key| (key.id, key.status, key.created, key.last_use)).collect();
    assert_eq!(
        told,
        [
            (old, Status::Inactive, at("2026-01-02T03:04:05Z"), LastUse::Unread),
            (new, Status::Active, at("2026-05-06T07:08:09Z"), LastUse::Unread),
        ]
    );
    assert_eq!(account.count_requests(), [("ListAccessKeys".to_owned(), 2)].into());
    assert_eq!(aws.calls(), 2);
    let keys = aws.access_keys("bobby").await.expect("readable");
    assert_eq!(keys.into_iter().map(|key| key.id).collect::<Vec<_>>(), [lookalike]);
    assert_eq!(aws.access_keys("nobody").await.expect_err("no such user").kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn last_use_is_a_time_or_never_and_what_aws_leaves_open_is_none() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let (key, _) = account.create_key("bob", at("2026-01-02T03:04:05Z")).await;
    let aws = account.connect().await;
    assert_eq!(aws.last_use(&key).await, Ok(LastUse::Never));
    let time = at("2026-02-03T04:05:06Z");
    account.set_last_use(&key, time, "s3");
    let region = Some(account.region.clone());
    assert_eq!(aws.last_use(&key).await, Ok(LastUse::At { time, service: Some("s3".to_owned()), region }));
    account.add_fault(Fault::replace("GetAccessKeyLastUsed", "<(Region|ServiceName)>[^<]*<", r"<\1>N/A<"));
    assert_eq!(aws.last_use(&key).await, Ok(LastUse::At { time, service: None, region: None }));
}

#[tokio::test]
async fn secrets_come_over_pages_with_labels_tags_and_deletions() {
    let account = account();
    let aws = account.connect().await;
    for name in ["/aws/iam/credentials/bob", "/aws/iam/credentials/bobby", "x-AbCdEf", "y", "z"] {
        create_secret(&account, name).await;
    }
    let secrets = account.secrets();
    let put = secrets.put_secret_value().secret_id("y").secret_string("v").client_request_token("v".repeat(32));
    put.version_stages("AWSPENDING").send().await.expect("stored");
    let tag = aws_sdk_secretsmanager::types::Tag::builder().key("Owner").value("y").build();
    secrets.tag_resource().secret_id("y").tags(tag).send().await.expect("tagged");
    account.set_clock(at("2026-03-04T05:06:07Z"));
    secrets.delete_secret().secret_id("z").recovery_window_in_days(7).send().await.expect("scheduled");
    account.set_page_size("ListSecrets", 2);
    account.take_requests();
    let listed = aws.secrets().await.expect("readable");
    assert_eq!(account.count_requests(), [("ListSecrets".to_owned(), 3)].into());
    let names: Vec<_> = listed.iter().map(|secret| secret.name.as_str()).collect();
    assert_eq!(names, ["/aws/iam/credentials/bob", "/aws/iam/credentials/bobby", "x-AbCdEf", "y", "z"]);
    assert_eq!((listed[3].tags.clone(), listed[3].deleted), (tags(&[("Owner", "y")]), None));
    let labels = vec!["AWSCURRENT".to_owned(), "AWSPENDING".to_owned()];
    assert_eq!(listed[3].versions, [Version { id: "v".repeat(32), labels }]);
    assert!(listed[4].deleted.is_some());
    for listed in listed {
        let described = aws.describe_secret(&listed.name).await.expect("readable");
        assert_eq!(listed.replicas, None, "the list does not tell");
        let with_replicas = SecretRecord { replicas: Some(vec![]), ..listed };
        assert_eq!(described, Some(with_replicas), "both reads agree");
    }
    assert_eq!(aws.describe_secret("/aws/iam/credentials/bo").await, Ok(None));
}

/// An account of more than a page: three secrets are wanted, one has left the place, and the others are nobody's business.
async fn crowded() -> TestAccount {
    let account = account();
    for name in ["/keys/a", "/keys/b", "/keys/c", "/other/d", "/other/e", "former", "x", "y", "z"] {
        create_secret(&account, name).await;
    }
    let tag = aws_sdk_secretsmanager::types::Tag::builder().key(TAG_USER).value("arn:aws:iam::1:user/d").build();
    account.secrets().tag_resource().secret_id("former").tags(tag).send().await.expect("tagged");
    account.set_page_size("ListSecrets", 2);
    account
}

async fn names(aws: &Aws, prefix: &str) -> Vec<String> {
    let listed = aws.secrets_named(prefix).await.expect("readable");
    listed.into_iter().map(|secret| secret.name).collect()
}

#[tokio::test]
async fn secrets_of_other_names_that_are_nobodys_are_not_listed() {
    let account = crowded().await;
    let aws = account.connect().await;
    account.take_requests();
    assert_eq!(names(&aws, "/keys/").await, ["/keys/a", "/keys/b", "/keys/c", "former"]);
    // The first page of all, two of what is wanted, what has left the place, and whether filters are understood.
    assert_eq!(account.count_requests(), [("ListSecrets".to_owned(), 5)].into());
    assert_eq!(names(&aws, "").await.len(), 9);
    // Where one page holds all, there is nothing to leave out.
    account.set_page_size("ListSecrets", 100);
    account.take_requests();
    assert_eq!(names(&aws, "/keys/").await.len(), 9);
    assert_eq!(account.count_requests(), [("ListSecrets".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_service_that_does_not_understand_filters_lists_all() {
    for fault in [
        Fault::error("ListSecrets", 400, "InvalidParameterException", "no filters").skip(1).times(1),
        // As if no name began otherwise than with a colon, or all did.
        Fault::replace("ListSecrets", r#""SecretList": \[.*\]"#, r#""SecretList": []"#).skip(1).times(3),
    ] {
        let account = crowded().await;
        let aws = account.connect().await;
        account.add_fault(fault);
        assert_eq!(names(&aws, "/keys/").await.len(), 9);
    }
}

#[tokio::test]
async fn a_secret_by_another_name_is_not_the_one_asked_for() {
    let account = account();
    create_secret(&account, "a").await;
    let aws = account.connect().await;
    account.add_fault(Fault::replace("DescribeSecret", r#""Name": "a""#, r#""Name": "a-2""#));
    let error = aws.describe_secret("a").await.expect_err("another secret");
    assert_eq!((error.kind, error.message.contains("a-2")), (ErrorKind::Malformed, true));
}

#[tokio::test]
async fn a_throttled_call_is_repeated_and_given_up_in_the_end() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let aws = account.connect().await;
    account.take_requests();
    account.add_fault(Fault::error("ListAccessKeys", 400, "Throttling", "Rate exceeded"));
    assert_eq!(aws.access_keys("bob").await, Ok(vec![]));
    assert_eq!(account.count_requests(), [("ListAccessKeys".to_owned(), 2)].into());
    let aws = account.connect().await;
    account.take_requests();
    account.add_fault(Fault::error("ListAccessKeys", 400, "Throttling", "Rate exceeded").forever());
    let error = aws.access_keys("bob").await.expect_err("throttled");
    assert_eq!(error.to_string(), "iam:ListAccessKeys for bob is still throttled: Rate exceeded (Throttling)");
    let requests = account.count_requests();
    assert!(requests["ListAccessKeys"] > 2 && requests["ListAccessKeys"] < 20, "{requests:?}");
    // That is no last word: the next call is made all the same.
    account.calm();
    assert_eq!(aws.access_keys("bob").await, Ok(vec![]));
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_and_told_readably() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let aws = account.connect().await;
    account.add_fault(Fault::drop("ListAccessKeys"));
    assert_eq!(aws.access_keys("bob").await, Ok(vec![]));
    account.add_fault(Fault::drop("ListAccessKeys").forever());
    let error = aws.access_keys("bob").await.expect_err("no answer");
    assert_eq!(error.kind, ErrorKind::Other);
    assert!(error.to_string().starts_with("iam:ListAccessKeys for bob failed: no connection: "), "{error}");
    assert!(!error.message.contains('{'), "no dump of a structure: {error}");
}

#[tokio::test]
async fn no_answer_that_lacks_something_is_taken_for_an_empty_one() {
    let account = account();
    account.create_user("bob", "/", &[("team", "pay")], &["staff"]).await;
    create_secret(&account, "s").await;
    let (key, _) = account.create_key("bob", at("2026-01-02T03:04:05Z")).await;
    account.set_last_use(&key, at("2026-01-03T00:00:00Z"), "s3");
    let aws = account.connect().await;
    let malformed = [
        ("ListAccessKeys", "<AccessKeyId>.*</AccessKeyId>", ""),
        ("ListAccessKeys", "<CreateDate>.*</CreateDate>", ""),
        ("ListAccessKeys", "<CreateDate>.*</CreateDate>", "<CreateDate>yesterday</CreateDate>"),
        ("ListAccessKeys", "<Status>.*</Status>", ""),
        ("ListAccessKeys", "<Status>.*</Status>", "<Status>Dormant</Status>"),
        ("ListAccessKeys", "<UserName>bob</UserName>", "<UserName>bobby</UserName>"),
        ("ListAccessKeys", "<AccessKeyMetadata>.*</AccessKeyMetadata>", ""),
        ("ListAccessKeys", "<IsTruncated>.*</IsTruncated>", "<Marker>m</Marker>"),
        ("ListAccessKeys", "<IsTruncated>false</IsTruncated>", "<IsTruncated>true</IsTruncated>"),
        ("GetAccessKeyLastUsed", "<AccessKeyLastUsed>.*</AccessKeyLastUsed>", ""),
        ("GetAccessKeyLastUsed", "<LastUsedDate>.*</LastUsedDate>", ""),
        ("GetAccountAuthorizationDetails", "<UserName>bob</UserName>", ""),
        ("GetAccountAuthorizationDetails", "<Arn>.*</Arn>", ""),
        ("GetAccountAuthorizationDetails", "<UserDetailList>.*</UserDetailList>", ""),
        ("ListSecrets", r#""Name": "s","#, ""),
        ("ListSecrets", "SecretList", "Secrets"),
        ("DescribeSecret", r#""ARN": "[^"]*","#, ""),
        ("DescribeSecret", "^.*$", ""),
        ("GetResourcePolicy", r#""Name": "[^"]*""#, r#""Alias": "s""#),
        ("GetResourcePolicy", r#""Name": "s""#, r#""Name": "t""#),
        ("GetResourcePolicy", "^.*$", "<html>"),
    ];
    for (action, pattern, replacement) in malformed {
        account.add_fault(Fault::replace(action, pattern, replacement).times(1));
        let error = match action {
            "ListAccessKeys" => aws.access_keys("bob").await.err(),
            "GetAccessKeyLastUsed" => aws.last_use(&key).await.err(),
            "GetAccountAuthorizationDetails" => aws.users(&|_, _| true).await.err(),
            "ListSecrets" => aws.secrets().await.err(),
            "GetResourcePolicy" => aws.resource_policy("s").await.err(),
            _ => aws.describe_secret("s").await.err(),
        };
        let error = error.unwrap_or_else(|| panic!("{action} with {pattern} as {replacement:?} was believed"));
        assert_eq!(error.kind, ErrorKind::Malformed, "{action} with {pattern} as {replacement:?}: {error}");
    }
    for body in ["", "<", "<html>Welcome to this hotel's network</html>", "<ListAccessKeysResponse/>"] {
        account.add_fault(Fault::body("ListAccessKeys", 200, body));
        let error = aws.access_keys("bob").await.expect_err(body);
        assert_eq!(error.kind, ErrorKind::Malformed, "{body:?}: {error}");
    }
    assert_eq!(aws.access_keys("bob").await.map(|keys| keys.len()), Ok(1), "the true answer is believed");
}

#[tokio::test]
async fn a_page_that_fails_fails_the_read() {
    let account = account();
    for name in ["a", "b", "c"] {
        account.create_user(name, "/", &[], &[]).await;
        create_secret(&account, name).await;
    }
    account.set_page_size("GetAccountAuthorizationDetails", 1);
    account.set_page_size("ListSecrets", 1);
    let aws = account.connect().await;
    account.add_fault(Fault::error("GetAccountAuthorizationDetails", 400, "ServiceFailure", "no").skip(2));
    account.add_fault(Fault::error("ListSecrets", 400, "AccessDeniedException", "no").skip(1));
    assert_eq!(aws.users(&|_, _| true).await.expect_err("its third page").kind, ErrorKind::Other);
    assert_eq!(aws.secrets().await.expect_err("its second page").kind, ErrorKind::Denied);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let settings = Settings { attempts: 1, attempt_timeout: Duration::from_secs(1), ..account.settings() };
    let aws = connect_with(&settings, &[]).await.expect("connected").accounts.remove(0);
    account.set_latency(Duration::from_secs(60));
    let error = aws.access_keys("bob").await.expect_err("no answer");
    let error = error.to_string();
    assert!(error.starts_with("iam:ListAccessKeys for bob failed: no answer in time ("), "{error}");
    assert!(error.ends_with(&format!("region eu-west-1, {})", account.url)), "{error}");
}

#[tokio::test]
async fn pages_that_go_round_in_a_circle_end() {
    let account = account();
    for name in ["a", "b", "c", "d"] {
        account.create_user(name, "/", &[], &[]).await;
        create_secret(&account, name).await;
    }
    account.set_page_size("GetAccountAuthorizationDetails", 1);
    account.set_page_size("ListSecrets", 1);
    let aws = account.connect().await;
    account.add_fault(Fault::replace("GetAccountAuthorizationDetails", "after-[0-9]", "after-1").forever());
    account.add_fault(Fault::replace("ListSecrets", r#""NextToken": "[0-9]""#, r#""NextToken": "1""#).forever());
    for error in [aws.users(&|_, _| true).await.err(), aws.secrets().await.err()] {
        let error = error.expect("a circle");
        assert_eq!((error.kind, error.message.contains("circle")), (ErrorKind::Malformed, true), "{error}");
    }
}

#[tokio::test]
async fn a_key_that_is_gone_is_not_found() {
    let account = account();
    let aws = account.connect().await;
    let error = aws.last_use(&KeyId::new("AKIAGONEGONEGONEGONE")).await.expect_err("no such key");
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::NotFound, "AKIAGONEGONEGONEGONE"));
}
