//! Who is told what on which day, in simulated accounts whose clock moves.

use chrono::{Datelike, TimeDelta};
use futures::FutureExt;
use keyrota::{
    apply::Conditions,
    cloud::{
        Reads,
        sandbox::{Sandbox, SentMail},
    },
    inventory::{KeyId, Status, TAG_REMINDED},
    run::Mode as Run,
};

use super::{at, everyone, kinds, manifest, run, run_day, sandbox, t0, use_old_keys, user};
use crate::{
    faulty::{Faulty, Mode},
    support::run as support,
};

/// From a key of 95 days to its deletion, with a run a day. Its owner's program uses the old key for eleven days.
fn life(language: &str) -> Vec<String> {
    let manifest = manifest(&format!("[[rotate]]\nusers = [\"*\"]\nlanguage = \"{language}\"\n"));
    let sandbox = sandbox(vec![user("ci-deployer", "owner@example.com")]);
    let mut told = Vec::new();
    for day in 0..40 {
        if day <= 11 {
            use_old_keys(&sandbox, day);
        }
        let mail = run_day(&sandbox, &manifest, day, true);
        assert!(
            mail.iter().all(|sent| sent.to == "owner@example.com" && sent.from == "Security <security@example.com>")
        );
        told.extend(mail.iter().map(|sent| format!("{day} {}: {}", sent.tags["kind"], sent.subject)));
        assert_eq!(kinds(&run_day(&sandbox, &manifest, day, true)), [], "a second run right after tells nothing");
    }
    told
}

#[test]
fn a_whole_life_in_english() {
    assert_eq!(
        life("en"),
        [
            "0 rotated: New access key for ci-deployer: the old one stops on 30 November 2026",
            "7 still-in-use: The old access key of ci-deployer is still in use: it stops by 14 December 2026",
            "10 still-in-use: The old access key of ci-deployer is still in use: it stops by 14 December 2026",
            "13 still-in-use: The old access key of ci-deployer is still in use: it stops by 14 December 2026",
            "16 still-in-use: The old access key of ci-deployer is still in use: it stops by 14 December 2026",
            "19 deactivated: The old access key of ci-deployer is deactivated: you can take it back until 26 December 2026",
            "33 deleted: The old access key of ci-deployer is deleted",
        ]
    );
}

#[test]
fn a_whole_life_in_spanish() {
    assert_eq!(
        life("es-MX"),
        [
            "0 rotated: Nueva clave de acceso para ci-deployer: la anterior deja de funcionar el 30 de noviembre de 2026",
            "7 still-in-use: La clave de acceso anterior de ci-deployer sigue en uso: deja de funcionar a más tardar el 14 de diciembre de 2026",
            "10 still-in-use: La clave de acceso anterior de ci-deployer sigue en uso: deja de funcionar a más tardar el 14 de diciembre de 2026",
            "13 still-in-use: La clave de acceso anterior de ci-deployer sigue en uso: deja de funcionar a más tardar el 14 de diciembre de 2026",
            "16 still-in-use: La clave de acceso anterior de ci-deployer sigue en uso: deja de funcionar a más tardar el 14 de diciembre de 2026",
            "19 deactivated: La clave de acceso anterior de ci-deployer está desactivada: puede recuperarla hasta el 26 de diciembre de 2026",
            "33 deleted: Se eliminó la clave de acceso anterior de ci-deployer",
        ]
    );
}

#[test]
fn a_whole_life_in_portuguese() {
    assert_eq!(
        life("pt-BR"),
        [
            "0 rotated: Nova chave de acesso para ci-deployer: a anterior deixa de funcionar em 30 de novembro de 2026",
            "7 still-in-use: A chave de acesso anterior de ci-deployer ainda está em uso: ela deixa de funcionar no mais tardar em 14 de dezembro de 2026",
            "10 still-in-use: A chave de acesso anterior de ci-deployer ainda está em uso: ela deixa de funcionar no mais tardar em 14 de dezembro de 2026",
            "13 still-in-use: A chave de acesso anterior de ci-deployer ainda está em uso: ela deixa de funcionar no mais tardar em 14 de dezembro de 2026",
            "16 still-in-use: A chave de acesso anterior de ci-deployer ainda está em uso: ela deixa de funcionar no mais tardar em 14 de dezembro de 2026",
            "19 deactivated: A chave de acesso anterior de ci-deployer está desativada: você pode recuperá-la até 26 de dezembro de 2026",
            "33 deleted: A chave de acesso anterior de ci-deployer foi excluída",
        ]
    );
}

