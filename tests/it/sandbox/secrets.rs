//! Secrets Manager: names, tags, versions that can't be changed, labels that are on one version each.

use std::collections::BTreeMap;

use keyrota::{
    cloud::{
        NewSecret, Reads, Writes,
        sandbox::{Sandbox, StoredSecret, StoredVersion, World},
    },
    inventory::{CallError, ErrorKind, Replica},
};
use secrecy::SecretString;

use super::{FIRST, NAME, SECOND, THIRD, at, ready, refused, secret, with};

const CREATE: &str = "secretsmanager:CreateSecret";
const TAG: &str = "secretsmanager:TagResource";
const UNTAG: &str = "secretsmanager:UntagResource";
const PUT: &str = "secretsmanager:PutSecretValue";
const MOVE: &str = "secretsmanager:UpdateSecretVersionStage";
const REPLICATE: &str = "secretsmanager:ReplicateSecretToRegions";

fn new_secret(name: &str) -> NewSecret {
    NewSecret {
        name: name.to_owned(),
        description: String::new(),
        tags: BTreeMap::new(),
        kms_key: None,
        replicate_to: vec![],
    }
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn put(sandbox: &Sandbox, version: &str, value: &str) -> Result<Vec<String>, CallError> {
    ready(sandbox.put_secret_value(NAME, version, &SecretString::from(value)))
}

fn move_label(sandbox: &Sandbox, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), CallError> {
    ready(sandbox.move_label(NAME, label, from, to))
}

/// A sandbox whose one secret has these versions, each with its labels.
fn labelled(versions: &[(&str, &[&str])]) -> Sandbox {
    let version = |(id, labels): &(&str, &[&str])| StoredVersion {
        id: (*id).to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        digest: None,
    };
    with(vec![], vec![StoredSecret { versions: versions.iter().map(version).collect(), ..secret(NAME) }])
}

#[track_caller]
fn assert_labels(sandbox: &Sandbox, expected: &[(&str, &[&str])]) {
    let world = sandbox.snapshot();
    let actual: Vec<(&str, Vec<&str>)> = world.secrets[0]
        .versions
        .iter()
        .map(|version| (version.id.as_str(), version.labels.iter().map(String::as_str).collect()))
        .collect();
    let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(id, labels)| (*id, labels.to_vec())).collect();
    assert_eq!(actual, expected);
}

#[test]
fn a_name_is_taken_even_while_its_secret_is_being_deleted() {
    let sandbox = with(vec![], vec![secret(NAME)]);
    let before = sandbox.snapshot();
    let result = ready(sandbox.create_secret(&new_secret(NAME)));
    refused(&sandbox, &before, result, ErrorKind::Conflict, CREATE, NAME, "ResourceExistsException");

    sandbox.change(|world| world.secrets[0].deleted = Some(at("2026-11-20T00:00:00Z")));
    let before = sandbox.snapshot();
    let result = ready(sandbox.create_secret(&new_secret(NAME)));
    refused(&sandbox, &before, result, ErrorKind::Conflict, CREATE, NAME, "InvalidRequestException");
}

#[test]
fn a_secret_that_is_being_deleted_can_be_described_but_not_written_to() {
    let deleted = Some(at("2026-11-20T00:00:00Z"));
    let sandbox = with(vec![], vec![StoredSecret { deleted, ..secret(NAME) }]);
    let before = sandbox.snapshot();
    let check = |result, operation| {
        refused(&sandbox, &before, result, ErrorKind::Conflict, operation, NAME, "InvalidRequestException");
    };
    check(ready(sandbox.tag_secret(NAME, &tags(&[("Owner", "bob")]))), TAG);
    check(ready(sandbox.untag_secret(NAME, &["Owner"])), UNTAG);
    check(put(&sandbox, FIRST, "{}").map(drop), PUT);
    check(move_label(&sandbox, "AWSCURRENT", None, Some(FIRST)), MOVE);
    check(ready(sandbox.replicate_secret(NAME, &["eu-central-1".to_owned()], None)), REPLICATE);
    assert_eq!(ready(sandbox.describe_secret(NAME)).unwrap().unwrap().deleted, deleted);
    assert_eq!(ready(sandbox.secrets()).unwrap()[0].deleted, deleted);
}

#[test]
fn a_replica_can_be_described_but_not_written_to() {
    let primary_region = Some("us-east-1".to_owned());
    let replica = StoredSecret { primary_region: primary_region.clone(), ..secret(NAME) };
    let sandbox = with(vec![], vec![replica]);
    let before = sandbox.snapshot();
    let check = |result, operation| {
        refused(&sandbox, &before, result, ErrorKind::Conflict, operation, NAME, "InvalidRequestException");
    };
    check(ready(sandbox.tag_secret(NAME, &tags(&[("Owner", "bob")]))), TAG);
    check(put(&sandbox, FIRST, "{}").map(drop), PUT);
    assert_eq!(ready(sandbox.describe_secret(NAME)).unwrap().unwrap().primary_region, primary_region);
}

