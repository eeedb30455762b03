//! Who ships manifests writes the policies of the execution role. The boundary, which a person sets, is what they can't get
//! around: tried in an emulator that enforces policies, as the deploy role.

use std::collections::BTreeMap;

use aws_sdk_sts::types::Credentials;
use serde_json::{Value, json};

use super::{Accounts, REGION, url};
use crate::terraform;

/// What someone would write who wants everything.
const EVERYTHING: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

/// The home account with the roles of a stack, as Terraform makes them; and an administrator.
struct Stack {
    accounts: Accounts,
    boundary: String,
    /// A policy with which users read their secrets.
    reader: String,
}

impl Stack {
    /// `more` is what someone granted to the deploy role besides.
    async fn new(more: &[&str]) -> Self {
        let accounts = Accounts::new().await;
        let home = &accounts.home;
        let iam = accounts.iam(home);
        for (user, path) in [("admin", "/"), ("ci-deploy", "/ci/")] {
            iam.create_user().user_name(user).path(path).send().await.expect("a user");
        }
        let arn = |kind: &str, name: &str| format!("arn:aws:iam::{home}:{kind}/{name}");
        let boundary = document(&terraform::statements_of(
            "boundary/boundary",
            &BTreeMap::from([
                ("users", json!([arn("user", "ci/*")])),
                ("secrets", json!([format!("arn:aws:secretsmanager:*:{home}:secret:/aws/iam/credentials/*-??????")])),
                ("roles", json!([format!("arn:aws:iam::{}:role/keyrota", accounts.member)])),
                ("logs", json!([format!("arn:aws:logs:{REGION}:{home}:log-group:/aws/lambda/keyrota:*")])),
                ("queues", json!([format!("arn:aws:sqs:{REGION}:{home}:keyrota-failed")])),
                ("parameters", json!([])),
                ("readable", json!([])),
                ("evidence", json!([])),
                ("parts", json!([])),
                ("shared", json!([])),
                ("found", json!([])),
                ("event_buses", json!([])),
                ("topics", json!([])),
                ("webhooks", json!([format!("arn:aws:secretsmanager:*:{home}:secret:keyrota/*-??????")])),
                ("via", json!(["secretsmanager.*.amazonaws.com", "sqs.*.amazonaws.com"])),
            ]),
        ));
        let made = iam.create_policy().policy_name("keyrota-boundary").policy_document(boundary).send().await;
        let boundary = made.expect("a policy").policy.expect("a policy").arn.expect("an ARN");

        let deploy = terraform::statements_of(
            "deploy/statements",
            &BTreeMap::from([
                ("execution_role", json!([arn("role", "keyrota")])),
                ("passed_roles", json!([arn("role", "keyrota"), arn("role", "keyrota-schedule")])),
                ("boundary", json!(boundary)),
                ("reader_policies", json!([arn("policy", "keyrota-reader-*")])),
                ("read_roles", json!([arn("role", "keyrota"), arn("role", "keyrota-*")])),
                ("read_policies", json!([arn("policy", "keyrota-*")])),
                ("kms_keys", json!([format!("arn:aws:kms:*:{home}:key/*")])),
            ]),
        );
        for role in ["keyrota", "keyrota-deploy", "other"] {
            let create = iam.create_role().role_name(role).assume_role_policy_document(trust(home));
            let bounded = (role == "keyrota").then(|| boundary.clone());
            create.set_permissions_boundary(bounded).send().await.expect("a role");
        }
        let mut statements = deploy;
        if !more.is_empty() {
            statements.push(json!({ "Effect": "Allow", "Action": more, "Resource": "*" }));
        }
        let put = iam.put_role_policy().role_name("keyrota-deploy").policy_name("deploy");
        put.policy_document(document(&statements)).send().await.expect("a policy");
        let reader = iam.create_policy().policy_name("keyrota-reader-aws").policy_document(document(&[json!({
            "Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"
        })]));
        let reader = reader.send().await.expect("a policy").policy.expect("a policy").arn.expect("an ARN");
        Self { accounts, boundary, reader }
    }

