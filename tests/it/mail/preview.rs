//! `keyrota mail preview`, from outside.

use std::{fs, path::Path, process::Command};

use keyrota::notice::Kind;
use strum::VariantArray;

fn keyrota(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_keyrota"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .expect("the command runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("a code"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn every_kind_is_written_offline() {
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("new/mail");
    let into_text = into.to_str().expect("UTF-8");
    for &kind in Kind::VARIANTS {
        for language in ["en", "es", "pt"] {
            let (code, stdout, stderr) =
                keyrota(&["mail", "preview", kind.as_str(), "--language", language, "--into", into_text]);
            assert_eq!(code, 0, "{stderr}");
            let paths: Vec<&str> = stdout.lines().collect();
            let expected = ["html", "txt"].map(|extension| format!("{into_text}/{kind}.{language}.{extension}"));
            assert_eq!(paths, expected);
            assert!(paths.iter().all(|path| Path::new(path).is_file()));
            assert!(fs::read_to_string(paths[1]).expect("text").starts_with("Subject: "));
        }
    }
}

/// What a channel gets is written as it gets it.
#[test]
fn a_channels_text_is_written_as_it_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().to_str().expect("UTF-8");
    for &kind in Kind::VARIANTS {
        let preview = |channel: &str| {
            let arguments = ["mail", "preview", kind.as_str(), "--language", "es", "--as", channel, "--into", into];
            let (code, stdout, stderr) = keyrota(&arguments);
            assert_eq!(code, 0, "{stderr}");
            fs::read_to_string(stdout.trim()).expect("a file")
        };
        let topic = preview("sns");
        let subject = topic.lines().next().and_then(|line| line.strip_prefix("Subject: ")).expect("a subject");
        assert!(subject.is_ascii() && subject.len() < 100 && !subject.is_empty(), "{subject}");
        let slack: serde_json::Value = serde_json::from_str(&preview("slack")).expect("JSON");
        let text = slack["text"].as_str().expect("text");
        assert!(!text.contains(['<', '>']) && text.lines().count() > 3, "{text}");
        assert_eq!((&slack["mrkdwn"], &slack["parse"]), (&false.into(), &"none".into()), "nothing in it is markup");
    }
}

#[test]
fn a_real_user_is_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifests = folder.path().join("manifests");
    fs::create_dir_all(manifests.join("templates")).expect("a folder");
    let manifest = "version = 1\n[defaults]\nnotify = []\nlanguage = \"pt\"\n[[rotate]]\nusers = [\"svc-*\"]\n";
    fs::write(manifests.join("keyrota.toml"), manifest).expect("a file");
    let into = folder.path().to_str().expect("UTF-8");
    let common =
        ["--manifests", manifests.to_str().expect("UTF-8"), "--sandbox", "examples/sandbox.toml", "--into", into];
    let preview = |arguments: &[&str]| keyrota(&[&["mail", "preview"], arguments, &common].concat());
    let (code, stdout, stderr) = preview(&["still-in-use", "--user", "SVC-reports"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout.lines().last(), Some(format!("{into}/still-in-use.pt.txt").as_str()));
    let text = fs::read_to_string(stdout.lines().last().expect("a path")).expect("text");
    assert!(text.contains("svc-reports") && text.contains("AKIAEXAMPLEREPORTS01"), "{text}");
    let (code, _, stderr) = preview(&["rotated", "--user", "ci-deployer"]);
    assert!(code == 1 && stderr.contains("no rule selects a user `ci-deployer`"), "{stderr}");
    // The team's own template, and a broken one.
    let template = manifests.join("templates/deleted.pt.jinja");
    fs::write(&template, "Subject: Fim\n\nTchau, {{ items[0].user }}.\n").expect("a file");
    assert_eq!(preview(&["deleted"]).0, 0);
    let text = fs::read_to_string(folder.path().join("deleted.pt.txt")).expect("text");
    assert_eq!(text, "Subject: Fim\n\nTchau, svc-reports.\n");
    fs::write(&template, "Subject: Fim\n\n{{ item.user }}.\n").expect("a file");
    let (code, _, stderr) = preview(&["deleted"]);
    assert!(code == 1 && stderr.contains("error[KR0039]") && stderr.contains("deleted.pt.jinja:3"), "{stderr}");
}

#[test]
fn what_does_not_exist_is_a_usage_error() {
    for arguments in [
        &["mail", "preview", "rotate"][..],
        &["mail", "preview", "rotated", "--language", "de"],
        &["mail", "preview"],
        &["mail"],
    ] {
        let (code, stdout, stderr) = keyrota(arguments);
        assert_eq!((code, stdout.as_str()), (64, ""), "{stderr}");
    }
    assert!(keyrota(&["mail", "preview", "rotate"]).2.contains("rotated"));
}