#[test]
fn still_in_use_says_when_where_and_what() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    run_day(&sandbox, &everyone(), 0, true);
    use_old_keys(&sandbox, 7);
    let mail = run_day(&sandbox, &everyone(), 7, true);
    let [SentMail { text, .. }] = &mail[..] else { panic!("{mail:#?}") };
    for line in ["Last used: 30 November 2026, 07:00 UTC", "Service: s3", "In region: eu-central-1"] {
        assert!(text.lines().any(|other| other == line), "{text}");
    }
}

/// With the default policy `overlap` ends a day before `quiet` has passed since the last use: who moved at once has moved.
#[test]
fn who_moved_at_once_is_not_told_that_the_old_key_is_in_use() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    use_old_keys(&sandbox, 0);
    assert_eq!(kinds(&run_day(&sandbox, &everyone(), 0, true)), [("rotated", "owner@example.com")]);
    assert_eq!(kinds(&run_day(&sandbox, &everyone(), 7, true)), []);
    assert_eq!(kinds(&run_day(&sandbox, &everyone(), 8, true)), [("deactivated", "owner@example.com")]);
}

/// Three users of one owner, and one of another, reach the same day.
#[test]
fn an_owner_gets_one_mail_of_a_kind() {
    let users = vec![
        user("ci-a", "Owner@example.com"),
        user("ci-b", "owner@example.com"),
        user("ci-c", "owner@example.com"),
        user("svc-d", "other@example.com"),
    ];
    let sandbox = sandbox(users);
    run_day(&sandbox, &everyone(), 0, true);
    let mail = run_day(&sandbox, &everyone(), 7, true);
    assert_eq!(kinds(&mail), [("deactivated", "other@example.com"), ("deactivated", "Owner@example.com")]);
    let SentMail { subject, text, .. } = &mail[1];
    assert_eq!(subject, "3 access keys are deactivated: you can take the first back until 14 December 2026");
    for user in ["ci-a", "ci-b", "ci-c"] {
        assert!(text.contains(&format!("--user-name {user} ")), "{text}");
    }
    assert!(!text.contains("svc-d"));
    // Each of the four is noted.
    let noted = sandbox.inspect(|world| world.secrets.iter().filter(|s| s.tags.contains_key(TAG_REMINDED)).count());
    assert_eq!(noted, 4);
}

#[test]
fn a_refused_address_is_tried_again_and_fails_nothing() {
    let manifest = manifest("[[rotate]]\nusers = [\"*\"]\nnotify = [\"gone@example.com\", \"tag:email\"]\n");
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    sandbox.change(|world| world.refuse_mail_to = vec!["gone@example.com".to_owned()]);
    assert_eq!(kinds(&run_day(&sandbox, &manifest, 0, true)), [("rotated", "owner@example.com")]);
    // One address of two suffices.
    assert_eq!(kinds(&run_day(&sandbox, &manifest, 7, true)), [("deactivated", "owner@example.com")]);
    assert_eq!(kinds(&run_day(&sandbox, &manifest, 8, true)), []);
    // Nobody takes the last mail; the key is deleted all the same.
    sandbox.change(|world| {
        world.refuse_mail_to.extend(["owner@example.com".to_owned(), "fallback@example.com".to_owned()]);
    });
    sandbox.set_now(at(21));
    let (_, applied) = run(&sandbox, &manifest, at(21), true);
    assert!(applied.outcomes.iter().all(|outcome| outcome.result.is_ok()));
    let failed: Vec<_> = applied.mail.iter().map(|sent| (sent.to.as_str(), sent.result.is_err())).collect();
    assert_eq!(failed, [("gone@example.com", true), ("owner@example.com", true), ("fallback@example.com", true)]);
    let error = applied.mail[1].result.as_ref().expect_err("refused").to_string();
    assert!(error.contains("owner@example.com failed: MessageRejected: Email address is not verified"), "{error}");
    // The next run tries again, and the one after does not.
    sandbox.change(|world| world.refuse_mail_to.clear());
    let again = run_day(&sandbox, &manifest, 22, true);
    assert_eq!(kinds(&again), [("deleted", "gone@example.com"), ("deleted", "owner@example.com")]);
    assert_eq!(kinds(&run_day(&sandbox, &manifest, 23, true)), []);
}

