//! The sandbox file: what it may say, what it says of mistakes, and how it is written back.

use std::{fs, path::Path};

use keyrota::{
    cloud::{
        Message, NewSecret, Reads, Writes,
        sandbox::{Sandbox, SandboxError, SentMail, World},
    },
    inventory::{LastUse, Status},
    notice::Sender,
};
use secrecy::SecretString;

use super::{NAME, account, at, ready, secret, user, with};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sandbox.toml");

fn parse(text: &str) -> Sandbox {
    Sandbox::parse(text, "box.toml").unwrap()
}

/// Parses what follows a valid beginning of one line, and checks the error.
#[track_caller]
fn rejects(rest: &str, line: usize, words: &[&str]) {
    let text = format!("account = \"111122223333\"\n{rest}");
    let error = Sandbox::parse(&text, "box.toml").expect_err("the file is wrong").to_string();
    assert!(error.starts_with(&format!("box.toml:{line}: ")), "{error}");
    for word in words {
        assert!(error.contains(word), "`{word}` is missing in: {error}");
    }
}

#[track_caller]
fn assert_equal(left: &Sandbox, right: &Sandbox) {
    assert_eq!(left.account(), right.account());
    assert_eq!(left.snapshot(), right.snapshot());
    assert_eq!(left.to_toml(), right.to_toml());
}

#[test]
fn defaults_are_filled_in() {
    let sandbox = parse(
        "account = \"111122223333\"\n[[users]]\nname = \"bob\"\n\
         [[users.keys]]\nid = \"AKIAFIRST00000000000\"\ncreated = 2026-08-15\n",
    );
    let account = sandbox.account();
    assert_eq!((account.partition.as_str(), account.region.as_str()), ("aws", "us-east-1"));
    assert_eq!(account.name, None);
    let world = sandbox.snapshot();
    let bob = world.user("BOB").unwrap();
    assert_eq!(bob.path, "/");
    assert_eq!(bob.keys[0].created, at("2026-08-15T00:00:00Z"));
    assert_eq!((bob.keys[0].status, &bob.keys[0].last_use), (Status::Active, &LastUse::Never));
}

#[test]
fn times_may_have_an_offset() {
    let text = "now = 2026-11-23T08:00:00-03:00\naccount = \"111122223333\"";
    assert_eq!(parse(text).now(), Some(at("2026-11-23T11:00:00Z")));
}

#[test]
fn the_example_is_valid_and_stays_the_same_when_written() {
    let example = Sandbox::load(Path::new(EXAMPLE)).unwrap();
    assert_eq!(example.now(), Some(at("2026-11-23T08:00:00Z")));
    assert_eq!(example.snapshot().users.len(), 11);
    let again = parse(&example.to_toml());
    assert_equal(&example, &again);
    // What keyrota's own secrets say of their users is true.
    let users = ready(example.users(&|_, _| true)).unwrap();
    for secret in example.snapshot().secrets.iter().filter(|secret| secret.tags.contains_key("keyrota:user")) {
        let owner = users.iter().find(|user| user.name == secret.tags["Owner"]).unwrap();
        assert_eq!(owner.arn, secret.tags["keyrota:user"]);
        assert!(secret.name.ends_with(&owner.name), "{}", secret.name);
    }
}

