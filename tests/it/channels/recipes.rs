//! docs/recipes.md: each pattern meets the events that a rotation really sends, and no others.

use std::collections::HashMap;

use aws_sdk_eventbridge::types::{InputTransformer, Target};

use super::*;
use crate::emulator::account;

/// A rule of the page: the heading above it, the pattern, and what its target gets instead of the event.
#[derive(Default)]
struct Recipe {
    heading: String,
    pattern: Value,
    paths: HashMap<String, String>,
    template: Option<String>,
}

/// The rules of the page. Their patterns are HCL with quoted keys.
fn recipes() -> Vec<Recipe> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recipes.md")).expect("the page");
    let (mut heading, mut recipes) = (String::new(), Vec::<Recipe>::new());
    for line in page.lines() {
        let value = |name: &str| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        };
        if let Some(text) = line.strip_prefix("## ") {
            text.clone_into(&mut heading);
        } else if let Some(pattern) = value("event_pattern") {
            let hcl = pattern.strip_prefix("jsonencode(").and_then(|rest| rest.strip_suffix(')')).expect("one line");
            let json = hcl.replace("\" = ", "\": ");
            let pattern = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{heading}: {error}: {json}"));
            recipes.push(Recipe { heading: heading.clone(), pattern, ..Recipe::default() });
        } else if let Some(paths) = value("input_paths") {
            let pairs = paths.trim_matches(['{', '}', ' ']).split(", ").filter_map(|pair| pair.split_once(" = "));
            let pairs = pairs.map(|(name, path)| (name.to_owned(), path.trim_matches('"').to_owned()));
            recipes.last_mut().expect("a rule").paths = pairs.collect();
        } else if let Some(template) = value("input_template") {
            let template: String = serde_json::from_str(&template).expect("a string");
            recipes.last_mut().expect("a rule").template = Some(template);
        }
    }
    recipes
}

#[tokio::test]
async fn each_recipe_meets_the_events_that_it_is_for() {
    let account = account();
    let recipes = recipes();
    let (mut queues, mut transformed) = (Vec::new(), Vec::new());
    for (number, Recipe { pattern, paths, template, .. }) in recipes.iter().enumerate() {
        let name = format!("recipe-{number}");
        queues.push(rule(&account, &name, pattern).await);
        if let Some(template) = template {
            let (url, arn) = queue(&account, &format!("transformed-{number}")).await;
            let transformer = InputTransformer::builder().set_input_paths_map(Some(paths.clone()));
            let transformer = transformer.input_template(template).build().expect("a template");
            let target = Target::builder().id("other").arn(arn).input_transformer(transformer).build();
            let put = account.buses().put_targets().rule(&name).targets(target.expect("a target"));
            put.send().await.expect("a target");
            transformed.push(url);
        }
    }
    due_user(&account, "ci-deployer").await;
    due_user(&account, "ci-other").await;
    let folder = manifests("", AT_ONCE, "[events]\nbus = \"default\"");
    // One of them can't be rotated, and is what a ticket is for.
    let denied = crate::emulator::Fault::error("CreateAccessKey", 403, "AccessDenied", "no");
    account.add_fault(denied.only("user", "ci-other").forever());
    folder.run_in(&account, &["apply", "--yes"]).exits(5);
    let mut met = Vec::new();
    for (Recipe { heading, .. }, queue) in recipes.iter().zip(&queues) {
        let mut kinds = kinds(&drain(&account, queue).await);
        kinds.sort();
        met.push((heading.as_str(), kinds));
    }
    let promoted = || vec![("Access Key Promoted".to_owned(), "ci-deployer".to_owned())];
    let told = |kinds: &[(&str, &str)]| {
        kinds.iter().map(|(kind, user)| ((*kind).to_owned(), (*user).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(
        met,
        [
            ("Restart an ECS service", promoted()),
            (
                "Tell a chat",
                told(&[
                    ("Access Key Change Failed", "ci-other"),
                    ("Access Key Deactivated", "ci-deployer"),
                    ("Access Key Promoted", "ci-deployer"),
                ])
            ),
            ("Open a ticket", told(&[("Access Key Change Failed", "ci-other")])),
            ("Refresh External Secrets", promoted()),
        ]
    );
    // What a chat and a ticket get of them.
    let [chat, ticket] = &transformed[..] else { panic!("two targets get other words: {transformed:?}") };
    let mut texts: Vec<String> = drain(&account, chat).await.iter().map(|body| body["text"].to_string()).collect();
    texts.sort();
    let [failed, deactivated, promoted] = &texts[..] else { panic!("{texts:?}") };
    for (text, what) in [
        (failed, "Change Failed: ci-other"),
        (deactivated, "Deactivated: ci-deployer"),
        (promoted, "Promoted: ci-deployer"),
    ] {
        assert!(text.starts_with(&format!("\"Access Key {what} (")), "{text}");
    }
    let tickets = drain(&account, ticket).await;
    assert_eq!(tickets.len(), 1, "{tickets:?}");
    assert_eq!(tickets[0]["title"], format!("keyrota: ci-other in {}", account.id));
    assert!(
        tickets[0]["description"].as_str().is_some_and(|error| error.contains("iam:CreateAccessKey")),
        "{tickets:?}"
    );
}
