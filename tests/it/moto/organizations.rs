//! Accounts that AWS Organizations has: listed, entered by their role, selected by unit and tag.

use aws_sdk_organizations::types::{CreateAccountState, Tag};
use keyrota::{
    cloud::aws::sign_in,
    manifest,
    organization::Question,
    run::{Mode, Run},
};
use serde_json::json;

use super::{prepared, shared, user_with_key};
use crate::{
    command::Folder,
    emulator::{Fault, Request, TestAccount},
};

/// An organisation: `Workloads` with `Prod` and `Dev` below it, and two accounts in each of these.
struct Organization {
    management: TestAccount,
    prod: [TestAccount; 2],
    dev: [TestAccount; 2],
    /// The ids of `Workloads` and `Dev`.
    units: [String; 2],
}

impl Organization {
    async fn new() -> Self {
        let management = prepared().await;
        let client = management.organizations();
        client.create_organization().send().await.expect("an organisation");
        let root = client.list_roots().send().await.expect("listed").roots.expect("one")[0].id.clone().expect("an id");
        let unit = async |parent: &str, name: &str| -> String {
            let answer = client.create_organizational_unit().parent_id(parent).name(name).send().await.expect("a unit");
            answer.organizational_unit.and_then(|unit| unit.id).expect("an id")
        };
        let workloads = unit(&root, "Workloads").await;
        let (prod, dev) = (unit(&workloads, "Prod").await, unit(&workloads, "Dev").await);
        let account = async |name: &str, unit: &str, stage: &str| -> TestAccount {
            let stage = Tag::builder().key("stage").value(stage).build().expect("key and value are set");
            let request = client.create_account().account_name(name).email(format!("{name}@example.com")).tags(stage);
            let status = request.send().await.expect("an account").create_account_status.expect("a status");
            assert_eq!(status.state, Some(CreateAccountState::Succeeded));
            let id = status.account_id.expect("an id");
            let moved = client.move_account().account_id(&id).source_parent_id(&root).destination_parent_id(unit);
            moved.send().await.expect("moved");
            TestAccount { id, ..management.clone() }
        };
        Self {
            prod: [account("shop", &prod, "live").await, account("pay roll", &prod, "live").await],
            dev: [account("shop-dev", &dev, "test").await, account("lab", &dev, "play").await],
            units: [workloads, dev],
            management,
        }
    }

    fn members(&self) -> impl Iterator<Item = &TestAccount> {
        self.prod.iter().chain(&self.dev)
    }
}

const ORGANIZATION: &str = "\n[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n";

fn manifests(organization: &str, rules: &str) -> Folder {
    Folder::new(&[
        ("manifests/keyrota.toml", &(shared("") + organization)),
        ("manifests/team.toml", &format!("version = 1\n{rules}")),
    ])
}

/// Of each action so many.
fn count(requests: &[Request], action: &str) -> usize {
    requests.iter().filter(|request| request.action == action).count()
}