#[test]
fn everything_that_calls_leave_behind_is_written_and_read_again() {
    let sandbox = with(vec![user("bob", &["AKIAFIRST00000000000"]), user("eve", &[])], vec![secret("foreign")]);
    sandbox.change(|world| {
        world.refuse_mail_to = vec!["gone@example.com".to_owned()];
        world.users[0].path = "/ci/".to_owned();
        world.users[0].groups = vec!["deployers".to_owned(), "others".to_owned()];
        world.users[0].tags = [("it's \"odd\"".replace(['"', '\''], "@"), "é = 1".to_owned())].into();
        let (time, service) = (at("2026-11-01T01:02:03.5Z"), Some("s3".to_owned()));
        world.users[0].keys[0].last_use = LastUse::At { time, service, region: None };
        world.secrets[0].deleted = Some(at("2026-11-02T00:00:00Z"));
        world.secrets[0].policy = Some("{\"Statement\": \"it's\"}".to_owned());
        world.secrets[0].primary_region = Some("us-east-1".to_owned());
        world.secrets[0].tags = [("aws:cloudformation:stack".to_owned(), "x".to_owned())].into();
    });
    let new = NewSecret {
        name: NAME.to_owned(),
        description: "Say \"hi\"\n\t\\ and '''bye'''".to_owned(),
        tags: [("keyrota:user".to_owned(), "arn:aws:iam::111122223333:user/bob".to_owned())].into(),
        kms_key: Some("alias/keys".to_owned()),
        replicate_to: vec!["eu-central-1".to_owned()],
    };
    ready(sandbox.create_secret(&new)).unwrap();
    for name in ["bob", "eve", "eve"] {
        let issued = ready(sandbox.create_access_key(name)).unwrap();
        ready(sandbox.put_secret_value(NAME, &issued.key.version_id(), &SecretString::from(name))).unwrap();
        ready(sandbox.verify(&issued)).unwrap();
        ready(sandbox.deactivate_access_key(name, &issued.key)).unwrap();
    }
    let sender = Sender {
        from: "Security <s@example.com>".to_owned(),
        from_arn: Some("arn:aws:ses:eu-west-1:111122223333:identity/example.com".to_owned()),
        reply_to: Some("r@example.com".to_owned()),
        configuration_set: Some("keyrota".to_owned()),
        region: None,
    };
    let tags = [("kind".to_owned(), "rotated".to_owned())].into();
    let (to, text) = ("bob@example.com".to_owned(), "Olá,\n\n\"\"\"quoted\"\"\"\n  'x' \\n\r\nend ".to_owned());
    let message = Message { sender, tags, to, subject: "ñ \"x\"".to_owned(), text, html: String::new() };
    ready(sandbox.send_mail(&message)).unwrap();

    let again = parse(&sandbox.to_toml());
    assert_equal(&sandbox, &again);
    // Nothing above was left at its default by accident.
    let world = again.snapshot();
    assert_eq!(world.keys_issued, 3);
    assert_eq!(world.secrets[1].versions.iter().filter(|version| version.digest.is_some()).count(), 3);
    assert_eq!(world.secrets[1].versions.iter().filter(|version| version.labels.is_empty()).count(), 1);
    let SentMail { text, .. } = &world.mail[0];
    assert_eq!(*text, message.text);
}

#[test]
fn the_file_is_pleasant_to_read() {
    let text = "\
# My account.
#
# Two lines more.

account = \"111122223333\"
region = \"eu-west-1\"

[[users]]
name = \"bob\"
tags.email = \"bob@example.com\"
tags.\"keyrota:x\" = \"y\"

[[users.keys]]
id = \"AKIAFIRST00000000000\"
created = 2026-08-15T00:00:00Z
status = \"inactive\"

[[mail]]
sent = 2026-08-15T00:00:00Z
from = \"security@example.com\"
to = \"bob@example.com\"
subject = \"New key\"
text = \"\"\"
Hello,

a new key.
\"\"\"
";
    assert_eq!(parse(text).to_toml(), text);
}

