//! Manifests: every mistake has a golden case, and odd input gets an answer.

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use keyrota::manifest::{self, Code, Loaded, Severity};

use crate::{
    golden::{self, Case},
    roster::resolve_case,
};

/// The instant of all cases, a Monday.
pub fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

pub fn load_text(text: &str) -> Loaded {
    manifest::load_files(vec![("manifests/keyrota.toml".to_owned(), text.as_bytes().to_vec())], now())
}

/// Writes the sections `manifests/…` to a folder and hands it over. `<byte E9>` in a manifest stands for that byte.
pub fn with_folder<T>(case: &Case, run: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in case.sections.iter().filter(|(name, _)| name.starts_with("manifests/")) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let bytes = match text.split_once("<byte E9>") {
            Some((before, after)) => [before.as_bytes(), b"\xE9", after.as_bytes()].concat(),
            None => text.clone().into_bytes(),
        };
        fs::write(path, bytes).expect("a file");
    }
    run(&folder.path().join("manifests"))
}

/// What `keyrota check` would show, and, if the case has users, what resolving shows.
fn show(case: &Case) -> String {
    with_folder(case, |folder| {
        let loaded = manifest::load(folder, now());
        assert_eq!(loaded.manifest.is_none(), loaded.diagnostics.iter().any(|diagnostic| diagnostic.stops_a_run()));
        let mut diagnostics = loaded.diagnostics;
        if case.section("users").is_some() {
            let manifest = loaded.manifest.expect("a case with users has a valid manifest");
            diagnostics.extend(resolve_case(case, &manifest).1);
        }
        assert!(!diagnostics.is_empty(), "{} has no mistake", case.path.display());
        let rendered: Vec<String> = diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect();
        rendered.join("\n\n").replace(&folder.display().to_string(), "manifests")
    })
}

#[test]
fn each_mistake_is_explained_and_each_code_has_a_case() {
    golden::check_all("manifest", show);
    let cases: String = golden::cases("manifest").iter().filter_map(|case| case.section("expect")).collect();
    let missing: Vec<&str> =
        Code::ALL.iter().map(|code| code.as_str()).filter(|code| !cases.contains(&format!("[{code}]"))).collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}

#[test]
fn codes_are_unique_and_well_formed() {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert!(codes.is_sorted_by(|one, next| one < next), "in order, and none twice: {codes:?}");
    for code in codes {
        let digits = code.strip_prefix("KR").unwrap_or_default();
        assert!(digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    }
}

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/keyrota.schema.json");
    let current = format!("{:#}\n", manifest::json_schema());
    if golden::is_blessing() {
        fs::write(&path, &current).expect("the schema is written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "{} is stale: BLESS=1 cargo test rewrites it", path.display());
}

#[test]
fn the_example_manifests_are_clean_for_years() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    for year in [2026, 2027, 2028, 2029, 2030] {
        let now = format!("{year}-12-31T23:59:59Z").parse().expect("a time");
        let loaded = manifest::load(&folder, now);
        let rendered: Vec<String> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect();
        assert!(rendered.is_empty(), "{}", rendered.join("\n\n"));
        let manifest = loaded.manifest.expect("valid manifests");
        assert!(manifest.rules.len() >= 3 && !manifest.exemptions.is_empty() && manifest.mail.from.is_some());
    }
}

#[test]
fn a_diagnostic_tells_its_place() {
    let loaded = load_text("version = 1\n\n[defaults]\n  # ñandú\n  language = \"de\"\n");
    let [diagnostic] = loaded.diagnostics.as_slice() else { panic!("{:?}", loaded.diagnostics) };
    assert_eq!(diagnostic.code, Code::Language);
    assert_eq!((diagnostic.file(), diagnostic.line(), diagnostic.column()), ("manifests/keyrota.toml", 5, 14));
    assert!(diagnostic.render(true).contains('\u{1b}') && !diagnostic.render(false).contains('\u{1b}'));
}

#[test]
fn an_ended_exemption_fails_the_check_but_not_the_run() {
    let exempt = "version = 1\n[[exempt]]\nuser = \"a\"\nreason = \"r\"\nuntil = ";
    for (until, code) in [
        ("2026-11-22", Some(Code::ExemptionEnded)),
        ("2026-11-23", Some(Code::ExemptionEnding)),
        ("2026-12-06", Some(Code::ExemptionEnding)),
        ("2026-12-07", None),
    ] {
        let loaded = load_text(&format!("{exempt}{until}\n"));
        assert_eq!(loaded.diagnostics.first().map(|diagnostic| diagnostic.code), code, "{until}");
        assert_eq!(loaded.has_errors(), code == Some(Code::ExemptionEnded), "{until}");
        assert_eq!(loaded.manifest.expect("it may run").exemptions.len(), 1, "{until}");
    }
}

#[test]
fn values_know_their_place() {
    let files = vec![
        (
            "m/a.toml".to_owned(),
            b"version = 1\n\n[[rotate]]\nusers = [\"x\"]\nmax-age = \"2w\"\nnotify = []\n".to_vec(),
        ),
        (
            "m/keyrota.toml".to_owned(),
            b"\xEF\xBB\xBFversion = 1\r\n[defaults]\r\nhold = \"36h\"\r\nmax-age = \"60d\"\r\n".to_vec(),
        ),
    ];
    let loaded = manifest::load_files(files, now());
    // BOM and CRLF are no mistakes; the only thing to say is that two weeks can't be kept with monthly runs.
    let codes: Vec<Code> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::LateRotation]);
    let manifest = loaded.manifest.expect("valid manifests");
    let rule = &manifest.rules[0];
    let place = |source: &Option<manifest::Source>| source.as_ref().map(ToString::to_string);
    assert_eq!(rule.source.to_string(), "m/a.toml:3");
    assert_eq!(place(&rule.policy.max_age.source).as_deref(), Some("m/a.toml:5"));
    assert_eq!(rule.policy.max_age.value.num_days(), 14);
    assert_eq!(place(&rule.policy.hold.source).as_deref(), Some("m/keyrota.toml:3"));
    assert_eq!(rule.policy.hold.value.num_hours(), 36);
    assert_eq!(place(&rule.policy.overlap.source), None);
    assert_eq!(rule.policy.overlap.value.num_days(), 7);
    assert!(rule.policy.notify.value.is_empty());
}

