//! The digest: only when there is something to tell.

use keyrota::cloud::sandbox::{SentMail, StoredSecret};

use super::{kinds, manifest, run_day, sandbox, user};

const RULES: &str = "digest = [\"soc@example.com\"]\n[[rotate]]\nusers = [\"*\"]\n";

fn to_soc(mail: Vec<SentMail>) -> Vec<SentMail> {
    mail.into_iter().filter(|sent| sent.to == "soc@example.com").collect()
}

#[test]
fn of_what_was_done() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    let mut days = Vec::new();
    for day in 0..40 {
        let mail = to_soc(run_day(&sandbox, &manifest(RULES), day, true));
        days.extend(mail.iter().map(|sent| format!("{day} {}", sent.subject)));
    }
    assert_eq!(
        days,
        [
            "0 keyrota: 1 created, 0 deactivated, 0 deleted",
            "7 keyrota: 0 created, 1 deactivated, 0 deleted",
            "21 keyrota: 0 created, 0 deactivated, 1 deleted",
        ]
    );
}

#[test]
fn of_what_is_blocked_when_rotations_start() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    sandbox.change(|world| {
        let name = "/aws/iam/credentials/bob".to_owned();
        world.secrets.push(StoredSecret { name, ..StoredSecret::default() });
    });
    let manifest = manifest(RULES);
    assert_eq!(kinds(&run_day(&sandbox, &manifest, 0, false)), []);
    let mail = run_day(&sandbox, &manifest, 1, true);
    assert_eq!(kinds(&mail), [("digest", "soc@example.com")]);
    assert_eq!(mail[0].subject, "keyrota: 0 created, 0 deactivated, 0 deleted, 1 blocked");
    assert!(mail[0].text.contains("bob: its secret is somebody else's"), "{}", mail[0].text);
    for day in 2..20 {
        assert_eq!(kinds(&run_day(&sandbox, &manifest, day, false)), [], "daily runs don't repeat it");
    }
}

#[test]
fn of_what_failed_even_in_daily_runs() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com"), user("eve", "eve@example.com")]);
    let refused = ["owner@example.com", "fallback@example.com"];
    sandbox.change(|world| world.refuse_mail_to = refused.map(str::to_owned).to_vec());
    let mail = to_soc(run_day(&sandbox, &manifest(RULES), 0, false));
    let [SentMail { subject, text, .. }] = &mail[..] else { panic!("{mail:#?}") };
    assert_eq!(subject, "keyrota: 2 created, 0 deactivated, 0 deleted, 1 failed");
    assert!(
        text.contains("\nbob: new key issued, handed out\neve: new key issued, handed out, owner told\n"),
        "{text}"
    );
    // Each of those who refused, not only the last.
    assert!(text.contains("\nbob: telling the owner: ses:SendEmail for owner@example.com failed"), "{text}");
    assert!(text.contains("; ses:SendEmail for fallback@example.com failed"), "{text}");
}

#[test]
fn in_the_language_of_the_defaults() {
    let text = "version = 1\n[defaults]\nnotify = []\nlanguage = \"es\"\n[mail]\nfrom = \"a@example.com\"\n";
    let text = format!("{text}{RULES}");
    let loaded = keyrota::manifest::load_files(vec![("keyrota.toml".to_owned(), text.into_bytes())], super::t0());
    let manifest = loaded.manifest.expect("valid");
    let mail = run_day(&sandbox(vec![user("bob", "owner@example.com")]), &manifest, 0, true);
    let subjects: Vec<_> = mail.iter().map(|sent| sent.subject.as_str()).collect();
    assert_eq!(subjects, ["keyrota: claves creadas 1, desactivadas 0, eliminadas 0"]);
}