#[tokio::test]
async fn accounts_are_found_entered_and_selected_by_unit_and_tag() {
    let organization = Organization::new().await;
    let Organization { management, prod, dev, units } = &organization;
    for account in organization.members().chain([management]) {
        user_with_key(account, "ci", 95).await;
    }
    let by_unit = "\n[[rotate]]\nusers = [\"*\"]\nunits = [\"Workloads/Prod\"]\n";
    let by_tag = "\n[[rotate]]\nusers = [\"*\"]\naccount-tags = { stage = [\"test\", \"live?\"] }\n";
    let folder = manifests(ORGANIZATION, &format!("{by_unit}{by_tag}"));
    management.take_requests();
    let plan = folder.run_in(management, &["plan", "--format", "json"]).exits(0).json();
    let changes: Vec<_> = plan["changes"].as_array().expect("a list").iter().map(|one| &one["account"]).collect();
    let mut expected = [&prod[0].id, &prod[1].id, &dev[0].id];
    expected.sort();
    let mut found: Vec<&str> = changes.iter().filter_map(|one| one.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, expected, "{plan:#}");
    let names: Vec<_> = plan["changes"].as_array().expect("a list").iter().map(|one| &one["account-name"]).collect();
    assert_eq!(names, ["pay roll", "shop", "shop-dev"].map(|name| json!(name)).each_ref(), "by name");
    assert_eq!(plan["summary"]["unmanaged"], 2, "of the management account and the lab");
    let requests = management.take_requests();
    assert_eq!(count(&requests, "AssumeRole"), 4, "not where the caller is: {requests:?}");
    assert_eq!(count(&requests, "ListTagsForResource"), 5, "a rule asks for tags");
    assert_eq!(count(&requests, "ListParents"), 0);

    // What nobody asks for is not read, and what is left out not entered.
    let within = format!("{ORGANIZATION}units = [\"{}\", \"Workloads/Prod\"]\nexcept = [\"LAB\"]\n", units[1]);
    let folder = manifests(&within, "\n[[rotate]]\nusers = [\"*\"]\n");
    let plan = folder.run_in(management, &["plan", "--format", "json"]).exits(0).json();
    assert_eq!(plan["changes"].as_array().map(Vec::len), Some(3), "{plan:#}");
    let requests = management.take_requests();
    assert_eq!(count(&requests, "AssumeRole"), 3, "{requests:?}");
    assert_eq!((count(&requests, "ListTagsForResource"), count(&requests, "ListAccountsForParent")), (0, 2));
    let folder = manifests(ORGANIZATION, "\n[[rotate]]\nusers = [\"*\"]\n");
    folder.run_in(management, &["plan", "--account", "shop*"]).exits(0).shows(&["Plan: 2 to create"]);
    let requests = management.take_requests();
    assert_eq!((count(&requests, "ListAccounts"), count(&requests, "ListRoots")), (1, 0), "no unit is named");
    assert_eq!(count(&requests, "AssumeRole"), 2);

    // An account that is declared has its name and role from there.
    let declared = format!("{ORGANIZATION}\n[accounts.shop-live]\nid = \"{}\"\nrole = \"other\"\n", prod[0].id);
    let folder =
        manifests(&declared, "\n[[rotate]]\naccounts = [\"shop-live\"]\nunits = [\"Workloads\"]\nusers = [\"*\"]\n");
    folder.run_in(management, &["plan"]).exits(0).shows(&["(shop-live)", "Plan: 1 to create"]);
    let roles: Vec<String> = management.take_requests().into_iter().filter_map(|request| request.role).collect();
    assert!(roles.contains(&format!("arn:aws:iam::{}:role/other", prod[0].id)), "{roles:?}");
    assert!(roles.contains(&format!("arn:aws:iam::{}:role/keyrota", prod[1].id)), "{roles:?}");
}