#[test]
fn many_rules_load_in_linear_time() {
    let many = |count: usize| {
        let rules =
            (0..count).map(|n| format!("[[rotate]]\nusers = [\"user-{n}\", \"ci-{n}-*\"]\nmax-age = \"60d\"\n"));
        format!("version = 1\n[defaults]\nnotify = []\n{}", rules.collect::<String>())
    };
    let loaded = load_text(&many(5_000));
    assert!(loaded.diagnostics.is_empty());
    assert_eq!(loaded.manifest.expect("valid").rules.len(), 5_000);
    // All of them wrong: each is told, and none costs a look at all the others.
    let wrong = many(5_000).replace("user-", "the same").replace("60d", "60");
    let loaded = load_text(&wrong);
    assert_eq!(loaded.diagnostics.len(), 10_000);
    assert!(loaded.diagnostics.iter().all(|diagnostic| diagnostic.render(false).len() < 1_000));
}

#[test]
fn many_templates_of_secrets_are_compared_quickly() {
    for secret in ["team-{n}/{user}", "{user}-{n}", "{user}/{n}", "s/{n}-{user}-{n}x"] {
        let rules = (0..2_000).map(|n| {
            let secret = secret.replace("{n}", &format!("{n:04}"));
            format!("[[rotate]]\nusers = [\"u{n}-*\"]\nsecret = \"{secret}\"\n")
        });
        let began = std::time::Instant::now();
        let loaded = load_text(&format!("version = 1\n[defaults]\nnotify = []\n{}", rules.collect::<String>()));
        assert!(loaded.diagnostics.is_empty(), "{secret}");
        // Far more than it takes, even on a busy machine.
        assert!(began.elapsed().as_secs() < 60, "{secret}: {:?}", began.elapsed());
    }
}

#[test]
fn the_same_name_in_many_rules_is_told_once_each() {
    let rule = "[[rotate]]\nusers = [\"same\"]\n";
    let loaded = load_text(&format!("version = 1\n[defaults]\nnotify = []\n{}", rule.repeat(5_000)));
    assert_eq!(loaded.diagnostics.len(), 4_999);
}

#[test]
fn odd_input_gets_an_answer() {
    let deep = 100_000;
    for text in [
        String::new(),
        "\n\n\n".to_owned(),
        "\u{feff}".to_owned(),
        "\u{0}".to_owned(),
        "\r".to_owned(),
        "[".repeat(deep),
        "[[".repeat(deep),
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}", "{a=".repeat(deep)),
        format!("{}b = 1", "a.".repeat(deep)),
        format!("[{}b]", "a.".repeat(deep)),
        format!("version = 1\n{}", "x = \n".repeat(1_000)),
        format!("version = {}", "9".repeat(deep)),
        format!("version = 1\n[limits]\nmax-actions = {}", "9".repeat(deep)),
        format!("version = 1\n[limits]\nmax-actions = {}", i128::MAX),
        format!("version = 1\n[defaults]\nmax-age = \"{}d\"", "9".repeat(deep)),
        format!("version = 1\n[defaults]\nmax-age = \"{}\"", "é".repeat(deep)),
        format!("version = 1\n[defaults]\nsecret = \"{}\"", "{user}".repeat(deep)),
        "version = 1\nrotate = 5\nexempt = {}\naccounts = []\nmail = \"x\"".to_owned(),
        "version = 1\nrotate = [[], 5, {}]".to_owned(),
        "version = 1\n[[rotate]]\nusers = \"\"\"\n\n\"\"\"".to_owned(),
        "version = 1\n[[rotate]]\nnotify = []\nusers = [\"\\u001b[31m\\n\"]".to_owned(),
        "version = 1\n[[exempt]]\nuser = \"a\"\nreason = \"r\"\nuntil = 9999-12-31\n[[exempt]]\nuntil = 0000-01-01"
            .to_owned(),
        "version = 1\n[defaults]\nreissue-before = 0000-01-01T00:00:00+23:59".to_owned(),
        "version = 1\n[defaults]\nreissue-before = 9999-12-31T23:59:60-23:59".to_owned(),
    ] {
        let start = &text[..text.floor_char_boundary(60)];
        let loaded = load_text(&text);
        assert_eq!(loaded.has_errors(), loaded.manifest.is_none(), "{start}");
        for diagnostic in loaded.diagnostics {
            let rendered = diagnostic.render(false);
            let is_clean = |c: char| c == '\n' || !c.is_control();
            assert!(rendered.chars().all(is_clean) && rendered.len() < 4_000, "{start}: {rendered}");
        }
    }
}

