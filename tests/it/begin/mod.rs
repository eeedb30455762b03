//! The first ten minutes: `init`, `capture`, `doctor` and `package`, from outside.

mod capture;
mod credentials;
mod doctor;
mod every_case;
mod init;
mod login;
mod package;
mod scaffold;

use chrono::{DateTime, TimeDelta, Utc};

use crate::emulator::TestAccount;

/// A user of the mixed account.
struct Mixed {
    name: String,
    path: &'static str,
    tags: Vec<(String, String)>,
    /// The days of its keys, and whether each is active and was used.
    keys: Vec<(i64, bool, bool)>,
}

/// Forty users as an account has them after years: ages of 1 to 1,700 days, two keys, inactive ones, some never used, without
/// tags, for SES's SMTP, with paths, with every legal character in their names, and with twenty tags.
fn mixed() -> Vec<Mixed> {
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let of = |name: &str| Mixed { name: name.to_owned(), path: "/", tags: Vec::new(), keys: vec![(400, true, true)] };
    let mut users = Vec::new();
    for (team, size) in [("payments", 9), ("platform", 7), ("Data & ML", 0), ("data/ml", 5)] {
        for number in 0..size {
            let days = [1, 30, 60, 89, 90, 120, 400, 1_000, 1_700][number % 9];
            let name = format!("ci-{}-{number}", team.replace('/', "-"));
            let tags = vec![tag("team", team), tag("email", &format!("{}@example.com", team.replace('/', ".")))];
            users.push(Mixed { tags, keys: vec![(days, true, number % 3 > 0)], ..of(&name) });
        }
    }
    users.push(Mixed {
        keys: vec![(300, true, true), (20, true, true)],
        tags: vec![tag("team", "payments")],
        ..of("two-keys")
    });
    users.push(Mixed {
        keys: vec![(300, true, true), (800, false, false)],
        tags: vec![tag("Team", "payments")],
        ..of("one-inactive")
    });
    users.push(Mixed { keys: vec![(700, false, false)], tags: vec![tag("team", "payments")], ..of("inactive-only") });
    users.push(Mixed { keys: Vec::new(), tags: vec![tag("team", "platform")], ..of("console-only") });
    users.push(Mixed { keys: vec![(500, true, false)], ..of("never-used") });
    users.push(of("ses-smtp-user.20231012-101010"));
    users.push(Mixed { path: "/robots/", ..of("r2d2") });
    users.push(Mixed { path: "/robots/cleaning/", ..of("wall-e") });
    users.push(of("a+b=c,d.e@f_g-h"));
    users.push(of("a+b=c_d.e@f_g-h"));
    users.push(of("person@example.com"));
    users.push(Mixed { tags: vec![tag("team", "Zürich 1/2: a=b+c@d_e.f-g")], ..of("odd-team") });
    users.push(Mixed { tags: vec![tag("team", "")], ..of("empty-team") });
    let twenty = (0..19).map(|number| tag(&format!("key{number:02}"), "x")).chain([tag("team", "platform")]).collect();
    users.push(Mixed { tags: twenty, ..of("twenty-tags") });
    for number in 0..5 {
        users.push(Mixed { keys: vec![(91 + number * 7, true, true)], ..of(&format!("plain{number}")) });
    }
    assert_eq!(users.len(), 40);
    users
}

/// The names of those with an active key.
fn with_active_key(users: &[Mixed]) -> Vec<&str> {
    let is_active = |user: &&Mixed| user.keys.iter().any(|(_, is_active, _)| *is_active);
    let mut names: Vec<&str> = users.iter().filter(is_active).map(|user| user.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// The account as a sandbox.
fn as_sandbox(users: &[Mixed], now: DateTime<Utc>) -> String {
    let time = |days: i64| (now - TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ");
    let mut text = format!("now = {}\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n", time(0));
    let mut number = 0;
    for Mixed { name, path, tags, keys } in users {
        text += &format!("[[users]]\nname = \"{name}\"\npath = \"{path}\"\n");
        let tags: Vec<String> = tags.iter().map(|(key, value)| format!("\"{key}\" = \"{value}\"")).collect();
        text += &format!("tags = {{ {} }}\n", tags.join(", "));
        for (days, is_active, is_used) in keys {
            number += 1;
            text += &format!("[[users.keys]]\nid = \"AKIA{number:016}\"\ncreated = {}\n", time(*days));
            text += if *is_active { "" } else { "status = \"inactive\"\n" };
            text += &if *is_used { format!("last-used = {}\n", time(0)) } else { String::new() };
        }
    }
    text
}

/// The same account in the emulator.
async fn in_emulator(users: &[Mixed], now: DateTime<Utc>) -> TestAccount {
    let account = crate::emulator::account();
    for Mixed { name, path, tags, keys } in users {
        let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        account.create_user(name, path, &tags, &[]).await;
        for (days, is_active, is_used) in keys {
            let (key, _) = account.create_key(name, now - TimeDelta::days(*days)).await;
            if !is_active {
                let inactive = aws_sdk_iam::types::StatusType::Inactive;
                let request =
                    account.iam().update_access_key().user_name(name).access_key_id(key.as_str()).status(inactive);
                request.send().await.expect("an inactive key");
            }
            if *is_used {
                account.set_last_use(&key, now - TimeDelta::hours(1), "s3");
            }
        }
    }
    account.set_clock(now);
    account
}
