//! IAM and STS: two keys a user, names without case, keys that only work when they should.

use keyrota::{
    cloud::{Issued, Reads, Writes, sandbox::World},
    inventory::{ErrorKind, KeyId, LastUse, Status},
};
use secrecy::{ExposeSecret, SecretString};

use super::{at, ready, refused, secret, user, with};

#[test]
fn a_third_key_is_refused_even_if_one_is_inactive() {
    let sandbox = with(vec![user("bob", &["AKIAFIRST00000000000", "AKIASECOND0000000000"])], vec![]);
    sandbox.change(|world| world.users[0].keys[0].status = Status::Inactive);
    let before = sandbox.snapshot();
    let result = ready(sandbox.create_access_key("bob"));
    refused(&sandbox, &before, result, ErrorKind::Conflict, "iam:CreateAccessKey", "bob", "LimitExceeded");
}

#[test]
fn unknown_users_and_keys_are_not_found() {
    let sandbox = with(vec![user("bob", &["AKIAFIRST00000000000"]), user("eve", &["AKIAEVE0000000000000"])], vec![]);
    let before = sandbox.snapshot();
    let (own, other) = (KeyId::new("AKIAFIRST00000000000"), KeyId::new("AKIAEVE0000000000000"));
    let none = KeyId::new("AKIANONE000000000000");
    let check = |result: Result<(), _>, operation, subject| {
        refused(&sandbox, &before, result, ErrorKind::NotFound, operation, subject, "NoSuchEntity");
    };
    check(ready(sandbox.access_keys("zoe")).map(drop), "iam:ListAccessKeys", "zoe");
    check(ready(sandbox.create_access_key("zoe")).map(drop), "iam:CreateAccessKey", "zoe");
    check(ready(sandbox.last_use(&none)).map(drop), "iam:GetAccessKeyLastUsed", "AKIANONE000000000000");
    check(ready(sandbox.deactivate_access_key("zoe", &own)), "iam:UpdateAccessKey", "zoe");
    check(ready(sandbox.delete_access_key("zoe", &own)), "iam:DeleteAccessKey", "zoe");
    // A key of another user is as unknown as none.
    check(ready(sandbox.deactivate_access_key("bob", &other)), "iam:UpdateAccessKey", "bob");
    check(ready(sandbox.delete_access_key("bob", &other)), "iam:DeleteAccessKey", "bob");
    check(ready(sandbox.deactivate_access_key("bob", &none)), "iam:UpdateAccessKey", "bob");
    check(ready(sandbox.delete_access_key("bob", &none)), "iam:DeleteAccessKey", "bob");
}

#[test]
fn user_names_compare_without_case() {
    let sandbox = with(vec![user("CI-Bob", &["AKIAFIRST00000000000"])], vec![]);
    let key = KeyId::new("AKIAFIRST00000000000");
    assert_eq!(ready(sandbox.access_keys("ci-bob")).unwrap().len(), 1);
    ready(sandbox.create_access_key("ci-BOB")).unwrap();
    ready(sandbox.deactivate_access_key("CI-BOB", &key)).unwrap();
    assert_eq!(sandbox.snapshot().key(&key).unwrap().status, Status::Inactive);
    ready(sandbox.delete_access_key("ci-bob", &key)).unwrap();
    assert_eq!(sandbox.snapshot().user("ci-bob").unwrap().keys.len(), 1);
}

#[test]
fn a_key_is_created_active_now_and_unused() {
    let sandbox = with(vec![user("bob", &[])], vec![]);
    sandbox.set_now(at("2026-11-24T09:30:15.75Z"));
    let issued = ready(sandbox.create_access_key("bob")).unwrap();
    // IAM tells creation dates to the second.
    assert_eq!(issued.created, at("2026-11-24T09:30:15Z"));
    let keys = ready(sandbox.access_keys("bob")).unwrap();
    assert_eq!((&keys[0].id, keys[0].status, keys[0].created), (&issued.key, Status::Active, issued.created));
    assert_eq!(keys[0].last_use, LastUse::Unread);
    assert_eq!(ready(sandbox.last_use(&issued.key)).unwrap(), LastUse::Never);
    let id = issued.key.as_str();
    assert!(id.len() == 20 && id.starts_with("AKIA"), "{id}");
    assert!(id.chars().all(|c| c.is_ascii_uppercase() || ('2'..='7').contains(&c)), "{id}");
    assert!(issued.secret.expose_secret().len() == 40, "a secret access key has 40 characters");
}

