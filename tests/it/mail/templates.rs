//! Templates that a team puts in the place of keyrota's.

use keyrota::{
    manifest::{self},
    notice::Kind,
    template::{Language, Templates, examples::examples, render},
};
use strum::VariantArray;

use super::{run_day, sandbox, t0, user};

const MANIFEST: &str = "version = 1\n[defaults]\nnotify = [\"tag:email\"]\n[mail]\nfrom = \"a@example.com\"\n[[rotate]]\nusers = [\"*\"]\n";

fn load(name: &str, template: &str) -> manifest::Loaded {
    let files = [("manifests/keyrota.toml", MANIFEST), (name, template)];
    manifest::load_files(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).to_vec(), t0())
}

#[test]
fn a_team_writes_its_own_mail() {
    let template = "Subject: Neu: {{ user }}\n\nHallo {{ user|strong }} & Team\n\n{{ code(\"Neu\", key) }}\n";
    let manifest = load("manifests/templates/rotated.en.jinja", template).manifest.expect("valid");
    let mail = run_day(&sandbox(vec![user("bob", "b@example.com")]), &manifest, 0, true);
    let key = mail[0].text.lines().last().and_then(|line| line.strip_prefix("Neu: ")).expect("the key");
    assert!(key.starts_with("AKIA"), "{key}");
    assert_eq!((mail[0].subject.as_str(), mail[0].text.lines().next()), ("Neu: bob", Some("Hallo bob & Team")));
    assert!(mail[0].html.contains("Hallo <strong>bob</strong> & Team</p>") && mail[0].html.contains("#1d4ed8"));
    // The others are keyrota's.
    let (text, flaw) = render(&manifest.mail.templates, Language::Spanish, &examples(Kind::Rotated, t0())[0]);
    assert!(flaw.is_none() && text.subject.starts_with("Nueva clave de acceso"));
}

#[test]
fn a_team_changes_the_frame_of_all_mails() {
    let layout = "<html lang=\"{{ language }}\"><h1>{{ subject }}</h1>{{ body }}<p>ACME</p></html>";
    let manifest = load("manifests/templates/layout.html.jinja", layout).manifest.expect("valid");
    for &kind in Kind::VARIANTS {
        let (text, flaw) = render(&manifest.mail.templates, Language::Portuguese, &examples(kind, t0())[0]);
        assert_eq!(flaw, None);
        assert!(text.html.starts_with("<html lang=\"pt\"><h1>") && text.html.ends_with("<p>ACME</p></html>"));
    }
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    for (template, line, told) in [
        ("Hello", 1, "the first line must be the subject"),
        ("", 1, "the first line must be the subject"),
        ("Subject: {{ \"\" }}\n", 1, "the subject is empty"),
        ("Subject: x\n\n{{ usr }}\n", 3, "undefined"),
        ("Subject: x\n\n\n{% if deadline %}\nx\n", 6, "syntax error"),
        ("Subject: {{ user\n\n", 1, "syntax error"),
        // Only one of the examples has no deadline.
        ("Subject: x\n\n{% if not deadline %}{{ nowhere }}{% endif %}\n", 3, "undefined"),
        ("Subject: x\n\n{{ user|nonsense }}\n", 3, "unknown filter"),
        ("Subject: x\n\n{{ fact(user) }}\n", 3, "missing"),
        ("Subject: x\n\n{% include \"/etc/passwd\" %}\n", 3, ""),
    ] {
        let loaded = load("manifests/templates/rotated.pt.jinja", template);
        assert!(loaded.manifest.is_none(), "{template}");
        let [diagnostic] = &loaded.diagnostics[..] else { panic!("{:?}", loaded.diagnostics) };
        assert_eq!(diagnostic.code.as_str(), "KR0039");
        assert_eq!(diagnostic.file(), "manifests/templates/rotated.pt.jinja");
        assert!(diagnostic.message.contains(told), "{}", diagnostic.message);
        assert!(
            diagnostic.line() == line || told == "syntax error",
            "{template}: {} {}",
            diagnostic.line(),
            diagnostic.message
        );
    }
}

/// A template that goes wrong with real values, though with no example, does not keep anyone from being told.
#[test]
fn what_only_fails_in_earnest_is_replaced() {
    let template = "Subject: x\n\n{% if user == \"bob\" %}{{ nowhere }}{% endif %}ok\n";
    let manifest = load("manifests/templates/rotated.en.jinja", template).manifest.expect("valid");
    let sandbox = sandbox(vec![user("bob", "b@example.com")]);
    sandbox.set_now(t0());
    let (_, applied) = super::run(&sandbox, &manifest, t0(), true);
    let told = applied.outcomes.last().expect("an outcome");
    assert!(told.result.is_ok());
    assert!(told.notes[0].starts_with("keyrota's own template was used instead of rotated.en.jinja:3: "), "{told:?}");
    assert!(sandbox.inspect(|world| world.mail[0].subject.starts_with("New access key for bob")));
}

#[test]
fn names_are_those_of_kinds_and_languages() {
    let names: Vec<String> = Templates::names().collect();
    assert_eq!(names.len(), Kind::VARIANTS.len() * Language::ALL.len() + 1);
    let loaded = load("manifests/templates/rotate.en.jinja", "Subject: x\n");
    let [diagnostic] = &loaded.diagnostics[..] else { panic!("{:?}", loaded.diagnostics) };
    assert_eq!(diagnostic.code.as_str(), "KR0038");
    assert_eq!(diagnostic.help.as_deref(), Some("did you mean `rotated.en.jinja`?"));
}
