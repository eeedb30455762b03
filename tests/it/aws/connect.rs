use keyrota::{
    cloud::{
        Reads,
        aws::{Aws, ConnectError, Connected, connect, connect_with},
    },
    inventory::Account,
    manifest::{DeclaredAccount, Source},
};

use crate::emulator::{Fault, REGION, TestAccount, account};

fn declared(id: &str, role: Option<&str>, region: Option<&str>) -> DeclaredAccount {
    DeclaredAccount {
        source: Source { file: "manifests/keyrota.toml".into(), line: 7 },
        id: id.to_owned(),
        role: role.map(str::to_owned),
        region: region.map(str::to_owned),
        external_id: None,
        membership: None,
    }
}

async fn try_connect(caller: &TestAccount, accounts: &[(&str, &DeclaredAccount)]) -> Result<Connected, ConnectError> {
    let accounts: Vec<_> = accounts.iter().map(|&(name, account)| (name.to_owned(), account)).collect();
    connect_with(&caller.settings(), &accounts).await
}

async fn problems(caller: &TestAccount, accounts: &[(&str, &DeclaredAccount)]) -> String {
    let problems = match try_connect(caller, accounts).await {
        Ok(connected) => connected.problems,
        Err(error) => error.problems,
    };
    assert!(!problems.is_empty(), "something is wrong");
    ConnectError { problems }.to_string()
}

#[tokio::test]
async fn without_declared_accounts_it_is_the_callers_own() {
    let caller = account();
    let connected = try_connect(&caller, &[]).await.expect("connected").accounts;
    let expected = Account {
        id: caller.id.clone(),
        name: None,
        partition: "aws".to_owned(),
        region: REGION.to_owned(),
        membership: None,
    };
    assert_eq!(connected.iter().map(Aws::account).collect::<Vec<_>>(), [&expected]);
}

#[tokio::test]
async fn an_account_is_reached_by_its_role_and_is_isolated() {
    let (caller, other) = (account(), account());
    caller.create_user("here", "/", &[], &[]).await;
    other.create_user("there", "/", &[], &[]).await;
    caller.take_requests();
    let (own, far) = (declared(&caller.id, None, None), declared(&other.id, Some("ops/keyrota"), Some("eu-central-1")));
    let connected = try_connect(&caller, &[("own", &own), ("far", &far)]).await.expect("connected").accounts;
    let mut users = Vec::new();
    for aws in &connected {
        users.push(aws.users(&|_, _| true).await.expect("readable").remove(0).name);
        aws.secrets().await.expect("readable");
    }
    assert_eq!(users, ["here", "there"]);
    let account = connected[1].account();
    assert_eq!((account.name.as_deref(), account.region.as_str()), (Some("far"), "eu-central-1"));
    let assumed: Vec<_> = caller.take_requests().into_iter().filter_map(|request| request.role).collect();
    assert_eq!(assumed, [format!("arn:aws:iam::{}:role/ops/keyrota", other.id)], "assumed once, for all clients");
    let actions: Vec<_> = other.take_requests().into_iter().map(|request| request.action).collect();
    assert_eq!(
        actions,
        ["CreateUser", "GetCallerIdentity", "GetAccountAuthorizationDetails", "ListSecrets"],
        "no call but those"
    );
    assert_eq!(connected[1].calls(), 2);
}

#[tokio::test]
async fn the_partition_is_that_of_the_caller() {
    let (mut caller, other) = (account(), account());
    caller.region = "cn-north-1".to_owned();
    let far = declared(&other.id, Some("keyrota"), None);
    let connected = try_connect(&caller, &[("far", &far)]).await.expect("connected").accounts;
    assert_eq!(connected[0].account().partition, "aws-cn");
    let assumed: Vec<_> = caller.take_requests().into_iter().filter_map(|request| request.role).collect();
    assert_eq!(assumed, [format!("arn:aws-cn:iam::{}:role/keyrota", other.id)]);
}

#[tokio::test]
async fn every_account_that_cannot_be_reached_is_named_with_its_remedy() {
    let (caller, good, other) = (account(), account(), account());
    let denied = declared("300000000001", Some("keyrota"), None);
    let own = declared("300000000002", None, None);
    let elsewhere = declared("300000000003", Some(&format!("arn:aws:iam::{}:role/keyrota", other.id)), None);
    let good = declared(&good.id, Some("keyrota"), None);
    let message = "User: arn:aws:iam::1:user/ci is not authorized to perform: sts:AssumeRole on resource: x";
    caller.add_fault(
        Fault::error("AssumeRole", 403, "AccessDenied", message)
            .only("role", "arn:aws:iam::300000000001:role/keyrota")
            .forever(),
    );
    let accounts = [("denied", &denied), ("own", &own), ("good", &good), ("elsewhere", &elsewhere)];
    let told = problems(&caller, &accounts).await;
    let caller = caller.id;
    let other = other.id;
    assert_eq!(
        told,
        format!(
            "account denied (manifests/keyrota.toml:7): role arn:aws:iam::300000000001:role/keyrota could not be \
             assumed: {message} (AccessDenied)\n  \
             hint: allow arn:aws:sts::{caller}:user/moto to `sts:AssumeRole` this role: in the role's trust policy, \
             and in a policy of its own\n\
             account own (manifests/keyrota.toml:7): the AWS credentials are of account {caller}, not \
             300000000002\n  \
             hint: add `role` to [accounts.own] to assume one there, or use credentials of 300000000002\n\
             account elsewhere (manifests/keyrota.toml:7): role arn:aws:iam::{other}:role/keyrota is of account \
             {other}, not 300000000003\n  \
             hint: correct `role` or `id` in [accounts.elsewhere]"
        )
    );
}