#[test]
fn the_fallback_hears_why() {
    let sandbox = sandbox(vec![user("bob", "gone@example.com"), user("eve", "no address")]);
    sandbox.change(|world| world.refuse_mail_to = vec!["gone@example.com".to_owned()]);
    run_day(&sandbox, &everyone(), 0, true);
    let mail = run_day(&sandbox, &everyone(), 7, true);
    assert_eq!(kinds(&mail), [("deactivated", "fallback@example.com"); 2]);
    let because: Vec<_> = mail.iter().map(|sent| sent.text.lines().next().unwrap_or_default()).collect();
    let start = "* You get this mail because the owner could not be told: ";
    assert!(because.iter().all(|line| line.starts_with(start)), "{because:?}");
    assert!(because.iter().any(|line| line.contains("gone@example.com") && line.contains("MessageRejected")));
    assert!(because.iter().any(|line| line.contains("the user has no address")));
    assert_eq!(kinds(&run_day(&sandbox, &everyone(), 8, true)), []);
}

#[test]
fn someone_who_takes_a_key_back_hears_weekly_that_it_blocks() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    let activate = |status| {
        sandbox.change(|world| {
            world.users[0].keys.iter_mut().min_by_key(|key| key.created).expect("a key").status = status;
        });
    };
    let mut told = Vec::new();
    for day in 0..40 {
        match day {
            9 => activate(Status::Active),
            20 => activate(Status::Inactive),
            _ => {}
        }
        let mail = run_day(&sandbox, &everyone(), day, true);
        told.extend(mail.iter().map(|sent| format!("{day} {}", sent.tags["kind"])));
    }
    assert_eq!(told, ["0 rotated", "7 deactivated", "9 blocked", "16 blocked", "20 deactivated", "21 deleted"]);
}

/// keyrota's key is due soon, and someone made a second one by hand, which is in use as well.
#[test]
fn who_must_make_room_is_asked_in_time() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    let manifest = manifest("[[rotate]]\nusers = [\"*\"]\nrotate-ahead = \"0d\"\n");
    for day in [0, 7, 21] {
        run_day(&sandbox, &manifest, day, true);
    }
    sandbox.change(|world| {
        let mut second = world.users[0].keys[0].clone();
        second.id = KeyId::new("AKIABYHAND");
        second.created = at(60);
        world.users[0].keys.push(second);
    });
    let mut told = Vec::new();
    for day in 61..130 {
        sandbox.change(|world| {
            for key in &mut world.users[0].keys {
                let time = at(day) - TimeDelta::hours(1);
                key.last_use = keyrota::inventory::LastUse::At { time, service: None, region: None };
            }
        });
        let mail = run_day(&sandbox, &manifest, day, true);
        told.extend(mail.iter().map(|sent| format!("{day} {}: {}", sent.tags["kind"], sent.subject)));
    }
    assert_eq!(
        told,
        [
            "76 upcoming: The access key of bob is to be replaced on 1 March 2027: please make room",
            "90 blocked: The key rotation of bob is blocked: please act",
            "97 blocked: The key rotation of bob is blocked: please act",
            "127 blocked: The key rotation of bob is blocked: please act",
        ]
    );
}