#[test]
fn mistakes_are_told_with_their_line_and_their_cure() {
    let user = "[[users]]\nname = \"bob\"\n";
    let key = |id: &str| format!("[[users.keys]]\nid = \"{id}\"\ncreated = 2026-08-01\n");
    let (one, two, three) = (key("AKIAFIRST00000000000"), key("AKIASECOND0000000000"), key("AKIATHIRD00000000000"));
    rejects(&format!("{user}{one}{two}{three}"), 11, &["`bob` has 3 access keys", "allows two", "remove"]);
    rejects(&format!("{user}{one}{one}"), 8, &["another access key `AKIAFIRST00000000000`"]);
    rejects(&format!("{user}{one}[[users]]\nname = \"eve\"\n{one}"), 10, &["another access key"]);
    rejects(&format!("{user}[[users]]\nname = \"BOB\"\n"), 5, &["another user `BOB`", "case"]);
    rejects(&format!("{user}{}", key("AKIAshort")), 5, &["`AKIAshort`", "16 to 128 capital letters"]);
    rejects("[[users]]\nname = \"b b\"", 3, &["`b b`", "1 to 64"]);
    rejects(&format!("{user}path = \"ci/\""), 4, &["`ci/`", "starts and ends with `/`"]);
    rejects(&format!("{user}groups = [\"a\", \"a\"]"), 4, &["another group `a`"]);
    rejects(&format!("{user}groups = [\"a b\"]"), 4, &["`a b`", "group"]);
    rejects(&format!("{user}tags = {{ a = \"b;c\" }}"), 4, &["the tag `a`", "_.:/=+-@"]);
    rejects(&format!("{user}{one}last-used-service = \"s3\""), 7, &["`last-used`"]);
    rejects(&format!("{user}{one}status = \"expired\""), 7, &["unknown variant `expired`", "`active`", "`inactive`"]);
    rejects(&format!("{user}colour = \"red\""), 4, &["unknown field `colour`", "`groups`"]);
    rejects("region = \"Mars\"", 2, &["`Mars`", "eu-west-1"]);
    rejects("partition = \"moon\"", 2, &["`moon`", "aws-us-gov"]);
    rejects("users = 3", 2, &["invalid type", "sequence"]);
    rejects("now = 2026-11-23T08:00:00", 2, &["not an instant", "UTC"]);
    rejects("now = \"2026-11-23\"", 2, &["datetime"]);
    rejects("x = [", 2, &[]);
    let error = Sandbox::parse("region = \"eu-west-1\"", "box.toml").unwrap_err().to_string();
    assert!(error.contains("missing field `account`"), "{error}");
    let error = Sandbox::parse("account = \"1111\"", "box.toml").unwrap_err().to_string();
    assert!(error.starts_with("box.toml:1: ") && error.contains("12 digits"), "{error}");
}

#[test]
fn mistakes_in_secrets_are_told_too() {
    let secret = "[[secrets]]\nname = \"s\"\n";
    let version = "[[secrets.versions]]\nid = \"keyrota-1-access-key-AKIAFIRST00000000000\"\n";
    let other = "[[secrets.versions]]\nid = \"keyrota-1-access-key-AKIASECOND0000000000\"\n";
    let current = "labels = [\"AWSCURRENT\"]\n";
    rejects(&format!("{secret}{version}{current}{other}{current}"), 9, &["label `AWSCURRENT`", "one only"]);
    rejects(&format!("{secret}{version}labels = [\"A\", \"A\"]"), 6, &["label `A`"]);
    rejects(&format!("{secret}{version}labels = [\"\"]"), 6, &["staging label"]);
    rejects(&format!("{secret}{version}{version}"), 7, &["another version"]);
    rejects(&format!("{secret}[[secrets.versions]]\nid = \"short\""), 5, &["`short`", "32 to 64"]);
    rejects(&format!("{secret}{version}digest = \"ABC\""), 6, &["64 lower-case hex digits"]);
    rejects(&format!("{secret}{secret}"), 5, &["another secret `s`"]);
    rejects("[[secrets]]\nname = \"a,b\"", 3, &["`a,b`", "/_+=.@-"]);
    rejects(&format!("{secret}replicas = [\"us-east-1\"]"), 4, &["`us-east-1`", "own region"]);
    rejects(&format!("{secret}replicas = [\"Mars\"]"), 4, &["`Mars`"]);
    rejects(&format!("{secret}replicas = [\"eu-west-1\", \"eu-west-1\"]"), 4, &["another replica"]);
    rejects(&format!("{secret}primary-region = \"us-east-1\""), 4, &["`us-east-1`", "no replica"]);
    rejects(&format!("{secret}primary-region = \"Mars\""), 4, &["`Mars`"]);
    rejects(&format!("{secret}policy = \"all\""), 4, &["resource policy", "JSON object"]);
    rejects(&format!("{secret}value = \"x\""), 4, &["unknown field `value`"]);
}