#[tokio::test]
async fn a_region_of_the_manifest_is_enough() {
    let caller = account();
    let own = declared(&caller.id, None, Some("us-west-2"));
    let connected = try_connect(&caller, &[("own", &own)]).await.expect("connected").accounts;
    assert_eq!(connected[0].account().region, "us-west-2");
}

#[tokio::test]
async fn expired_and_malformed_identities_are_problems() {
    let caller = account();
    let expired = "The security token included in the request is expired";
    caller.add_fault(Fault::error("GetCallerIdentity", 403, "ExpiredToken", expired));
    let told = problems(&caller, &[]).await;
    assert!(told.contains(expired) && told.contains("hint: the credentials have expired"), "{told}");
    caller.add_fault(Fault::replace("GetCallerIdentity", "<Account>.*</Account>", ""));
    let told = problems(&caller, &[]).await;
    assert!(told.contains("AWS's answer makes no sense: it has no Account"), "{told}");
}

/// What a process says that connects in the account's environment less `without`: it is this test again, as a child.
fn connect_in(account: &TestAccount, without: &[&str]) -> String {
    let mut command = account.command(std::env::current_exe().expect("a path"));
    for name in without {
        command.env_remove(name);
    }
    let test = "aws::connect::the_environment_says_where_and_who";
    command.args(["--exact", test, "--nocapture"]).env("KEYROTA_TEST_CHILD", "1");
    let text = String::from_utf8(command.output().expect("this test binary starts").stdout).expect("UTF-8");
    let said = text.split_once("<said>").and_then(|(_, rest)| rest.split_once("</said>"));
    said.unwrap_or_else(|| panic!("the child said nothing: {text}")).0.to_owned()
}

#[tokio::test]
async fn the_environment_says_where_and_who() {
    if std::env::var_os("KEYROTA_TEST_CHILD").is_some() {
        let said = match connect(&[]).await {
            Ok(connected) => connected.accounts[0].account().to_string(),
            Err(error) => error.to_string(),
        };
        println!("<said>{said}</said>");
        return;
    }
    let caller = account();
    assert_eq!(connect_in(&caller, &[]), caller.id);
    assert_eq!(
        connect_in(&caller, &["AWS_REGION"]),
        "no AWS region is set\n  \
         hint: set AWS_REGION, or `region` in the AWS profile or in the manifest's [accounts.NAME]"
    );
    let nobody = connect_in(&caller, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    assert!(nobody.starts_with("the AWS credentials could not be checked: no AWS credentials: "), "{nobody}");
    assert!(nobody.contains("\n  hint: sign in (`aws login`, `aws sso login`)"), "{nobody}");
    assert_eq!(nobody.lines().count(), 2, "{nobody}");
    // Nothing can listen on port 0.
    let nowhere = connect_in(&TestAccount { url: "http://127.0.0.1:0".to_owned(), ..caller }, &[]);
    assert!(nowhere.starts_with("the AWS credentials could not be checked: no connection: "), "{nowhere}");
    assert!(nowhere.contains("hint: check the network, the region and AWS_ENDPOINT_URL"), "{nowhere}");
    assert_eq!(nowhere.lines().count(), 2, "{nowhere}");
}

#[tokio::test]
async fn what_aws_throttles_is_told_from_what_it_refuses() {
    let (caller, other) = (account(), account());
    let far = declared(&other.id, Some("keyrota"), None);
    for (action, code, is_throttled) in [
        ("AssumeRole", "Throttling", true),
        ("AssumeRole", "AccessDenied", false),
        ("GetCallerIdentity", "Throttling", true),
    ] {
        caller.add_fault(Fault::error(action, 400, code, "Rate exceeded").forever());
        let Err(error) = try_connect(&caller, &[("far", &far)]).await else { panic!("{action}: {code}") };
        assert_eq!(error.is_throttled(), is_throttled, "{action} {code}: {error}");
        caller.calm();
    }
    // By the status, whatever else is said.
    for fault in [
        Fault::error("AssumeRole", 429, "TooManyRequests", "slow"),
        Fault::body("AssumeRole", 429, "<html><body>slow</body></html>"),
    ] {
        caller.add_fault(fault.clone().forever());
        let Err(error) = try_connect(&caller, &[("far", &far)]).await else { panic!("{fault:?}") };
        assert!(error.is_throttled(), "{fault:?}: {error}");
        caller.calm();
    }
}
