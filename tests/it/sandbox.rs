//! The simulated account is as strict as AWS.

mod behaviour;
mod file;
mod iam;
mod secrets;

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use keyrota::{
    cloud::sandbox::{IamUser, Sandbox, StoredSecret, World},
    inventory::{Account, CallError, ErrorKind, Key, KeyId, LastUse, SmtpUse, Status},
};

pub const NAME: &str = "/aws/iam/credentials/bob";
pub const FIRST: &str = "keyrota-1-access-key-AKIAFIRST00000000000";
pub const SECOND: &str = "keyrota-1-access-key-AKIASECOND0000000000";
pub const THIRD: &str = "keyrota-1-access-key-AKIATHIRD00000000000";

pub fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

pub fn account() -> Account {
    let (id, partition, region) = ("111122223333".to_owned(), "aws".to_owned(), "eu-west-1".to_owned());
    Account { id, name: None, partition, region, membership: None }
}

pub fn user(name: &str, keys: &[&str]) -> IamUser {
    let key = |id: &&str| Key {
        id: KeyId::new(id),
        status: Status::Active,
        created: at("2026-08-01T00:00:00Z"),
        last_use: LastUse::Never,
    };
    let keys = keys.iter().map(key).collect();
    IamUser {
        name: name.to_owned(),
        path: "/".to_owned(),
        groups: vec![],
        tags: [].into(),
        smtp: SmtpUse::NoSign,
        keys,
    }
}

pub fn secret(name: &str) -> StoredSecret {
    StoredSecret { name: name.to_owned(), ..StoredSecret::default() }
}

/// An account with these users and secrets, at 2026-11-23 08:00.
pub fn with(users: Vec<IamUser>, secrets: Vec<StoredSecret>) -> Sandbox {
    let now = Some(at("2026-11-23T08:00:00Z"));
    Sandbox::new(account(), World { now, users, secrets, ..World::default() })
}

/// The result of a call, which must be there at the first poll.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the sandbox waits for nothing")
}

/// Checks a refusal, and that it changed nothing.
#[track_caller]
pub fn refused<T>(
    sandbox: &Sandbox,
    before: &World,
    result: Result<T, CallError>,
    kind: ErrorKind,
    operation: &str,
    subject: &str,
    code: &str,
) {
    let error = result.err().expect("the call is refused");
    let told = (error.kind, error.operation, error.subject.as_str());
    assert_eq!(told, (kind, operation, subject), "{error}");
    assert_eq!(error.message.split(':').next(), Some(code), "{error}");
    assert_same(&sandbox.snapshot(), before);
}

#[track_caller]
pub fn assert_same<T: PartialEq + Debug>(left: &T, right: &T) {
    assert_eq!(left, right, "the state has changed");
}