#[tokio::test]
async fn what_the_organisation_refuses_or_has_not_is_an_error_and_never_calm() {
    let organization = Organization::new().await;
    let Organization { management, prod, dev, .. } = &organization;
    for account in organization.members() {
        user_with_key(account, "ci", 95).await;
    }
    let rule = |units: &str| format!("\n[[rotate]]\nusers = [\"*\"]\nunits = [{units}]\n");

    let folder = manifests(ORGANIZATION, &rule("\"Workloads/Prud\""));
    folder.run_in(management, &["plan"]).exits(1).says(&[
        "error[KR0092]: the organisation has no unit `Workloads/Prud`",
        "manifests/team.toml:5:10",
        "did you mean `Workloads/Prod`?",
    ]);
    let folder = manifests(ORGANIZATION, &rule("\"prod\""));
    folder
        .run_in(management, &["plan"])
        .exits(1)
        .says(&["did you mean `Workloads/Prod`? A unit is named from the root down"]);

    // Two rules by two units: the usual error, which shows both.
    let both = rule("\"Workloads\"") + &rule("\"Workloads/Prod\"");
    let folder = manifests(ORGANIZATION, &both);
    let run = folder.run_in(management, &["plan"]).exits(0);
    run.says(&["KR0035", "`units` (`Workloads`)", "`units` (`Workloads/Prod`)"])
        .shows(&["Plan: 2 to create", "2 blocked"]);

    // Ten that can't be entered, and one that is suspended in between.
    let all = rule("\"Workloads\"");
    let folder = manifests(ORGANIZATION, &all);
    let denied = Fault::error("AssumeRole", 403, "AccessDenied", "not authorized to perform: sts:AssumeRole");
    for account in dev {
        let role = format!("arn:aws:iam::{}:role/keyrota", account.id);
        management.add_fault(denied.clone().only("role", &role).forever());
    }
    management.organizations().close_account().account_id(&prod[1].id).send().await.expect("closed");
    let run = folder.run_in(management, &["plan"]).exits(5);
    run.shows(&["Plan: 1 to create", "lab", "shop-dev"]).says(&[
        "error: 2 accounts: role arn:aws:iam::<account>:role/keyrota could not be assumed",
        "pay roll",
        "suspended",
    ]);
    let plan = folder.run_in(management, &["plan", "--format", "json"]).exits(5).json();
    assert_eq!(plan["accounts-unread"].as_array().map(Vec::len), Some(2), "{plan:#}");
    management.calm();

    // Who may not list does not plan for nobody.
    for (action, code, hint) in [
        ("ListRoots", "AccessDeniedException", "this is the management account, so a policy of its own is enough"),
        ("ListAccountsForParent", "AccessDeniedException", "`organizations:ListAccountsForParent`"),
        ("ListRoots", "AWSOrganizationsNotInUseException", "is in no organisation"),
    ] {
        management.add_fault(Fault::error(action, 400, code, "You don't have permissions.").forever());
        folder.run_in(management, &["plan"]).exits(1).says(&[
            "could not be listed: organizations:",
            action,
            code,
            hint,
        ]);
        management.calm();
    }
    // One that AWS throttles is asked again.
    let throttled = Fault::error("ListAccountsForParent", 400, "TooManyRequestsException", "Rate exceeded");
    management.add_fault(throttled.times(2));
    folder.run_in(management, &["plan"]).exits(0).shows(&["Plan: 3 to create"]);
    management.calm();
    // A member is none that may.
    dev[0].add_fault(Fault::error("ListRoots", 400, "AccessDeniedException", "You don't have permissions.").forever());
    let run = folder.run_in(&dev[0], &["plan"]).exits(1);
    run.says(&[&management.id, "register-delegated-administrator"]);
}

