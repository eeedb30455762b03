//! What holds for the sandbox as a whole: its clock, its mail, and that it never waits.

use keyrota::{
    cloud::{
        Message, NewSecret, Reads, Writes,
        sandbox::{Sandbox, World},
    },
    inventory::ErrorKind,
    notice::Sender,
};
use secrecy::{ExposeSecret, SecretString};

use super::{NAME, account, at, ready, refused, secret, user, with};

fn message(to: &str) -> Message {
    Message {
        sender: Sender {
            from: "Security <security@example.com>".to_owned(),
            reply_to: Some("help@example.com".to_owned()),
            from_arn: None,
            configuration_set: None,
            region: None,
        },
        tags: [].into(),
        to: to.to_owned(),
        subject: "New key".to_owned(),
        text: "Hello".to_owned(),
        html: "<p>Hello</p>".to_owned(),
    }
}

#[test]
fn mail_is_recorded_or_refused() {
    let sandbox = with(vec![], vec![]);
    sandbox.change(|world| world.refuse_mail_to = vec!["gone@example.com".to_owned()]);
    let before = sandbox.snapshot();
    let cases = [
        ("gone@example.com", "MessageRejected"),
        ("Gone One <GONE@example.com>", "MessageRejected"),
        ("nobody", "BadRequestException"),
        ("@example.com", "BadRequestException"),
        ("a@b@example.com", "BadRequestException"),
        ("bob@example.com\r\nBcc: eve@example.com", "BadRequestException"),
    ];
    for (to, code) in cases {
        let result = ready(sandbox.send_mail(&message(to)));
        refused(&sandbox, &before, result, ErrorKind::Refused, "ses:SendEmail", to, code);
    }
    ready(sandbox.send_mail(&message("Bob <bob@example.com>"))).unwrap();
    ready(sandbox.send_mail(&message("eve@example.com"))).unwrap();
    let mail = sandbox.snapshot().mail;
    assert_eq!(
        mail.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(),
        ["Bob <bob@example.com>", "eve@example.com"]
    );
    assert_eq!(mail[0].sent, at("2026-11-23T08:00:00Z"));
    assert_eq!(mail[0].reply_to.as_deref(), Some("help@example.com"));
    assert_eq!((mail[0].subject.as_str(), mail[0].text.as_str()), ("New key", "Hello"));
}

#[test]
fn calls_that_need_the_time_say_so() {
    let sandbox = Sandbox::new(account(), World { users: vec![user("bob", &[])], ..World::default() });
    assert_eq!(sandbox.now(), None);
    let error = ready(sandbox.create_access_key("bob")).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Other);
    assert!(error.message.contains("no clock"), "{error}");
    assert!(ready(sandbox.send_mail(&message("bob@example.com"))).is_err());
    sandbox.set_now(at("2026-12-01T00:00:00Z"));
    assert_eq!(ready(sandbox.create_access_key("bob")).unwrap().created, at("2026-12-01T00:00:00Z"));
    // The file did not pin the clock, so it still does not.
    assert_eq!(sandbox.snapshot().now, None);
    assert!(!sandbox.to_toml().contains("now ="));
}

#[test]
fn a_pinned_clock_moves_along() {
    let sandbox = with(vec![], vec![]);
    assert_eq!(sandbox.now(), Some(at("2026-11-23T08:00:00Z")));
    sandbox.set_now(at("2026-12-01T00:00:00Z"));
    assert_eq!(sandbox.now(), Some(at("2026-12-01T00:00:00Z")));
    assert_eq!(sandbox.snapshot().now, sandbox.now());
}

#[test]
fn the_account_can_be_named() {
    assert_eq!(*with(vec![], vec![]).account(), account());
    let named = with(vec![], vec![]).named(Some("payments-prod".to_owned()));
    assert_eq!(named.account().name.as_deref(), Some("payments-prod"));
}

#[test]
fn clones_go_their_own_ways() {
    let one = with(vec![user("bob", &[])], vec![]);
    let two = one.clone();
    ready(one.create_access_key("bob")).unwrap();
    assert_eq!(one.inspect(|world| world.users[0].keys.len()), 1);
    assert_eq!(two.inspect(|world| world.users[0].keys.len()), 0);
}

/// The enumeration of faults makes millions of such calls: each must be ready at the first poll, without a runtime.
#[test]
fn a_life_is_the_same_ten_thousand_times_over() {
    let start = with(vec![user("bob", &["AKIAFIRST00000000000"])], vec![]);
    let live = || {
        let sandbox = start.clone();
        ready(sandbox.users(&|_, _| true)).unwrap();
        ready(sandbox.secrets()).unwrap();
        let (name, description) = (NAME.to_owned(), String::new());
        let new = NewSecret { name, description, tags: [].into(), kms_key: None, replicate_to: vec![] };
        ready(sandbox.create_secret(&new)).unwrap();
        let issued = ready(sandbox.create_access_key("bob")).unwrap();
        let version = issued.key.version_id();
        ready(sandbox.put_secret_value(NAME, &version, &SecretString::from("{}"))).unwrap();
        ready(sandbox.verify(&issued)).unwrap();
        ready(sandbox.move_label(NAME, "AWSPENDING", Some(&version), None)).unwrap();
        ready(sandbox.send_mail(&message("bob@example.com"))).unwrap();
        sandbox.snapshot()
    };
    let first = live();
    assert_eq!(first.users[0].keys.len(), 2);
    for _ in 1..10_000 {
        assert!(live() == first);
    }
}

#[test]
fn secret_access_keys_appear_nowhere() {
    let sandbox = with(vec![user("bob", &[])], vec![secret(NAME)]);
    let issued = ready(sandbox.create_access_key("bob")).unwrap();
    let value = SecretString::from(format!("{{\"SecretAccessKey\":\"{}\"}}", issued.secret.expose_secret()));
    ready(sandbox.put_secret_value(NAME, &issued.key.version_id(), &value)).unwrap();
    let other = SecretString::from(format!("other {}", issued.secret.expose_secret()));
    let error = ready(sandbox.put_secret_value(NAME, &issued.key.version_id(), &other)).unwrap_err();
    for text in [format!("{sandbox:?}"), sandbox.to_toml(), format!("{error} {error:?}")] {
        assert!(!text.contains(issued.secret.expose_secret()), "a secret access key is shown");
    }
}