    async fn assume(&self, role: &str) -> Credentials {
        let home = &self.accounts.home;
        self.accounts.assume(home, &format!("arn:aws:iam::{home}:role/{role}")).await
    }

    /// IAM as a role of the home account.
    async fn iam_as(&self, role: &str) -> aws_sdk_iam::Client {
        let as_role = self.assume(role).await;
        let token = Some(as_role.session_token().to_owned());
        aws_sdk_iam::Client::from_conf(client!(
            aws_sdk_iam,
            as_role.access_key_id(),
            as_role.secret_access_key(),
            token
        ))
    }

    /// Tries everything that would make the execution role, or another, more than the boundary allows. Returns what
    /// was possible.
    async fn attack(&self) -> Vec<&'static str> {
        let deploy = self.iam_as("keyrota-deploy").await;
        let other = deploy.create_role().assume_role_policy_document(trust(&self.accounts.home));
        let version = deploy.create_policy_version().policy_arn(&self.boundary).policy_document(EVERYTHING);
        let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
        let take_off = deploy.delete_role_permissions_boundary().role_name("keyrota");
        let replace = deploy.put_role_permissions_boundary().role_name("keyrota").permissions_boundary(administrator);
        let put = |role: &str| {
            deploy.put_role_policy().role_name(role).policy_name("more").policy_document(EVERYTHING).send()
        };
        let make = |name: &str| deploy.create_policy().policy_name(name).policy_document(EVERYTHING).send();
        let made = format!("arn:aws:iam::{}:policy/keyrota-reader-new", self.accounts.home);
        assert!(make("keyrota-reader-new").await.is_ok(), "it makes policies for new templates, which are nobody's");
        let put_user = deploy.put_user_policy().user_name("ci-deploy").policy_name("more").policy_document(EVERYTHING);
        let attempts = [
            ("take the boundary off", take_off.send().await.is_ok()),
            ("replace the boundary", replace.send().await.is_ok()),
            ("widen the boundary", version.set_as_default(true).send().await.is_ok()),
            ("make a role without a boundary", other.clone().role_name("unbounded").send().await.is_ok()),
            (
                "make a role with another boundary",
                other.role_name("elsewhere").permissions_boundary(administrator).send().await.is_ok(),
            ),
            ("write a policy of a role without a boundary", put("other").await.is_ok()),
            ("write its own policy", put("keyrota-deploy").await.is_ok()),
            (
                "attach a policy to a role without a boundary",
                deploy.attach_role_policy().role_name("other").policy_arn(administrator).send().await.is_ok(),
            ),
            ("make a key for the administrator", self.can_make_key(&deploy, "admin").await),
            (
                "rewrite the policy that users have",
                deploy
                    .create_policy_version()
                    .policy_arn(&self.reader)
                    .policy_document(EVERYTHING)
                    .set_as_default(true)
                    .send()
                    .await
                    .is_ok(),
            ),
            (
                "give a policy that it made to a user",
                deploy.attach_user_policy().user_name("ci-deploy").policy_arn(&made).send().await.is_ok(),
            ),
            (
                "give a policy that it made to a role",
                deploy.attach_role_policy().role_name("other").policy_arn(&made).send().await.is_ok(),
            ),
            ("give a user more", put_user.send().await.is_ok()),
        ];
        attempts.into_iter().filter(|(_, possible)| *possible).map(|(attempt, _)| attempt).collect()
    }

    async fn can_make_key(&self, iam: &aws_sdk_iam::Client, user: &str) -> bool {
        iam.create_access_key().user_name(user).send().await.is_ok()
    }

    /// Checks that a role with policies for everything has the boundary's users and nothing else.
    async fn assert_bounded(&self, role: &str) {
        let iam = self.iam_as(role).await;
        assert!(!self.can_make_key(&iam, "admin").await, "{role} made a key for the administrator");
        assert!(self.can_make_key(&iam, "ci-deploy").await, "{role} can't do its work");
        let policy = iam.put_user_policy().user_name("ci-deploy").policy_name("more").policy_document(EVERYTHING);
        assert!(policy.send().await.is_err(), "{role} wrote a user's policy");
        let as_role = self.assume(role).await;
        let (key, secret) = (as_role.access_key_id(), as_role.secret_access_key());
        let token = || Some(as_role.session_token().to_owned());
        let sts = aws_sdk_sts::Client::from_conf(client!(aws_sdk_sts, key, secret, token()));
        let next = format!("arn:aws:iam::{}:role/other", self.accounts.home);
        let assumed = sts.assume_role().role_arn(next).role_session_name("test").send().await;
        assert!(assumed.is_err(), "{role} became another role");
        let secrets = aws_sdk_secretsmanager::Client::from_conf(client!(aws_sdk_secretsmanager, key, secret, token()));
        let root = self.accounts.secrets(&self.accounts.home);
        for (name, is_within) in [("/aws/iam/credentials/ci-deploy", true), ("production/database", false)] {
            // It may be there from the role before.
            let _ = root.create_secret().name(name).secret_string("{}").send().await;
            let put = secrets.put_secret_value().secret_id(name).secret_string("{}").send().await;
            assert_eq!(put.is_ok(), is_within, "{role} writes {name}: {put:?}");
            assert!(secrets.get_secret_value().secret_id(name).send().await.is_err(), "{role} read {name}");
        }
    }
}

