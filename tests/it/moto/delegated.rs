//! An organisation that is looked at from elsewhere than its management account: who lists it is as AWS documents it, and everything
//! else is moto.

use std::collections::BTreeSet;

use keyrota::{
    cloud::aws::sign_in,
    manifest,
    organization::Question,
    report::unread::causes,
    run::{Mode, Run},
};
use serde_json::json;

use super::{prepared, shared, user_with_key};
use crate::{
    command::{Folder, Ran},
    emulator::{Fault, TestAccount},
    support::organizations::{Member, Organizations, State},
};

/// `Workloads` with `Prod` below it: 25 accounts in there, so that there is a second page; one of them administers StackSets for the
/// organisation, and one account is in none.
struct Fixture {
    organizations: Organizations,
    management: TestAccount,
    delegated: TestAccount,
    prod: TestAccount,
    stranger: TestAccount,
}

const ORGANIZATION: &str = "\n[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n";

const RULES: &str =
    "\n[[rotate]]\nusers = [\"ci\"]\nunits = [\"Workloads/Prod\"]\naccount-tags = { stage = \"live\" }\n";

impl Fixture {
    async fn new() -> Self {
        let management = prepared().await;
        let [delegated, prod, stranger] = [(); 3].map(|()| crate::emulator::account());
        delegated.allow_sender("example.com").await;
        for account in [&management, &delegated, &prod, &stranger] {
            user_with_key(account, "ci", 95).await;
        }
        let member = |name: &str, unit: &str| Member {
            name: name.to_owned(),
            unit: unit.to_owned(),
            state: "ACTIVE",
            tags: vec![("stage", "live")],
        };
        let unit =
            |id: &str, above: Option<&str>, name: &str| (id.to_owned(), (above.map(str::to_owned), name.to_owned()));
        let mut state = State {
            management: management.id.clone(),
            delegated: BTreeSet::from([delegated.id.clone()]),
            units: [
                unit("r-ab12", None, "Root"),
                unit("ou-ab12-workload", Some("r-ab12"), "Workloads"),
                unit("ou-ab12-prodprod", Some("ou-ab12-workload"), "Prod"),
            ]
            .into(),
            accounts: [
                (management.id.clone(), member("management", "r-ab12")),
                (delegated.id.clone(), member("tools", "ou-ab12-workload")),
                (prod.id.clone(), member("shop", "ou-ab12-prodprod")),
            ]
            .into(),
            begins_empty: true,
            ..State::default()
        };
        for number in 0..24 {
            let closed = Member { state: "SUSPENDED", ..member(&format!("old-{number}"), "ou-ab12-prodprod") };
            state.accounts.insert(format!("7777000000{number:02}"), closed);
        }
        Self { organizations: Organizations::start(state), management, delegated, prod, stranger }
    }

    fn run(&self, folder: &Folder, account: &TestAccount, arguments: &[&str]) -> Ran {
        let mut command = folder.command_in(account, arguments);
        command.env("AWS_ENDPOINT_URL_ORGANIZATIONS", &self.organizations.url);
        Ran::of(command)
    }
}

fn folder(organization: &str, rules: &str) -> Folder {
    Folder::new(&[
        ("manifests/keyrota.toml", &(shared("") + organization)),
        ("manifests/team.toml", &format!("version = 1\n{rules}")),
    ])
}

