//! Who is rotated, and by which rule.

use std::collections::{BTreeMap, BTreeSet};

use super::{aged_key, keys, ledger, manifests, prepared, user_with_key, value};

const RULES: &str = r#"version = 1

[[rotate]]
users = ["exact"]

[[rotate]]
users = ["glob-*"]
except = ["glob-not"]

[[rotate]]
tags = { team = "payments" }

[[rotate]]
groups = ["deployers"]

[[rotate]]
path = "/apps/*"

[[rotate]]
users = ["exempted"]

[[exempt]]
user = "exempted"
reason = "SEC-412"
"#;

#[tokio::test]
async fn every_kind_of_rule_selects_its_user() {
    let account = prepared().await;
    let plain: [(&str, &str); 0] = [];
    for (name, path, tags, groups) in [
        ("exact", "/apps/web/", &plain[..], &["deployers"][..]),
        ("glob-1", "/", &plain, &[]),
        ("glob-not", "/", &plain, &[]),
        ("tagged", "/", &[("team", "payments")], &[]),
        ("tagged-otherwise", "/", &[("team", "platform")], &[]),
        ("grouped", "/", &plain, &["deployers", "others"]),
        ("pathed", "/apps/web/", &plain, &[]),
        ("pathed-otherwise", "/application/", &plain, &["others"]),
        ("exempted", "/", &plain, &[]),
    ] {
        account.create_user(name, path, tags, groups).await;
        aged_key(&account, name, 95).await;
    }
    let folder = manifests("", "\"unused\"");
    folder.write("manifests/team.toml", RULES);
    let plan = folder.run_in(&account, &["plan", "--format", "json"]).exits(0).json();
    let line_of =
        |text: &str| 1 + RULES[..RULES.find(text).expect("it is in the rules")].matches('\n').count() as u64 - 1;
    let found: BTreeMap<_, _> = plan["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|change| (change["user"].as_str().expect("a text"), change["source"]["line"].as_u64().expect("a line")))
        .collect();
    let expected = [
        ("exact", "users = [\"exact\"]"),
        ("glob-1", "users = [\"glob-*\"]"),
        ("tagged", "tags = "),
        ("grouped", "groups = "),
        ("pathed", "path = "),
    ];
    assert_eq!(found, expected.map(|(user, text)| (user, line_of(text))).into());
    let waiting = &plan["waiting"];
    assert_eq!((&waiting[0]["user"], &waiting[0]["reason"]), (&"exempted".into(), &"exempt".into()));
    assert_eq!((waiting.as_array().map(Vec::len), plan["summary"]["unmanaged"].as_u64()), (Some(1), Some(3)));
}

#[tokio::test]
async fn look_alikes_and_commas_do_not_share_a_secret() {
    let account = prepared().await;
    let users = ["bob", "bobby", "bob,by"];
    for user in users {
        user_with_key(&account, user, 95).await;
    }
    // Every list comes in pages of one.
    for action in ["GetAccountAuthorizationDetails", "ListSecrets", "ListAccessKeys"] {
        account.set_page_size(action, 1);
    }
    let folder = manifests("", "\"bob\", \"bobby\", \"bob,by\"");
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["Applied: 3 created, 3 promoted, 3 notified."]);
    let mut arns = BTreeSet::new();
    for user in users {
        let new = &keys(&account, user).await[1].0;
        assert_eq!(value(&account, user).await["AccessKeyId"], new.as_str(), "{user} has its own key");
        let (labels, tags) = ledger(&account, user).await;
        assert_eq!(labels, [("AWSCURRENT".to_owned(), new.version_id())].into());
        assert_eq!(tags["Owner"], user.replace(',', "_"));
        arns.insert(tags["keyrota:user"].clone());
    }
    assert_eq!(arns.len(), 3);
    let mut told: Vec<_> = account.sent_mail().into_iter().flat_map(|mail| mail.to).collect();
    told.sort_unstable();
    assert_eq!(told, ["bob.by@example.com", "bob@example.com", "bobby@example.com"]);
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["No changes. 3 held."]);
}