#[tokio::test]
async fn what_is_throttled_beyond_patience_or_makes_no_sense_is_no_list() {
    let organization = Organization::new().await;
    let management = &organization.management;
    let caller = sign_in(&management.settings(), None).await.unwrap_or_else(|error| panic!("{error}"));
    let question = Question { units: true, tags: true, ..Question::default() };
    let listed = caller.organization(&question).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((listed.members.len(), listed.units.len()), (5, 4), "{listed:#?}");
    let page = "<html>Welcome to this hotel's network</html>";
    let throttled =
        || Fault::error("ListOrganizationalUnitsForParent", 400, "TooManyRequestsException", "Rate exceeded");
    for (fault, says) in [
        (throttled(), "Rate exceeded"),
        (Fault::body("ListAccountsForParent", 200, page), "AWS's answer makes no sense"),
        (Fault::body("ListAccountsForParent", 200, "{\"Roots\": []}"), "AWS's answer makes no sense"),
        (Fault::body("ListAccountsForParent", 200, "{\"Accounts\": [{\"Id\": \"111122223333\"}]}"), "has no state"),
        (Fault::body("ListTagsForResource", 200, "{\"TagList\": []}"), "AWS's answer makes no sense"),
        (Fault::body("ListRoots", 200, "{\"Roots\": []}"), "it has no root"),
    ] {
        management.add_fault(fault.forever());
        let error = caller.organization(&question).await.expect_err("no list").to_string();
        assert!(error.contains(says), "{error}");
        management.calm();
    }
    // An organisation has one account at least.
    management.add_fault(Fault::body("ListAccounts", 200, "{\"Accounts\": []}").forever());
    let error = caller.organization(&Question::default()).await.expect_err("no list").to_string();
    assert!(error.contains("not even the one that manages it"), "{error}");
    management.calm();
    // Pages are followed.
    let page = |id: &str, next: &str| {
        let account = json!({ "Id": id, "Name": format!("far {id}"), "State": "PENDING_CLOSURE" });
        json!({ "Accounts": [account], "NextToken": next }).to_string()
    };
    for (id, next) in [("111122223333", "2"), ("111122224444", "")] {
        management.add_fault(Fault::body("ListAccounts", 200, &page(id, next)));
    }
    let listed = caller.organization(&Question::default()).await.unwrap_or_else(|error| panic!("{error}"));
    let found: Vec<_> = listed.members.iter().map(|one| (one.id.as_str(), one.inactive.as_deref())).collect();
    assert_eq!(found, [("111122223333", Some("PENDING_CLOSURE")), ("111122224444", Some("PENDING_CLOSURE"))]);
}

#[tokio::test]
async fn an_account_that_throttles_or_is_closed_while_it_is_read_is_one_entry() {
    let organization = Organization::new().await;
    let Organization { management, prod, dev, .. } = &organization;
    for account in organization.members() {
        user_with_key(account, "ci", 95).await;
    }
    let shared = shared("") + ORGANIZATION + "units = [\"Workloads\"]\n";
    let rules = "version = 1\n[[rotate]]\nusers = [\"*\"]\n".to_owned();
    let files = vec![("keyrota.toml".to_owned(), shared.into_bytes()), ("team.toml".to_owned(), rules.into_bytes())];
    let now = chrono::Utc::now();
    let manifest = manifest::load_files(files, now).manifest.expect("valid");
    let caller = sign_in(&management.settings(), None).await.unwrap_or_else(|error| panic!("{error}"));
    let found = caller.accounts(&manifest).await.unwrap_or_else(|error| panic!("{error}"));
    let accounts: Vec<_> = found.accounts.iter().map(|(name, account)| (name.clone(), account)).collect();
    // Between the list and the look.
    let entering = |id: &str| format!("arn:aws:iam::{id}:role/keyrota");
    let closed = Fault::error("AssumeRole", 403, "AccessDenied", "The account is suspended");
    management.add_fault(closed.only("role", &entering(&dev[1].id)).forever());
    let connected = caller.enter(&accounts).await.unwrap_or_else(|error| panic!("{error}"));
    prod[0].add_fault(Fault::error("GetAccountAuthorizationDetails", 400, "Throttling", "Rate exceeded").forever());
    let unread: Vec<_> = connected.problems.into_iter().map(|problem| problem.unread()).collect();
    let run = Run { not_entered: &unread, ..Run::new(&manifest, &connected.accounts, Mode::Enforce, now) };
    let planned = run.plan(&|_| {}).await.unwrap_or_else(|nothing| panic!("{nothing:?}"));
    let mut names: Vec<_> = planned.plan.accounts_unread.iter().map(|one| one.name.as_deref()).collect();
    names.sort_unstable();
    assert_eq!(names, [Some("lab"), Some("shop")], "{:?}", planned.plan.accounts_unread);
    let mut planned: Vec<_> = planned.plan.changes.iter().map(|one| one.account.name.as_deref()).collect();
    planned.sort_unstable();
    assert_eq!(planned, [Some("pay roll"), Some("shop-dev")]);
}
