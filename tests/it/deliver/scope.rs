//! Who delivers nowhere: no credential is read, no place is looked at, and nothing of it is permitted.

use futures::FutureExt;
use keyrota::{
    apply::{Conditions, apply},
    capture::anonymize,
    cloud::sandbox::Sandbox,
    diff::review::{AccountPair, Accounts, review},
    export::terraform,
    inventory::Account,
    manifest::load_files,
    observe::{Depth, list, observe},
    plan::plan,
    roster::resolve,
};
use serde_json::{Value, json, to_value};

use super::{SHARED, account, day, manifest_with, rule};
use crate::faulty::Faulty;

/// All calls of a run.
fn calls(manifest: &keyrota::manifest::Manifest, age: i64) -> Vec<&'static str> {
    let sandbox = account(age, true);
    let faulty = Faulty {
        delivers: !manifest.rules[0].policy.deliver.value.is_empty(),
        ..Faulty::new(&sandbox, None, |_, _| {})
    };
    let users = async { keyrota::cloud::Reads::users(&sandbox, &|_, _| true).await.expect("users") };
    let users = users.now_or_never().expect("the sandbox never waits");
    let (roster, _) = resolve(manifest, keyrota::cloud::Reads::account(&sandbox), &users, day(0));
    let run = async {
        let listing = list(&faulty, &|_, _| true, "").await.expect("listed");
        let inventory = observe(&faulty, &roster, &listing, Depth::Everything, day(0), &|| {}).await;
        let plan = plan(&roster, &inventory, day(0));
        apply(&faulty, &roster, &inventory, &plan.changes, &Conditions::new(&|| day(0))).await
    };
    run.now_or_never().expect("the sandbox never waits");
    faulty.calls.take()
}

#[test]
fn without_places_nothing_of_it_is_called() {
    let of_delivery = ["secret_value", "parameter", "vault_key", "vault_secret", "put_parameter", "put_vault_secret"];
    for age in [10, 95] {
        let none = calls(&rule("", ""), age);
        assert!(!none.iter().any(|call| of_delivery.contains(call)), "{none:?}");
    }
    // A rotation delivers what it has in memory; only a run that did not make the key reads it.
    assert!(!calls(&rule("\"ssm:/ci\"", ""), 95).contains(&"secret_value"));
    let later = calls(&rule("\"ssm:/ci\", \"ssm:/ci/two\"", ""), 10);
    assert_eq!(later.iter().filter(|call| **call == "secret_value").count(), 1, "once for all places: {later:?}");
}

fn exported(shared: &str, rules: &str) -> Value {
    to_value(terraform(&manifest_with(shared, rules)).0).expect("JSON")["accounts"]["caller"].clone()
}

#[test]
fn export_names_exactly_what_is_delivered() {
    let two = "version = 1\n[[rotate]]\nusers = [\"plain-*\"]\n";
    let none = exported(SHARED, two);
    assert_eq!((&none["delivered"], &none["parameters"]), (&json!([]), &json!([])), "{none:#}");
    let rules = format!(
        "{two}[[rotate]]\nusers = [\"ci-*\", \"svc,x\"]\nsecret = \"/ci/{{user}}\"\ndeliver = [\"ssm:/ci/{{user}}/aws\", \"github:acme/x\"]\n"
    );
    let some = exported(SHARED, &rules);
    let arn = |rest: &str| format!("arn:{{partition}}:{rest}");
    assert_eq!(
        some["parameters"],
        json!([
            arn("ssm:{region}:{account}:parameter/ci/ci-*/aws"),
            arn("ssm:{region}:{account}:parameter/ci/svc_x/aws")
        ]),
        "{some:#}"
    );
    assert_eq!(
        some["delivered"],
        json!([
            arn("secretsmanager:{region}:{account}:secret:/ci/ci-*-??????"),
            arn("secretsmanager:{region}:{account}:secret:/ci/svc_x-??????")
        ]),
        "only those of users with places"
    );
}

/// A bug report names nobody's repositories, and its manifests are as valid as those that it is of.
#[test]
fn anonymous_manifests_deliver_to_places_of_the_same_kinds() {
    let shared = format!(
        "{SHARED}[deliver.github]\nurl = \"https://github.acme.example/api/v3\"\napp-id = 4711\nsecret = \"acme/github\"\nnames = \
         [\"ACME_{{user}}_KEY\", \"AWS_SECRET_ACCESS_KEY\"]\n"
    );
    let team = "version = 1\n[[rotate]]\nusers = [\"ci\"]\ndeliver = [\"ssm:/acme/{user}/aws\", \"ssm:acme\", \
                \"github:acme/payments:acme-prod\", \"github:acme/other\", \"github-org:acme\"]\n";
    let manifest = manifest_with(&shared, team);
    let files = [("keyrota.toml", shared.as_str()), ("team.toml", team)];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into();
    let anonymous = anonymize(&account(10, false), Some(&manifest), &files);
    let text: String = anonymous.manifests.iter().map(|(_, text)| String::from_utf8_lossy(text)).collect();
    assert!(!text.to_lowercase().contains("acme") && !text.contains("4711") && !text.contains("payments"), "{text}");
    let loaded = load_files(anonymous.manifests, day(0));
    let mistakes: Vec<String> = loaded.diagnostics.iter().map(|mistake| mistake.render(false)).collect();
    let loaded = loaded.manifest.unwrap_or_else(|| panic!("{text}\n{}", mistakes.join("\n")));
    let places: Vec<String> = loaded.rules[0].policy.deliver.value.iter().map(ToString::to_string).collect();
    assert_eq!(
        places,
        [
            "ssm:/parameter-1-{user}",
            "ssm:/parameter-2",
            "github:owner-1/repository-1:environment-1",
            "github:owner-1/repository-2",
            "github-org:owner-1"
        ]
    );
}

