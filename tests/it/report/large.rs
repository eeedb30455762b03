//! As many users as an account can have.

use super::{account, report};

/// Users, each with so many keys.
fn users(count: usize, keys: usize) -> String {
    let user = |number: usize| {
        let key = |at: usize| {
            let id = format!("AKIALARGE{:011}", number * 2 + at);
            let created = if number.is_multiple_of(50) { "2026-08-01" } else { "2026-11-01" };
            format!(
                "{{ id = \"{id}\", created = {created}, last-used = 2026-11-20, last-used-service = \"s3\", last-used-region = \"eu-west-1\" }}"
            )
        };
        let keys: Vec<String> = (0..keys).map(key).collect();
        format!(
            "[[users]]\nname = \"svc-team-{number:05}\"\npath = \"/services/team/\"\nkeys = [{}]\n",
            keys.join(", ")
        )
    };
    (0..count).map(user).collect()
}

#[test]
fn a_page_of_five_thousand_users_stays_small() {
    let folder = account("[[rotate]]\nusers = [\"*\"]\n", &users(5_000, 1));
    report(&folder, &["--html-into", "r.html"]).exits(0);
    let bytes = folder.read("r.html").len();
    // Rows that say more are longer.
    assert!(bytes < 2_000_000, "{bytes} bytes");
}

#[test]
fn ten_thousand_keys_are_ten_thousand_rows() {
    let folder = account("[[rotate]]\nusers = [\"*\"]\n", &users(5_000, 2));
    report(&folder, &["--html-into", "r.html", "--json-into", "r.json", "--csv-into", "r.csv"]).exits(0);
    let report: serde_json::Value = serde_json::from_str(&folder.read("r.json")).expect("JSON");
    assert_eq!(report["keys"].as_array().map(Vec::len), Some(10_000));
    assert_eq!(folder.read("r.csv").lines().count(), 10_001);
    let page = folder.read("r.html");
    assert_eq!(page.matches("<th scope=row>svc-team-").count(), 10_000);
    // A verdict names some of its rows, and says how many more there are.
    assert!(page.contains("and 150 more, marked in the table of keys"), "200 keys are over age");
}