#[test]
fn the_resource_policy_is_told_as_it_was_written() {
    let policy = Some(r#"{"Statement": []}"#.to_owned());
    let sandbox = with(vec![], vec![StoredSecret { policy: policy.clone(), ..secret(NAME) }, secret("other")]);
    assert_eq!(ready(sandbox.resource_policy(NAME)), Ok(policy));
    assert_eq!(ready(sandbox.resource_policy("other")), Ok(None));
    let before = sandbox.snapshot();
    let result = ready(sandbox.resource_policy("nobody's"));
    let operation = "secretsmanager:GetResourcePolicy";
    refused(&sandbox, &before, result, ErrorKind::NotFound, operation, "nobody's", "ResourceNotFoundException");
}

#[test]
fn unknown_secrets_are_not_found() {
    // Names of secrets, unlike those of users, compare with case.
    let sandbox = with(vec![], vec![secret(&NAME.to_uppercase())]);
    let before = sandbox.snapshot();
    let check = |result, operation| {
        refused(&sandbox, &before, result, ErrorKind::NotFound, operation, NAME, "ResourceNotFoundException");
    };
    check(ready(sandbox.tag_secret(NAME, &tags(&[("Owner", "bob")]))), TAG);
    check(ready(sandbox.untag_secret(NAME, &["Owner"])), UNTAG);
    check(put(&sandbox, FIRST, "{}").map(drop), PUT);
    check(move_label(&sandbox, "AWSCURRENT", None, Some(FIRST)), MOVE);
    check(ready(sandbox.replicate_secret(NAME, &["eu-central-1".to_owned()], None)), REPLICATE);
    assert_eq!(ready(sandbox.describe_secret(NAME)).unwrap(), None);
}

#[test]
fn secret_names_and_replica_regions_are_checked() {
    let sandbox = with(vec![], vec![]);
    let before = World { now: sandbox.now(), ..World::default() };
    for name in ["", "with space", "with,comma", "mañana", &"x".repeat(513)] {
        let result = ready(sandbox.create_secret(&new_secret(name)));
        refused(&sandbox, &before, result, ErrorKind::Other, CREATE, name, "ValidationException");
    }
    let elsewhere = |region: &str| NewSecret { replicate_to: vec![region.to_owned()], ..new_secret(NAME) };
    let result = ready(sandbox.create_secret(&elsewhere("Mars")));
    refused(&sandbox, &before, result, ErrorKind::Other, CREATE, NAME, "ValidationException");
    let result = ready(sandbox.create_secret(&elsewhere("eu-west-1")));
    refused(&sandbox, &before, result, ErrorKind::Other, CREATE, NAME, "InvalidParameterException");
    ready(sandbox.create_secret(&new_secret("/A-z_0+1=2.3@4/"))).unwrap();
    ready(sandbox.create_secret(&new_secret(&"x".repeat(512)))).unwrap();
}

#[test]
fn tags_are_checked() {
    let sandbox = with(vec![], vec![StoredSecret { tags: tags(&[("aws:cloudformation", "x")]), ..secret(NAME) }]);
    let before = sandbox.snapshot();
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    let bad = [("aws:mine", "x"), ("AWS:mine", "x"), ("", "x"), (&long_key, "x"), ("k", &long_value), ("k", "a;b")];
    for pair in bad {
        let result = ready(sandbox.tag_secret(NAME, &tags(&[pair])));
        refused(&sandbox, &before, result, ErrorKind::Other, TAG, NAME, "ValidationException");
        let other = NewSecret { tags: tags(&[pair]), ..new_secret("other") };
        let result = ready(sandbox.create_secret(&other));
        refused(&sandbox, &before, result, ErrorKind::Other, CREATE, "other", "ValidationException");
    }
    let result = ready(sandbox.untag_secret(NAME, &["aws:cloudformation"]));
    refused(&sandbox, &before, result, ErrorKind::Other, UNTAG, NAME, "ValidationException");

    let (key, value) = ("k".repeat(128), "v".repeat(256));
    let fine = tags(&[(&key, &value), ("keyrota:notified-at", "2026-11-23T08:00:00+00:00"), ("é _.:/=+-@1", "")]);
    ready(sandbox.tag_secret(NAME, &fine)).unwrap();
    // 50 are allowed, those of AWS itself not counted; replacing a value adds none.
    let more: BTreeMap<_, _> = (0..47).map(|n| (format!("tag-{n}"), String::new())).collect();
    ready(sandbox.tag_secret(NAME, &more)).unwrap();
    ready(sandbox.tag_secret(NAME, &tags(&[("tag-0", "again")]))).unwrap();
    let before = sandbox.snapshot();
    let result = ready(sandbox.tag_secret(NAME, &tags(&[("one-too-many", "")])));
    refused(&sandbox, &before, result, ErrorKind::Other, TAG, NAME, "ValidationException");
}

#[test]
fn tags_are_added_replaced_and_removed() {
    let sandbox = with(vec![], vec![secret(NAME)]);
    ready(sandbox.tag_secret(NAME, &tags(&[("a", "1"), ("b", "1")]))).unwrap();
    ready(sandbox.tag_secret(NAME, &tags(&[("b", "2"), ("c", "2")]))).unwrap();
    ready(sandbox.untag_secret(NAME, &["a", "never there"])).unwrap();
    let record = ready(sandbox.describe_secret(NAME)).unwrap().unwrap();
    assert_eq!(record.tags, tags(&[("b", "2"), ("c", "2")]));
}

#[test]
fn the_first_version_gets_awscurrent_by_itself_and_later_ones_take_awspending() {
    let sandbox = with(vec![], vec![secret(NAME)]);
    put(&sandbox, FIRST, "one").unwrap();
    assert_labels(&sandbox, &[(FIRST, &["AWSCURRENT", "AWSPENDING"])]);
    put(&sandbox, SECOND, "two").unwrap();
    assert_labels(&sandbox, &[(FIRST, &["AWSCURRENT"]), (SECOND, &["AWSPENDING"])]);
    put(&sandbox, THIRD, "three").unwrap();
    assert_labels(&sandbox, &[(FIRST, &["AWSCURRENT"]), (SECOND, &[]), (THIRD, &["AWSPENDING"])]);
}

#[test]
fn a_version_can_be_put_again_but_not_changed() {
    let sandbox = with(vec![], vec![secret(NAME)]);
    put(&sandbox, FIRST, "one").unwrap();
    put(&sandbox, SECOND, "two").unwrap();
    let before = sandbox.snapshot();
    // Succeeds and does nothing, not even to labels.
    put(&sandbox, FIRST, "one").unwrap();
    super::assert_same(&sandbox.snapshot(), &before);
    let result = put(&sandbox, FIRST, "other");
    refused(&sandbox, &before, result, ErrorKind::Conflict, PUT, NAME, "ResourceExistsException");

    // Nobody knows what a version without a digest holds, so it may be something else.
    let sandbox = labelled(&[(FIRST, &["AWSCURRENT"])]);
    let before = sandbox.snapshot();
    let result = put(&sandbox, FIRST, "one");
    refused(&sandbox, &before, result, ErrorKind::Conflict, PUT, NAME, "ResourceExistsException");
}

#[test]
fn tokens_and_values_have_their_sizes() {
    let sandbox = with(vec![], vec![secret(NAME)]);
    let before = sandbox.snapshot();
    for (token, value) in [(31, 1), (65, 1), (32, 0), (32, 65_537)] {
        let result = put(&sandbox, &"t".repeat(token), &"v".repeat(value));
        refused(&sandbox, &before, result, ErrorKind::Other, PUT, NAME, "ValidationException");
    }
    put(&sandbox, &"t".repeat(32), "v").unwrap();
    put(&sandbox, &"t".repeat(64), &"v".repeat(65_536)).unwrap();
}

#[test]
fn awscurrent_moves_by_compare_and_swap_and_awsprevious_follows() {
    let sandbox = labelled(&[(FIRST, &["AWSPREVIOUS"]), (SECOND, &["AWSCURRENT"]), (THIRD, &["AWSPENDING"])]);
    move_label(&sandbox, "AWSCURRENT", Some(SECOND), Some(THIRD)).unwrap();
    assert_labels(&sandbox, &[(FIRST, &[]), (SECOND, &["AWSPREVIOUS"]), (THIRD, &["AWSPENDING", "AWSCURRENT"])]);
    // Deprecated versions are kept, but nobody hears of them.
    let record = ready(sandbox.describe_secret(NAME)).unwrap().unwrap();
    assert_eq!(record.versions.iter().map(|version| &*version.id).collect::<Vec<_>>(), [SECOND, THIRD]);
    assert_eq!(ready(sandbox.secrets()).unwrap()[0].versions, record.versions);
    // Another run that saw it on the second version loses.
    let before = sandbox.snapshot();
    let result = move_label(&sandbox, "AWSCURRENT", Some(SECOND), Some(FIRST));
    refused(&sandbox, &before, result, ErrorKind::Conflict, MOVE, NAME, "InvalidParameterException");
    // Back to a deprecated version.
    move_label(&sandbox, "AWSCURRENT", Some(THIRD), Some(FIRST)).unwrap();
    assert_labels(&sandbox, &[(FIRST, &["AWSCURRENT"]), (SECOND, &[]), (THIRD, &["AWSPENDING", "AWSPREVIOUS"])]);
}

#[test]
fn labels_do_not_move_from_where_they_are_not() {
    let versions: &[(&str, &[&str])] = &[(FIRST, &["AWSCURRENT"]), (SECOND, &["AWSPENDING"])];
    let sandbox = labelled(versions);
    let before = sandbox.snapshot();
    let wrong = [
        ("AWSCURRENT", Some(SECOND), Some(FIRST)),
        ("AWSCURRENT", Some(THIRD), Some(SECOND)),
        ("AWSCURRENT", None, Some(SECOND)),
        ("AWSPENDING", Some(FIRST), None),
        ("AWSPENDING", None, None),
        ("never-set", Some(FIRST), None),
        // It can only be moved.
        ("AWSCURRENT", Some(FIRST), None),
    ];
    for (label, from, to) in wrong {
        let result = move_label(&sandbox, label, from, to);
        refused(&sandbox, &before, result, ErrorKind::Conflict, MOVE, NAME, "InvalidParameterException");
    }
    let result = move_label(&sandbox, "AWSCURRENT", Some(FIRST), Some(THIRD));
    refused(&sandbox, &before, result, ErrorKind::NotFound, MOVE, NAME, "ResourceNotFoundException");
    let result = move_label(&sandbox, "", Some(FIRST), None);
    refused(&sandbox, &before, result, ErrorKind::Other, MOVE, NAME, "ValidationException");
}

#[test]
fn other_labels_come_and_go() {
    let sandbox = labelled(&[(FIRST, &["AWSCURRENT"]), (SECOND, &["AWSPENDING"])]);
    move_label(&sandbox, "AWSPENDING", Some(SECOND), None).unwrap();
    assert_labels(&sandbox, &[(FIRST, &["AWSCURRENT"]), (SECOND, &[])]);
    move_label(&sandbox, "AWSPENDING", None, Some(SECOND)).unwrap();
    assert_labels(&sandbox, &[(FIRST, &["AWSCURRENT"]), (SECOND, &["AWSPENDING"])]);
    move_label(&sandbox, "AWSCURRENT", Some(FIRST), Some(FIRST)).unwrap();
    assert_labels(&sandbox, &[(FIRST, &["AWSCURRENT"]), (SECOND, &["AWSPENDING"])]);

    // No version left it, so there is no previous one.
    let sandbox = labelled(&[(FIRST, &["AWSPREVIOUS"]), (SECOND, &[])]);
    move_label(&sandbox, "AWSCURRENT", None, Some(SECOND)).unwrap();
    assert_labels(&sandbox, &[(FIRST, &["AWSPREVIOUS"]), (SECOND, &["AWSCURRENT"])]);
}

#[test]
fn replicas_are_told_by_describe_secret_only() {
    let sandbox = with(vec![], vec![]);
    let regions = ["eu-central-1".to_owned(), "us-east-1".to_owned()];
    ready(sandbox.create_secret(&NewSecret { replicate_to: regions[..1].to_vec(), ..new_secret(NAME) })).unwrap();
    ready(sandbox.replicate_secret(NAME, &regions, None)).unwrap();
    assert_eq!(
        ready(sandbox.describe_secret(NAME)).unwrap().unwrap().replicas,
        Some(regions.clone().map(Replica::new).to_vec())
    );
    assert!(ready(sandbox.secrets()).unwrap()[0].replicas.is_none());
    let before = sandbox.snapshot();
    let result = ready(sandbox.replicate_secret(NAME, &[], None));
    refused(&sandbox, &before, result, ErrorKind::Other, REPLICATE, NAME, "ValidationException");
}

#[test]
fn arns_end_in_six_characters_that_stay() {
    let sandbox = with(vec![], vec![secret(NAME), secret("other")]);
    let arn = |name| ready(sandbox.describe_secret(name)).unwrap().unwrap().arn;
    let prefix = format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{NAME}-");
    let suffix = arn(NAME).strip_prefix(&prefix).unwrap().to_owned();
    assert!(suffix.len() == 6 && suffix.chars().all(|c| c.is_ascii_alphanumeric()), "{suffix}");
    assert_eq!(arn(NAME), ready(sandbox.secrets()).unwrap()[0].arn);
    assert_ne!(arn("other").rsplit('-').next(), Some(suffix.as_str()));
}