#[tokio::test]
async fn a_delegated_administrator_lists_and_enters_as_the_management_account_does() {
    let fixture = Fixture::new().await;
    let Fixture { organizations, management, delegated, prod, .. } = &fixture;
    let folder = folder(ORGANIZATION, RULES);
    let plan = |account: &TestAccount| {
        let ran = fixture.run(&folder, account, &["plan", "--format", "json"]).exits(0);
        assert!(ran.stderr.contains("24 accounts are left out") && ran.stderr.contains("old-17 ("), "{}", ran.stderr);
        let mut plan = ran.json();
        plan["as-of"] = json!(null);
        plan
    };
    let from_delegated = plan(delegated);
    let changes: Vec<_> = from_delegated["changes"].as_array().expect("a list").iter().collect();
    assert_eq!(changes.iter().map(|one| &one["account"]).collect::<Vec<_>>(), [&json!(prod.id)], "{from_delegated:#}");
    assert_eq!(changes[0]["account-name"], "shop");
    assert_eq!(from_delegated["summary"]["unmanaged"], 2, "of the other two accounts");
    // Each enters what is not its own.
    let entered = |account: &TestAccount| -> BTreeSet<String> {
        account.take_requests().into_iter().filter_map(|request| request.role).collect()
    };
    let role = |account: &TestAccount| format!("arn:aws:iam::{}:role/keyrota", account.id);
    assert_eq!(entered(delegated), BTreeSet::from([role(management), role(prod)]));
    // What it calls is what `export` grants, no more, and what AWS permits a delegated administrator.
    let called = organizations.take_calls(&delegated.id);
    let granted: BTreeSet<String> =
        fixture.run(&folder, delegated, &["export", "terraform"]).exits(0).json()["organization"]["actions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|action| action.as_str().expect("text").trim_start_matches("organizations:").to_owned())
            .collect();
    assert!(called.is_subset(&granted), "{called:?} {granted:?}");
    let beside: Vec<&String> = granted.difference(&called).collect();
    assert_eq!(
        beside,
        ["DescribeOrganization"],
        "that one is for what is said when listing is refused, and for doctor"
    );

    let from_management = plan(management);
    let users = |plan: &serde_json::Value| -> Vec<(String, String)> {
        let changes = plan["changes"].as_array().expect("a list").iter();
        changes.map(|one| (one["account"].to_string(), one["user"].to_string())).collect()
    };
    assert_eq!(users(&from_management), users(&from_delegated));
    assert_eq!(entered(management), BTreeSet::from([role(delegated), role(prod)]));

    let doctor = fixture.run(&folder, delegated, &["doctor"]);
    let right = format!("as a delegated administrator; {} manages the organisation", management.id);
    doctor.shows(&["3 accounts to look at (24 suspended or closed, left out)", &right]);
    assert!(organizations.take_calls(&delegated.id).contains("DescribeOrganization"));
    fixture.run(&folder, management, &["doctor"]).shows(&["as the management account"]);
    organizations.state().denied.insert((delegated.id.clone(), "DescribeOrganization".to_owned()));
    fixture
        .run(&folder, delegated, &["doctor"])
        .shows(&["by whose right can't be told", "`organizations:DescribeOrganization`"]);

    // StackSets lay no role in the account that manages: one line, which says so, and the others go on.
    let denied = Fault::error("AssumeRole", 403, "AccessDenied", "not authorized to perform: sts:AssumeRole");
    delegated.add_fault(denied.only("role", &role(management)).forever());
    let ran = fixture.run(&folder, delegated, &["plan"]).exits(5);
    ran.shows(&["Plan: 1 to create", "! not read: account", "(management)"])
        .says(&["StackSets lay no role in the management account", "leave the account out by `except`"]);
    fixture
        .run(&self::folder(&format!("{ORGANIZATION}except = [\"management\"]\n"), RULES), delegated, &["plan"])
        .exits(0)
        .shows(&["Plan: 1 to create"]);
    delegated.calm();
}

#[tokio::test]
async fn who_may_not_list_is_told_what_to_do() {
    let fixture = Fixture::new().await;
    let Fixture { organizations, management, delegated, prod, stranger } = &fixture;
    let folder = folder(ORGANIZATION, RULES);
    let register = format!("register-delegated-administrator --account-id {}", prod.id);
    let only = format!("only the management account ({}) and delegated administrators list accounts", management.id);
    let refused = "You don't have permissions to access this resource. (AccessDeniedException)";
    let ran = fixture.run(&folder, prod, &["plan"]).exits(1);
    assert!(ran.stdout.is_empty(), "never a plan for nobody: {ran:?}");
    ran.says(&["could not be listed: organizations:ListRoots", refused, &only, &register]);
    fixture.run(&folder, prod, &["doctor"]).exits(1).shows(&["✗ organization", &only]);
    // Nobody told it who manages the organisation.
    organizations.state().denied.insert((prod.id.clone(), "DescribeOrganization".to_owned()));
    fixture
        .run(&folder, prod, &["plan"])
        .exits(1)
        .says(&["run keyrota in the management account or a delegated administrator's"]);
    fixture
        .run(&folder, stranger, &["plan"])
        .exits(1)
        .says(&["AWSOrganizationsNotInUseException", &format!("account {} is in no organisation", stranger.id)]);
    // One that is a delegated administrator lacks a policy, and nothing else.
    organizations.state().denied.insert((delegated.id.clone(), "ListTagsForResource".to_owned()));
    let ran = fixture.run(&folder, delegated, &["plan"]).exits(1);
    ran.says(&[
        "organizations:ListTagsForResource",
        "hint: allow arn:aws:sts::",
        "`organizations:ListTagsForResource`",
    ]);
    organizations.state().denied.clear();
    // Throttling passes.
    for operation in ["ListRoots", "ListAccountsForParent", "ListTagsForResource"] {
        organizations.state().throttled.insert(operation.to_owned(), 2);
    }
    fixture.run(&folder, delegated, &["plan"]).exits(0).shows(&["Plan: 1 to create"]);
    // A unit that is none.
    let folder = self::folder(ORGANIZATION, &RULES.replace("Workloads/Prod", "Workload/Prod"));
    fixture.run(&folder, delegated, &["plan"]).exits(1).says(&["KR0092", "did you mean `Workloads/Prod`?"]);
}

/// An account that throttles when it is entered, or is suspended between the list and that, is one of those that could not be read, and
/// stops no other; as many as there are of a cause are one, whatever AWS names in each message.
#[tokio::test]
async fn who_throttles_or_is_suspended_on_entering_is_one_line() {
    let caller = prepared().await;
    let ids = ["777700000101", "777700000102", "777700000103", "777700000104"];
    let other = crate::emulator::account();
    user_with_key(&other, "ci", 95).await;
    let role = |id: &str| format!("arn:aws:iam::{id}:role/keyrota");
    for (number, id) in ids.iter().enumerate() {
        let fault = match number {
            0 | 1 => Fault::error("AssumeRole", 400, "Throttling", "Rate exceeded"),
            _ => {
                let request = format!("00000000-0000-0000-0000-{number:012}");
                let message = format!("Account {id} is suspended (Service: Sts; Request ID: {request})");
                Fault::error("AssumeRole", 403, "AccessDenied", &message)
            }
        };
        caller.add_fault(fault.only("role", &role(id)).forever());
    }
    let declared = ids.iter().map(|id| format!("[accounts.of-{id}]\nid = \"{id}\"\nrole = \"keyrota\"\n"));
    let declared = declared.chain([format!("[accounts.fine]\nid = \"{}\"\nrole = \"keyrota\"\n", other.id)]);
    let text = shared("") + "\n" + &declared.collect::<String>();
    let rules = "version = 1\n[[rotate]]\nusers = [\"ci\"]\n";
    let files = [("keyrota.toml", text.as_str()), ("team.toml", rules)];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into();
    let now = chrono::Utc::now();
    let manifest = manifest::load_files(files, now).manifest.expect("valid");
    let signed_in = sign_in(&caller.settings(), None).await.unwrap_or_else(|error| panic!("{error}"));
    let accounts: Vec<_> = manifest.accounts.iter().map(|(name, account)| (name.clone(), account)).collect();
    let connected = signed_in.enter(&accounts).await.unwrap_or_else(|error| panic!("{error}"));
    let unread: Vec<_> = connected.problems.into_iter().map(|problem| problem.unread()).collect();
    let run = Run { not_entered: &unread, ..Run::new(&manifest, &connected.accounts, Mode::Plan, now) };
    let planned = run.plan(&|_| {}).await.unwrap_or_else(|nothing| panic!("{nothing:?}"));
    assert_eq!(planned.plan.changes.len(), 1, "the other is planned");
    let causes: Vec<String> = causes(&planned.plan.accounts_unread).iter().map(ToString::to_string).collect();
    let suspended =
        "could not be assumed: Account <account> is suspended (Service: Sts; Request ID: <id>) (AccessDenied): ";
    let [one, two] = &causes[..] else { panic!("{causes:#?}") };
    for (cause, says, names) in [
        (one, "Rate exceeded (Throttling): ", "of-777700000101, of-777700000102"),
        (two, suspended, "of-777700000103, of-777700000104"),
    ] {
        assert!(cause.starts_with("2 accounts: role arn:aws:iam::<account>:role/keyrota "), "{cause}");
        assert!(cause.contains(says) && cause.ends_with(names), "{cause}");
    }
}

/// Every operation that manifests can ask for is one that AWS documents as read-only for delegated administrators.
#[test]
fn no_more_is_asked_than_a_delegated_administrator_may() {
    const READ_ONLY: [&str; 6] = [
        "DescribeOrganization",
        "ListAccounts",
        "ListAccountsForParent",
        "ListOrganizationalUnitsForParent",
        "ListRoots",
        "ListTagsForResource",
    ];
    for rules in ["", RULES] {
        let files = [("keyrota.toml", shared("") + ORGANIZATION), ("team.toml", format!("version = 1\n{rules}"))];
        let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes())).into();
        let manifest = manifest::load_files(files, chrono::Utc::now()).manifest.expect("valid");
        for action in Question::of([&manifest]).expect("an organisation").actions() {
            let operation = action.strip_prefix("organizations:").expect("of Organizations");
            assert!(READ_ONLY.contains(&operation), "{operation}");
        }
    }
}
