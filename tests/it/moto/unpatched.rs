//! The binary against moto as it comes from PyPI, without the launcher: what it leaves out of its answers, and AWS
//! documents as optional, is no error. LocalStack's IAM is moto.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aws_sdk_iam::types::StatusType;
use chrono::{SubsecRound, TimeDelta, Utc};

use super::{AT_ONCE, keys, ledger, manifests, shared, value};
use crate::emulator::{REGION, TestAccount, python};

/// A running `moto_server`. Ends when dropped.
struct Moto {
    process: Child,
    account: TestAccount,
}

impl Moto {
    fn start() -> Self {
        // Nobody else takes the port in the moment between: it is given out in turn.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("a free port").port();
        let process = Command::new(python("moto.txt"))
            .args(["-m", "moto.server", "--host", "127.0.0.1", "--port", &port.to_string()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "moto does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        // moto's own account, whoever asks.
        let id = "123456789012".to_owned();
        let account = TestAccount { id, url: format!("http://127.0.0.1:{port}"), region: REGION.to_owned() };
        Self { process, account }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_whole_rotation_needs_nothing_that_moto_leaves_out() {
    let moto = Moto::start();
    let account = &moto.account;
    let iam = account.iam();
    account.allow_sender("example.com").await;
    account.create_user("ci", "/", &[("email", "ci@example.com")], &[]).await;
    // Its clock is the real one, so that no key is older than this test: what makes them due is a reissue.
    let old = iam.create_access_key().user_name("ci").send().await.expect("a new key").access_key.expect("a key");
    let raw = ureq_list(account);
    assert!(raw.contains("<AccessKeyMetadata>") && !raw.contains("IsTruncated"), "moto has learnt it: {raw}");
    let reissue = Utc::now().trunc_subsecs(0) + TimeDelta::seconds(1);
    thread::sleep((reissue + TimeDelta::milliseconds(50) - Utc::now()).to_std().unwrap_or_default());
    let defaults = format!("{AT_ONCE}\nreissue-before = {}", reissue.format("%Y-%m-%dT%H:%M:%SZ"));
    let folder = manifests("", "\"ci\"");
    folder.write("manifests/keyrota.toml", &shared(&defaults));
    folder.run_in(account, &["plan"]).exits(0).shows(&["Plan: 1 to create"]);
    folder.run_in(account, &["status"]).exits(0).shows(&[old.access_key_id.as_str()]);
    let ran = folder.run_in(account, &["apply", "--yes"]).exits(0);
    ran.shows(&["Applied: 1 created, 1 promoted, 1 notified, 1 deactivated, 1 deleted"]);
    let [(new, true)] = &keys(account, "ci").await[..] else { panic!("one key that works") };
    assert_ne!(new.as_str(), old.access_key_id);
    let (labels, tags) = ledger(account, "ci").await;
    assert_eq!((labels.get("AWSCURRENT"), tags.get("keyrota:intent")), (Some(&new.version_id()), None));
    assert_eq!(value(account, "ci").await["AccessKeyId"], new.as_str());
    folder.run_in(account, &["apply", "--yes"]).exits(0).shows(&["No changes."]);
    let listed = iam.list_access_keys().user_name("ci").send().await.expect("readable").access_key_metadata;
    assert_eq!(listed[0].status, Some(StatusType::Active));
}

/// What moto answers to `ListAccessKeys`, letter by letter.
fn ureq_list(account: &TestAccount) -> String {
    let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
    let answer = agent
        .post(&account.url)
        .header(
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0",
        )
        .header("Content-Type", "application/x-www-form-urlencoded")
        .send("Action=ListAccessKeys&Version=2010-05-08&UserName=ci");
    answer.and_then(|mut answer| answer.body_mut().read_to_string()).expect("an answer")
}