fn document(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

fn trust(account: &str) -> String {
    let principal = json!({ "AWS": format!("arn:aws:iam::{account}:root") });
    document(&[json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal })])
}

#[tokio::test]
async fn what_the_deploy_role_writes_stays_within_the_boundary() {
    let stack = Stack::new(&[]).await;
    assert_eq!(stack.attack().await, [""; 0]);
    let deploy = stack.iam_as("keyrota-deploy").await;
    let put = deploy.put_role_policy().role_name("keyrota").policy_name("rotation").policy_document(EVERYTHING);
    put.send().await.expect("it writes the policies of the execution role");
    stack.assert_bounded("keyrota").await;
}

/// The denials hold against what someone grants to the deploy role for convenience.
#[tokio::test]
async fn roles_that_the_deploy_role_makes_have_the_boundary() {
    let more = ["iam:*Role*", "iam:*Policy*", "iam:*AccessKey*"];
    let stack = Stack::new(&more).await;
    assert_eq!(stack.attack().await, [""; 0]);
    let deploy = stack.iam_as("keyrota-deploy").await;
    let make = deploy.create_role().role_name("made").assume_role_policy_document(trust(&stack.accounts.home));
    make.permissions_boundary(&stack.boundary).send().await.expect("a role within the boundary");
    for role in ["keyrota", "made"] {
        let put = deploy.put_role_policy().role_name(role).policy_name("all").policy_document(EVERYTHING);
        put.send().await.expect("a policy within the boundary");
    }
    stack.assert_bounded("made").await;
}

/// The test above is worth something: without the denials, all of it is possible.
#[tokio::test]
async fn without_the_denials_the_boundary_would_not_hold() {
    let stack = Stack::new(&["iam:*Role*", "iam:*Policy*", "iam:*AccessKey*"]).await;
    let iam = stack.accounts.iam(&stack.accounts.home);
    let all = json!({ "Effect": "Allow", "Action": "iam:*", "Resource": "*" });
    let put = iam.put_role_policy().role_name("keyrota-deploy").policy_name("deploy");
    put.policy_document(document(&[all])).send().await.expect("a policy");
    assert_eq!(stack.attack().await.len(), 13);
}