/// Owners who ask for it hear of a rotation that asks nothing of them, once, so long before the run that begins it. The runs that
/// tend read them for that.
#[test]
fn owners_are_reminded_who_ask_for_it() {
    for (remind, expected) in [
        ("", &[][..]),
        ("remind = \"7d\"", &["63 upcoming: The access key of bob is to be replaced on 1 February 2027"]),
        // Before it is due, which is on 13 January.
        ("remind = \"30d\"", &["40 upcoming: The access key of bob is to be replaced on 1 February 2027"]),
    ] {
        let manifest = manifest(&format!("[[rotate]]\nusers = [\"*\"]\n{remind}\n"));
        let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
        let mut told = Vec::new();
        for day in 0..=70 {
            sandbox.set_now(at(day));
            let before = sandbox.inspect(|world| world.mail.len());
            let mode = if day == 0 || at(day).day() == 1 { Run::Enforce } else { Run::Tend };
            crate::support::run::run(std::slice::from_ref(&sandbox), &manifest, at(day), mode);
            let mail = sandbox.inspect(|world| world.mail[before..].to_vec());
            let upcoming = mail.iter().filter(|sent| sent.tags["kind"] == "upcoming");
            told.extend(upcoming.map(|sent| format!("{day} {}: {}", sent.tags["kind"], sent.subject)));
        }
        assert_eq!(told, expected, "{remind}");
        assert_eq!(at(70).format("%Y-%m-%d").to_string(), "2027-02-01");
        let newest = sandbox.inspect(|world| world.users[0].keys.iter().map(|key| key.created).max());
        assert_eq!(newest, Some(at(70)), "and then it is replaced");
    }
}

#[test]
fn whom_nobody_should_tell_gets_nothing() {
    let manifest = manifest(
        "[[rotate]]\nusers = [\"*\"]\n[[rotate]]\nusers = [\"quiet\"]\nnotify = []\n\
         [[exempt]]\nuser = \"exempt\"\nreason = \"by hand\"\n",
    );
    let sandbox = sandbox(vec![user("quiet", "a@example.com"), user("exempt", "b@example.com")]);
    for day in 0..30 {
        assert_eq!(kinds(&run_day(&sandbox, &manifest, day, true)), [], "{day}");
    }
    assert_eq!(sandbox.inspect(|world| world.users[0].keys.len()), 1, "the rotation took place all the same");
}

/// The retry of a run that was cut short comes within the minutes in which `ListSecrets` does not show its tags.
#[test]
fn a_listing_that_lags_repeats_no_mail() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    run_day(&sandbox, &everyone(), 0, true);
    use_old_keys(&sandbox, 7);
    let before = sandbox.secrets().now_or_never().expect("ready").expect("listed");
    assert_eq!(kinds(&run_day(&sandbox, &everyone(), 7, true)), [("still-in-use", "owner@example.com")]);
    let mut lagging = Faulty::new(&sandbox, None, |_, _| {});
    lagging.listing = Some(before);
    let (_, applied) = run(&lagging, &everyone(), at(7), true);
    assert_eq!(applied.mail, []);
}

/// A run with a mail for everyone: one message an owner, one tag a user, and a look at each ledger that only the listing
/// had told of.
#[test]
fn mail_costs_a_few_calls() {
    let many: Vec<_> = (0..40).map(|n| user(&format!("svc-{n}"), &format!("owner-{}@example.com", n % 20))).collect();
    let sandbox = sandbox(many);
    let count = |day: i64| {
        sandbox.set_now(at(day));
        let faulty = Faulty::new(&sandbox, None, |_, _| {});
        let (plan, applied) = run(&faulty, &everyone(), at(day), true);
        (faulty.calls.borrow().len(), plan.changes.len(), applied.mail.len())
    };
    let (calls, due, mails) = count(0);
    assert_eq!((due, mails), (40, 0));
    assert!(calls <= 40 + 30 + 12 * due, "{calls}");
    let (calls, due, mails) = count(7);
    assert_eq!((due, mails), (40, 20));
    assert!(calls <= 40 + 30 + 12 * due, "{calls}");
    let (calls, due, mails) = count(8);
    assert_eq!((due, mails), (0, 0));
    assert!(calls <= 40 * 2 + 30, "{calls}");
}

/// Of a mail that was sent and could not be noted, the report says that it comes again.
#[test]
fn a_tag_that_fails_is_told() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    run_day(&sandbox, &everyone(), 0, true);
    use_old_keys(&sandbox, 7);
    sandbox.set_now(at(7));
    let copy = sandbox.clone();
    let counting = Faulty::new(&copy, None, |_, _| {});
    run(&counting, &everyone(), at(7), true);
    // The tag is the last call.
    let failing = Faulty::new(&sandbox, Some((counting.calls.borrow().len() - 1, Mode::Denied)), |_, _| {});
    let (_, applied) = run(&failing, &everyone(), at(7), true);
    let [sent] = &applied.mail[..] else { panic!("{applied:#?}") };
    assert!(sent.result.is_ok() && sent.notes[0].starts_with("the next run tells bob again: "), "{sent:?}");
    assert_eq!(kinds(&run_day(&sandbox, &everyone(), 8, true)), [("still-in-use", "owner@example.com")]);
}