#[test]
fn warnings_alone_let_the_manifest_pass() {
    let loaded =
        load_text("version = 1\n[defaults]\nnotify = []\nreissue-before = 2027-01-01\n[[rotate]]\nusers = [\"*\"]\n");
    assert_eq!(
        loaded.diagnostics.iter().map(|diagnostic| diagnostic.severity).collect::<Vec<_>>(),
        [Severity::Warning]
    );
    assert!(!loaded.has_errors() && loaded.manifest.is_some());
}

/// A manifest with every table and key of the schema, each with its example.
fn manifest_of_examples(schema: &serde_json::Value) -> String {
    fn assignments(schema: &serde_json::Value) -> String {
        let assignment = |(key, schema): (&String, &serde_json::Value)| {
            let example = &schema["examples"][0];
            match (schema["title"].as_str(), example) {
                (Some("date"), _) => format!("{key} = 2026-06-30\n"),
                (_, serde_json::Value::Object(table)) => {
                    let (name, value) = table.iter().next().expect("an example");
                    format!("{key} = {{ {name} = {value} }}\n")
                }
                (_, serde_json::Value::Null) if schema["properties"].is_object() => {
                    format!("{key} = {{ {} }}\n", assignments(schema).trim_end().replace('\n', ", "))
                }
                _ => format!("{key} = {example}\n"),
            }
        };
        schema["properties"].as_object().expect("a table").iter().map(assignment).collect()
    }
    let mut text = "version = 1\n".to_owned();
    for (name, table) in schema["properties"].as_object().expect("tables") {
        text += &match table["type"].as_str() {
            _ if name == "version" => String::new(),
            Some("array") => format!("[[{name}]]\n{}", assignments(&table["items"])),
            _ if table["additionalProperties"].is_object() => {
                format!("[{name}.payments-prod]\n{}", assignments(&table["additionalProperties"]))
            }
            _ => format!("[{name}]\n{}", assignments(table)),
        };
    }
    text
}

#[test]
fn every_key_of_the_schema_is_read_and_every_example_is_valid() {
    let text = manifest_of_examples(&manifest::json_schema());
    let loaded = load_text(&text);
    // The example of `until` is of the past, so that the example of `reissue-before` is not of the future.
    let codes: Vec<Code> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    let rendered: Vec<String> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect();
    assert_eq!(codes, [Code::ExemptionEnded], "{text}\n{}", rendered.join("\n\n"));
    let manifest = loaded.manifest.expect("valid");
    let policy = &manifest.rules[0].policy;
    assert_eq!(policy.when_full.value, manifest::WhenFull::RetireOldest);
    assert_eq!(policy.language.value, keyrota::template::Language::Spanish);
    assert_eq!(policy.reissue_before.value.map(|date| date.to_rfc3339()).as_deref(), Some("2026-06-30T00:00:00+00:00"));
    assert_eq!(manifest.limits.max_percent.as_ref().map(|limit| limit.value), Some(30));
    assert_eq!(manifest.accounts["payments-prod"].role.as_deref(), Some("keyrota"));
    assert!(
        manifest.schedule.enforce.is_some() && manifest.schedule.tend.is_some() && manifest.mail.reply_to.is_some()
    );
}

#[test]
fn a_manifest_cut_or_damaged_anywhere_gets_an_answer() {
    let read =
        |name: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(name)).expect("an example");
    let examples = [read("payments.toml"), "version = 1\n[[rotate]]\nusers = [\"ñ\", 'é'] # ü\n".into()];
    for bytes in examples {
        let answer = |damaged: Vec<u8>| {
            let loaded = manifest::load_files(vec![("manifests/keyrota.toml".to_owned(), damaged)], now());
            assert!(loaded.manifest.is_some() || loaded.has_errors());
            assert!(
                loaded.diagnostics.iter().all(|diagnostic| diagnostic.render(false).contains("manifests/keyrota.toml"))
            );
        };
        for at in 0..bytes.len() {
            answer(bytes[..at].to_vec());
            for replacement in [&b""[..], b"\"", b"[", b"\xF0"] {
                answer([&bytes[..at], replacement, &bytes[at + 1..]].concat());
            }
        }
    }
}