#[test]
fn nothing_happens_after_now() {
    let now = "now = 2026-11-23T08:00:00Z\n";
    let key = "[[users]]\nname = \"bob\"\n[[users.keys]]\nid = \"AKIAFIRST00000000000\"\n";
    rejects(&format!("{now}{key}created = 2026-11-24"), 7, &["`2026-11-24` lies after `now`"]);
    rejects(&format!("{now}{key}created = 2026-11-23\nlast-used = 2026-11-23T08:00:01Z"), 8, &["after `now`"]);
    // Secrets Manager tells when a deletion is due.
    parse(&format!("account = \"111122223333\"\n{now}[[secrets]]\nname = \"s\"\ndeleted = 2027-01-01"));
    let mail = "from = \"a@b\"\nto = \"a@b\"\nsubject = \"\"\ntext = \"\"\n";
    rejects(&format!("{now}[[mail]]\nsent = 2027-01-01\n{mail}"), 4, &["after `now`"]);
    // Without a `now`, who knows.
    parse(&format!("account = \"111122223333\"\n{key}created = 2096-11-24"));
    parse(&format!("account = \"111122223333\"\n{now}{key}created = 2026-11-23T08:00:00Z"));
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Sandbox::load(&folder.path().join("none.toml")).unwrap_err();
    assert!(matches!(&error, SandboxError::Read { path, .. } if path.ends_with("none.toml")), "{error}");
    assert!(error.to_string().contains("none.toml"), "{error}");
}

#[test]
fn saving_replaces_the_file_and_keeps_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("box.toml");
    fs::write(&path, "# Mine.\n\n# Keep this.\naccount = \"111122223333\" # but not this\n").unwrap();
    let sandbox = Sandbox::load(&path).unwrap();
    sandbox.change(|world| world.users.push(user("bob", &["AKIAFIRST00000000000"])));
    sandbox.save(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# Mine.\n\n# Keep this.\n\naccount = "), "{text}");
    let again = Sandbox::load(&path).unwrap();
    assert_equal(&sandbox, &again);
    again.save(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(names_in(folder.path()), ["box.toml"], "nothing is left lying about");

    let fresh = folder.path().join("fresh.toml");
    sandbox.save(&fresh).unwrap();
    assert_equal(&Sandbox::load(&fresh).unwrap(), &sandbox);
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("box.toml");
    fs::write(&path, "account = \"111122223333\"\n").unwrap();
    let three = ["AKIAFIRST00000000000", "AKIASECOND0000000000", "AKIATHIRD00000000000"];
    let sandbox = Sandbox::new(account(), World { users: vec![user("bob", &three)], ..World::default() });
    let error = sandbox.save(&path).unwrap_err();
    assert!(matches!(error, SandboxError::Invalid { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "account = \"111122223333\"\n");
    assert_eq!(names_in(folder.path()), ["box.toml"]);
}

#[cfg(unix)]
#[test]
fn saving_keeps_permissions_and_follows_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("kept/box.toml"), folder.path().join("link.toml"));
    fs::create_dir(folder.path().join("kept")).unwrap();
    fs::write(&target, "account = \"111122223333\"\n").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("kept/box.toml", &link).unwrap();
    let sandbox = with(vec![user("bob", &[])], vec![]);
    sandbox.save(&link).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_equal(&Sandbox::load(&target).unwrap(), &sandbox);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names_in(folder.path()), ["kept", "link.toml"]);

    let dangling = folder.path().join("dangling.toml");
    symlink("nowhere.toml", &dangling).unwrap();
    let error = sandbox.save(&dangling).unwrap_err();
    assert!(matches!(error, SandboxError::Write { .. }), "{error}");
    assert!(dangling.symlink_metadata().unwrap().is_symlink());
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