/// Whoever was not told, because that failed or the run was cut off, is told by the next run, of whatever kind; then there is
/// nothing to read for runs that tend.
#[test]
fn what_could_not_be_told_the_run_that_tends_tells() {
    let mut manifest = everyone();
    manifest.mail.digest.clear();
    for (day, kind) in [(7, "deactivated"), (21, "deleted")] {
        for fault in [Mode::ErrorBefore, Mode::CutBefore] {
            let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
            let tend = |day| {
                sandbox.set_now(at(day));
                let before = sandbox.inspect(|world| world.mail.len());
                let (planned, _) = support::run(std::slice::from_ref(&sandbox), &manifest, at(day), Run::Tend);
                (planned.plan.resting, sandbox.inspect(|world| world.mail[before..].to_vec()))
            };
            run_day(&sandbox, &manifest, 0, true);
            (1..day).for_each(|day| drop(tend(day)));
            sandbox.set_now(at(day));
            let copy = sandbox.clone();
            let counting = Faulty::new(&copy, None, |_, _| {});
            support::run(std::slice::from_ref(&counting), &manifest, at(day), Run::Tend);
            let call = counting.calls.borrow().iter().rposition(|call| *call == "send_mail").expect("a mail");
            let failing = Faulty::new(&sandbox, Some((call, fault)), |_, _| {});
            let clouds = std::slice::from_ref(&failing);
            let clock = || at(day);
            let run = async {
                let run = keyrota::run::Run::new(&manifest, clouds, Run::Tend, at(day));
                let planned = run.plan(&|_| {}).await.expect("listed");
                planned.apply(&Conditions::new(&clock), &|_| {}).await
            };
            assert_eq!(run.now_or_never().is_none(), fault == Mode::CutBefore);
            let (resting, mail) = tend(day + 1);
            assert_eq!((resting, kinds(&mail)), (0, vec![(kind, "owner@example.com")]), "{fault:?}");
            assert_eq!(tend(day + 2), (1, vec![]), "{fault:?}");
        }
    }
}

/// Tags on messages tell SES events of runs and kinds apart.
#[test]
fn messages_carry_run_and_kind() {
    let manifest = manifest(
        "configuration-set = \"keyrota\"\nfrom-arn = \"arn:aws:ses:eu-west-1:444455556666:identity/example.com\"\n[[rotate]]\nusers = [\"*\"]\n",
    );
    let sandbox: Sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    let mail = run_day(&sandbox, &manifest, 0, true);
    let [sent] = &mail[..] else { panic!("{mail:#?}") };
    let tags: Vec<_> = sent.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("kind", "rotated"), ("run", "20261123T080000Z")]);
    assert_eq!(sent.configuration_set.as_deref(), Some("keyrota"));
    assert_eq!(sent.from_arn.as_deref(), Some("arn:aws:ses:eu-west-1:444455556666:identity/example.com"));
    assert_eq!(sent.sent, t0());
}

/// A rename onto somebody else's secret in mid-hold: the key goes where its hold was noted, and its owner hears of it once,
/// although nothing can be noted at the new name.
#[test]
fn a_deletion_is_told_although_the_new_name_is_somebody_elses() {
    let sandbox = sandbox(vec![user("bob", "owner@example.com")]);
    for day in [0, 7] {
        run_day(&sandbox, &everyone(), day, true);
    }
    sandbox.change(|world| {
        let mut foreign = world.secrets[0].clone();
        foreign.name = "/team/bob".to_owned();
        foreign.tags = [("Owner".to_owned(), "alice".to_owned())].into();
        world.secrets.push(foreign);
    });
    let renamed = manifest("[[rotate]]\nusers = [\"*\"]\nsecret = \"/team/{user}\"\n");
    let mail = run_day(&sandbox, &renamed, 21, true);
    assert_eq!(kinds(&mail), [("deleted", "owner@example.com")]);
    assert_eq!(kinds(&run_day(&sandbox, &renamed, 22, true)), []);
}