/// GitHub is the same for all accounts, which manifests must heed. Of names that differ only in what GitHub's can't hold it shows in the
/// accounts alone, and a review sees that as the run after it would.
#[test]
fn a_review_sees_places_that_users_of_several_accounts_share() {
    let shared = format!(
        "{SHARED}[accounts.one]\nid = \"111122223333\"\nrole = \"keyrota\"\n[accounts.two]\nid = \"444455556666\"\nrole = \"keyrota\"\n"
    );
    let with = |deliver: &str| {
        let rules = format!(
            "version = 1\n[[rotate]]\naccounts = [\"one\"]\nusers = [\"*\"]\nexcept = [\"ci-x\"]\ndeliver = [{deliver}]\n[[rotate]]\n\
             accounts = [\"two\"]\nusers = [\"ci-x\"]\ndeliver = [{deliver}]\n"
        );
        manifest_with(&shared, &rules)
    };
    let (base, head) = (with(""), with("\"github:acme/{user}\""));
    let clouds = [("111122223333", "ci+x"), ("444455556666", "ci-x")].map(|(id, user)| {
        let text = format!(
            "now = 2026-11-23T08:00:00Z\naccount = \"{id}\"\nregion = \"eu-west-1\"\n[[users]]\nname = \"{user}\"\n\
             [[users.keys]]\nid = \"AKIAOLD0000000000001\"\ncreated = 2026-01-01\n"
        );
        Sandbox::parse(&text, "sandbox.toml").unwrap_or_else(|error| panic!("{error}"))
    });
    let named = |cloud: &Sandbox, name: &str| {
        Some(Account { name: Some(name.to_owned()), ..keyrota::cloud::Reads::account(cloud).clone() })
    };
    let pairs: Vec<AccountPair<'_>> = clouds
        .iter()
        .zip(["one", "two"])
        .map(|(cloud, name)| AccountPair { cloud, before: named(cloud, name), after: named(cloud, name) })
        .collect();
    let reviewed = review(Accounts::of(&pairs), Ok(&base), &head, day(0).into(), None, &|_| {}).now_or_never();
    let reviewed = reviewed.expect("the sandbox never waits").expect("read");
    let blocked: Vec<_> =
        reviewed.plan.waiting.iter().map(|wait| (wait.account.id.as_str(), wait.wait.code())).collect();
    assert_eq!(blocked, [("111122223333", "shared-place"), ("444455556666", "shared-place")]);
    assert_eq!(reviewed.warnings.len(), 1, "{:#?}", reviewed.warnings);
    let shown = reviewed.warnings[0].render(false);
    assert!(shown.contains("`github:acme/ci-x`") && shown.contains("belongs to one account"), "{shown}");
}

/// Whoever writes the change would choose what is sent where, with the permissions of whoever reviews it.
#[test]
fn a_review_asks_no_other_github_than_the_one_before_the_change() {
    let with = |github: &str| {
        let rules = "version = 1\n[[rotate]]\nusers = [\"ci\"]\ndeliver = [\"github:acme/payments\"]\n";
        manifest_with(&format!("{SHARED}{github}"), rules)
    };
    let sandbox = account(10, true);
    let asked = |base: Result<&keyrota::manifest::Manifest, Vec<keyrota::manifest::Diagnostic>>, head: &str| {
        let faulty = Faulty { delivers: true, ..Faulty::new(&sandbox, None, |_, _| {}) };
        let own = keyrota::cloud::Reads::account(&sandbox).clone();
        let pairs = [AccountPair { cloud: &faulty, before: Some(own.clone()), after: Some(own) }];
        let reviewed = review(Accounts::of(&pairs), base, &with(head), day(0).into(), None, &|_| {}).now_or_never();
        let reviewed = reviewed.expect("the sandbox never waits").expect("read");
        let warnings: Vec<String> = reviewed.plan.warnings.iter().map(ToString::to_string).collect();
        let calls = faulty.calls.take();
        (calls.iter().any(|call| call.starts_with("vault")), warnings.join("\n"))
    };
    let table = "[deliver.github]\nurl = \"https://github.example.com/api/v3\"\napp-id = 1\ninstallation = 2\nsecret = \"keyrota/github\"\n";
    let (plain, own) = (with(""), with(table));
    for (base, head) in
        [(&plain, "".to_owned()), (&own, table.to_owned()), (&own, format!("{table}visibility = \"all\"\n"))]
    {
        let (is_asked, warnings) = asked(Ok(base), &head);
        assert!(is_asked && !warnings.contains("not asked"), "{head}: {warnings}");
    }
    let changed = [
        table.replace("github.example.com", "evil.example.com"),
        table.replace("app-id = 1", "app-id = 3"),
        table.replace("installation = 2", "installation = 3"),
        table.replace("keyrota/github", "prod/db"),
        String::new(),
    ];
    for head in &changed {
        let (is_asked, warnings) = asked(Ok(&own), head);
        assert!(!is_asked && warnings.contains("it is not asked before that is merged"), "{head}: {warnings}");
    }
    // Nor where there was none, or where nobody knows.
    assert!(!asked(Ok(&plain), table).0 && !asked(Err(Vec::new()), table).0);
    assert!(asked(Err(Vec::new()), "").0, "what the environment holds goes to GitHub alone");
}