#[test]
fn new_keys_are_the_same_in_every_run_and_never_the_same_twice() {
    let users = || vec![user("bob", &[]), user("eve", &[])];
    let (one, two) = (with(users(), vec![]), with(users(), vec![]));
    let mut seen = std::collections::BTreeSet::new();
    for name in ["bob", "eve", "bob", "eve", "bob"] {
        let (left, right) = (ready(one.create_access_key(name)).unwrap(), ready(two.create_access_key(name)).unwrap());
        assert_eq!(left.key, right.key);
        assert!(left.secret.expose_secret() == right.secret.expose_secret(), "secrets differ between runs");
        assert!(seen.insert(left.key.as_str().to_owned()), "{} again", left.key);
        assert!(seen.insert(left.secret.expose_secret().to_owned()), "a secret access key again");
        // Deleted at once, at the same instant: the id is still not used again.
        ready(one.delete_access_key(name, &left.key)).unwrap();
        ready(two.delete_access_key(name, &left.key)).unwrap();
    }
}

#[test]
fn only_the_issued_secret_of_an_active_key_verifies() {
    let sandbox = with(vec![user("bob", &[])], vec![]);
    let issued = ready(sandbox.create_access_key("bob")).unwrap();
    let wrong = |key: &KeyId| Issued { key: key.clone(), created: issued.created, secret: SecretString::from("wrong") };
    let check = |before: &World, issued: &Issued, code| {
        let (operation, subject) = ("sts:GetCallerIdentity", issued.key.as_str());
        refused(&sandbox, before, ready(sandbox.verify(issued)), ErrorKind::Denied, operation, subject, code);
    };
    let before = sandbox.snapshot();
    check(&before, &wrong(&issued.key), "SignatureDoesNotMatch");
    check(&before, &wrong(&KeyId::new("AKIANONE000000000000")), "InvalidClientTokenId");

    ready(sandbox.verify(&issued)).unwrap();
    let (service, region) = (Some("sts".to_owned()), Some("eu-west-1".to_owned()));
    let used = LastUse::At { time: issued.created, service, region };
    assert_eq!(ready(sandbox.last_use(&issued.key)).unwrap(), used, "verifying is a use");

    ready(sandbox.deactivate_access_key("bob", &issued.key)).unwrap();
    check(&sandbox.snapshot(), &issued, "InvalidClientTokenId");
    ready(sandbox.delete_access_key("bob", &issued.key)).unwrap();
    check(&sandbox.snapshot(), &issued, "InvalidClientTokenId");
}

#[test]
fn deactivating_twice_is_fine_and_an_active_key_can_be_deleted() {
    let sandbox = with(vec![user("bob", &["AKIAFIRST00000000000", "AKIASECOND0000000000"])], vec![]);
    let (first, second) = (KeyId::new("AKIAFIRST00000000000"), KeyId::new("AKIASECOND0000000000"));
    ready(sandbox.deactivate_access_key("bob", &first)).unwrap();
    ready(sandbox.deactivate_access_key("bob", &first)).unwrap();
    ready(sandbox.delete_access_key("bob", &second)).unwrap();
    let bob = sandbox.snapshot().users.remove(0);
    assert_eq!(bob.keys.iter().map(|key| (&key.id, key.status)).collect::<Vec<_>>(), [(&first, Status::Inactive)]);
}

#[test]
fn users_are_told_with_their_arn_tags_and_groups() {
    let mut bob = user("bob", &[]);
    bob.path = "/ci/".to_owned();
    bob.groups = vec!["deployers".to_owned()];
    bob.tags = [("team".to_owned(), "payments".to_owned())].into();
    let sandbox = with(vec![bob.clone()], vec![secret(super::NAME)]);
    let users = ready(sandbox.users(&|_, _| false)).unwrap();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].arn, "arn:aws:iam::111122223333:user/ci/bob");
    assert_eq!((&users[0].name, &users[0].path), (&bob.name, &bob.path));
    assert_eq!((&users[0].tags, &users[0].groups), (&bob.tags, &bob.groups));
    assert_eq!(users[0].unreadable, None);
}
