//! The queries that docs/lambda.md gives to people, run against lines that the function printed. As much of CloudWatch Logs
//! Insights as they need: a command that is not known here fails.

use std::collections::BTreeMap;

use super::*;
use crate::emulator::Fault;

/// The queries of the page, in order.
fn queries() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lambda.md")).expect("readable");
    let lines = page.lines().filter_map(|line| line.strip_prefix("    "));
    let queries = lines.filter(|line| line.starts_with("fields ") || line.starts_with("filter "));
    queries.map(str::to_owned).collect()
}

/// The value of a field of a line, as Insights discovers it; `None` where it is not there.
fn value(line: &Value, field: &str) -> Option<Value> {
    let field = if field == "@timestamp" { "timestamp" } else { field };
    field.split('.').try_fold(line, |value, name| value.get(name)).filter(|value| !value.is_null()).cloned()
}

fn holds(line: &Value, condition: &str) -> bool {
    condition.split(" and ").all(|one| {
        let one = one.trim();
        if let Some(negated) = one.strip_prefix("not ") {
            return !holds(line, negated);
        }
        if let Some(field) = one.strip_prefix("ispresent(").and_then(|rest| rest.strip_suffix(')')) {
            return value(line, field).is_some();
        }
        let (field, expected) = one.split_once(" = ").unwrap_or_else(|| panic!("`{one}` is no condition known here"));
        let expected: Value = serde_json::from_str(expected).unwrap_or_else(|error| panic!("{error} in {one}"));
        value(line, field.trim()) == Some(expected)
    })
}

/// The rows of a query, each with its fields in order.
fn run(query: &str, lines: &[Value]) -> Vec<Vec<Option<Value>>> {
    let mut lines: Vec<&Value> = lines.iter().collect();
    let mut fields: Vec<String> = Vec::new();
    let mut counted = None;
    for command in query.split(" | ") {
        let (name, rest) = command.split_once(' ').unwrap_or_else(|| panic!("`{command}` is no command"));
        match name {
            "fields" => fields = rest.split(',').map(|field| field.trim().to_owned()).collect(),
            "filter" => lines.retain(|line| holds(line, rest)),
            "sort" => {
                let (field, order) = rest.split_once(' ').expect("an order");
                lines.sort_by_key(|line| value(line, field).and_then(|at| at.as_str().map(str::to_owned)));
                match order {
                    "asc" => {}
                    "desc" => lines.reverse(),
                    other => panic!("no order `{other}`"),
                }
            }
            "limit" => lines.truncate(rest.parse().expect("a number")),
            "stats" => {
                let (what, by) = rest.split_once(" by ").expect("by");
                assert_eq!(by, "bin(1d)");
                let field = what.strip_prefix("max(").and_then(|rest| rest.split_once(") as ")).expect("max(…) as …").0;
                let mut days: BTreeMap<String, i64> = BTreeMap::new();
                for line in &lines {
                    let time =
                        line["_aws"]["Timestamp"].as_i64().and_then(DateTime::from_timestamp_millis).expect("a time");
                    let most = days.entry(time.date_naive().to_string()).or_default();
                    *most = (*most).max(value(line, field).and_then(|value| value.as_i64()).expect("a number"));
                }
                counted = Some(days);
            }
            other => panic!("`{other}` is no command known here"),
        }
    }
    match counted {
        Some(days) => days.into_iter().map(|(day, most)| vec![Some(json!(day)), Some(json!(most))]).collect(),
        None => lines.iter().map(|line| fields.iter().map(|field| value(line, field)).collect()).collect(),
    }
}

#[tokio::test]
async fn the_queries_of_the_page_find_what_they_say() {
    let fixture = Fixture::new().await;
    fixture.user("ci-deployer", 95).await;
    fixture.user("ci-refused", 95).await;
    fixture.user("ci-young", 3).await;
    let refused = Fault::error("CreateAccessKey", 403, "AccessDenied", "not authorized").only("user", "ci-refused");
    fixture.account.add_fault(refused.forever());
    // As Lambda sets them for `LogFormat=JSON`.
    let function = fixture.start_with(&[("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "INFO")]);
    function.invoke(&event("enforce")).expect_err("a failed change");
    let [stdout, _] = function.stop();
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect();

    let queries = queries();
    let [done, failed, user, runs, keys] = &queries[..] else { panic!("{queries:#?}") };
    let text =
        |row: &[Option<Value>], index: usize| row[index].as_ref().and_then(|value| value.as_str().map(str::to_owned));

    let done = run(done, &lines);
    let actions: Vec<String> =
        done.iter().map(|row| format!("{} {}", text(row, 3).unwrap(), text(row, 2).unwrap())).collect();
    assert_eq!(actions.len(), 4, "{actions:?}");
    for expected in ["create ci-deployer", "promote ci-deployer", "notify ci-deployer", "create ci-refused"] {
        assert!(actions.contains(&expected.to_owned()), "{actions:?}");
    }
    assert!(done.iter().all(|row| row[0].is_some() && row[1].is_some()), "with time and account");

    let failed = run(failed, &lines);
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(text(&failed[0], 2).as_deref(), Some("ci-refused"));
    assert!(text(&failed[0], 4).is_some_and(|error| error.contains("iam:CreateAccessKey")), "{failed:#?}");

    let messages: Vec<_> = run(user, &lines).iter().map(|row| text(row, 1).unwrap()).collect();
    assert_eq!(messages, ["create done", "promote done", "notify done"], "in order");

    let runs = run(runs, &lines);
    assert_eq!(runs.len(), 1, "{runs:#?}");
    assert_eq!(text(&runs[0], 1).as_deref(), Some("enforce"));
    assert_eq!((&runs[0][2], &runs[0][5]), (&Some(json!(1)), &Some(json!(1))), "created and failed");

    let keys = run(keys, &lines);
    assert_eq!(keys.len(), 1, "one day");
    assert_eq!(keys[0][1], Some(json!(2)), "both old keys still work");
}

/// In a log of text, nothing of this would be found: Terraform asks for JSON.
#[tokio::test]
async fn text_is_printed_only_where_it_is_asked_for() {
    let fixture = Fixture::new().await;
    fixture.user("ci-young", 3).await;
    let function = fixture.start_with(&[("AWS_LAMBDA_LOG_FORMAT", "Text")]);
    function.invoke(&event("enforce")).expect("a run");
    let [stdout, _] = function.stop();
    let is_json = |line: &&str| serde_json::from_str::<Value>(line).is_ok();
    let (json, text): (Vec<&str>, Vec<&str>) = stdout.lines().partition(is_json);
    assert!(text.iter().any(|line| line.contains("run completed")), "{stdout}");
    assert!(json.iter().all(|line| line.contains("_aws")), "metrics are JSON all the same");
}
