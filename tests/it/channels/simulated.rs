//! Channels and events in a simulated account: who counts as told, what follows a failure, and when events leave.

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use keyrota::{
    apply::{Applied, Conditions},
    cloud::sandbox::{Posted, Sandbox, World},
    manifest::{Manifest, load_files},
    plan::Verb,
    run::{Mode, Run},
};

use super::*;
use crate::{
    faulty::{Attempt, Faulty, Mode as FaultMode},
    support::run::{plan, run},
};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:keyrota";

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn manifest(text: &str) -> Manifest {
    let text = format!("version = 1\n{text}\n[[rotate]]\nusers = [\"ci-*\"]\n");
    let loaded = load_files(vec![("manifests/keyrota.toml".to_owned(), text.into_bytes())], now());
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// An account whose users' keys are due, and which refuses these recipients.
fn account(users: usize, refused: &[&str]) -> Sandbox {
    let mut text = format!("now = {}\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n", now().format("%FT%TZ"));
    text += &format!("refuse-mail-to = {refused:?}\n");
    for number in 0..users {
        let key = format!("AKIAEXAMPLE{number:09}");
        text +=
            &format!("[[users]]\nname = \"ci-{number:02}\"\n[[users.keys]]\nid = \"{key}\"\ncreated = 2026-01-01\n");
    }
    Sandbox::parse(&text, "sandbox.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn rotate(sandbox: Sandbox, manifest: &Manifest) -> (World, Applied) {
    let clouds = [sandbox];
    let (_, applied) = run(&clouds, manifest, now(), Mode::Enforce);
    (clouds[0].snapshot(), applied)
}

fn to(posted: &[Posted]) -> Vec<&str> {
    posted.iter().map(|one| one.to.as_str()).collect()
}

/// A webhook that never answers costs the run its last seconds, and no other channel its message.
#[tokio::test(start_paused = true)]
async fn a_channel_that_hangs_is_given_up_before_the_run_is_cut_off() {
    let manifest = manifest("[defaults]\nnotify = []\n[mail]\ndigest = [\"slack:hangs\", \"slack:ops\"]");
    let sandbox = account(1, &[]);
    let run = |sandbox, fault| {
        let (manifest, faulty) = (&manifest, Faulty::new(sandbox, fault, |_, _| {}));
        async move {
            let clouds = [faulty];
            let planned = Run::new(manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("listed");
            let told_by = Some(tokio::time::Instant::now() + std::time::Duration::from_secs(5));
            let applied = planned.apply(&Conditions { told_by, ..Conditions::new(&now) }, &|_| {}).await;
            (applied, clouds[0].calls.take())
        }
    };
    let copy = sandbox.clone();
    let (_, calls) = run(&copy, None).await;
    let first = calls.iter().position(|call| *call == "post_to_webhook").expect("a message");
    let (applied, _) = run(&sandbox, Some((first, FaultMode::CutBefore))).await;
    let [hung, sent] = &applied.mail[..] else { panic!("{applied:#?}") };
    let error = hung.result.as_ref().expect_err("it hangs").to_string();
    assert!(error.contains("slack:hangs") && error.contains("no answer while the run had time"), "{error}");
    assert_eq!((sent.to.as_str(), sent.result.is_ok()), ("slack:ops", true));
    assert_eq!(to(&sandbox.snapshot().posted), ["slack:ops"]);
}

#[test]
fn whoever_took_the_message_counts_as_told() {
    let both = format!("[defaults]\nnotify = [\"sns:{TOPIC}\", \"slack:ops\"]");
    let topic = format!("sns:{TOPIC}");
    let (world, applied) = rotate(account(1, &[]), &manifest(&both));
    assert_eq!(to(&world.posted), [topic.as_str(), "slack:ops"]);
    assert_eq!(
        applied.outcomes.last().map(|last| last.told.clone()),
        Some(vec![topic.clone(), "slack:ops".to_owned()])
    );
    for (refused, told) in [(topic.as_str(), "slack:ops"), ("slack:ops", topic.as_str())] {
        let (world, applied) = rotate(account(1, &[refused]), &manifest(&both));
        assert_eq!((to(&world.posted), applied.failures()), (vec![told], 0));
        let last = applied.outcomes.last().expect("a change");
        assert_eq!((last.told.as_slice(), last.notes.len()), ([told.to_owned()].as_slice(), 1), "{last:?}");
    }
    // Nobody took it: the old key stays, and the next run tries again.
    let (world, applied) = rotate(account(1, &[&topic, "slack:ops"]), &manifest(&both));
    assert_eq!((world.posted.len(), applied.failures(), applied.done(Verb::Promote)), (0, 1, 1));
    // The fallback may be a channel, too.
    let with_fallback = format!("{both}\n[mail]\nfallback = [\"slack:security\"]");
    let (world, applied) = rotate(account(1, &[&topic, "slack:ops"]), &manifest(&with_fallback));
    assert_eq!((to(&world.posted), applied.failures()), (vec!["slack:security"], 0));
    assert!(world.posted[0].text.contains("could not be told"), "{}", world.posted[0].text);
}

/// What a channel has refused for good it refuses later in the run as well, and the fallback is told of that, too.
#[test]
fn a_channel_that_has_refused_costs_no_notice() {
    let text = "[defaults]\nnotify = [\"slack:ops\"]\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"14d\"\n\
                [mail]\nfallback = [\"slack:security\"]";
    let (world, applied) = rotate(account(1, &["slack:ops"]), &manifest(text));
    assert_eq!((applied.done(Verb::Deactivate), applied.failures()), (1, 0));
    assert_eq!(
        to(&world.posted),
        ["slack:security", "slack:security"],
        "of the new key, and of the old one: {applied:#?}"
    );
}

/// A message for very many keys becomes several that can be sent and read.
#[test]
fn a_message_about_too_many_keys_is_several() {
    let text = "[defaults]\nnotify = [\"slack:ops\"]\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"14d\"\n[pace]\nmax-rotations = 0";
    let (world, applied) = rotate(account(90, &[]), &manifest(text));
    assert_eq!((applied.done(Verb::Deactivate), applied.failures()), (90, 0));
    let stopped: Vec<&Posted> = world.posted.iter().skip(90).collect();
    assert_eq!(stopped.len(), 3, "40, 40 and 10");
    assert!((0..90).all(|number| stopped.iter().any(|one| one.text.contains(&format!("ci-{number:02}")))));
}

/// A failure that may be over is not a refusal: the next run tells, and nobody else is told instead.
#[test]
fn a_channel_that_is_down_is_tried_by_the_next_run() {
    let manifest =
        manifest(&format!("[defaults]\nnotify = [\"sns:{TOPIC}\"]\n[mail]\nfallback = [\"slack:security\"]"));
    let sandbox = account(1, &[]);
    let calls = {
        let trial = sandbox.clone();
        let clouds = [Faulty::new(&trial, None, |_, _| {})];
        run(&clouds, &manifest, now(), Mode::Enforce);
        clouds[0].calls.borrow().clone()
    };
    let at = calls.iter().position(|call| *call == "publish").expect("a message is published");
    let clouds = [Faulty::new(&sandbox, Some((at, FaultMode::ErrorBefore)), |_, _| {})];
    let (_, applied) = run(&clouds, &manifest, now(), Mode::Enforce);
    assert_eq!((applied.failures(), sandbox.snapshot().posted.len()), (1, 0));
    sandbox.set_now(now() + TimeDelta::days(1));
    let clouds = [sandbox];
    let (_, applied) = run(&clouds, &manifest, now() + TimeDelta::days(1), Mode::Tend);
    assert_eq!((applied.failures(), to(&clouds[0].snapshot().posted)), (0, vec![format!("sns:{TOPIC}").as_str()]));
}

#[test]
fn events_leave_in_batches_whatever_becomes_of_the_bus() {
    let text = "[defaults]\nnotify = []\n[pace]\nmax-rotations = 0\n[events]\nbus = \"default\"\n";
    let (world, applied) = rotate(account(12, &[]), &manifest(text));
    assert_eq!(world.events.len(), applied.outcomes.len());
    let sent = applied.events.expect("events were sent");
    assert_eq!((sent.sent, sent.failed, sent.failure), (24, 0, None));
    let details: Vec<Value> = world.events.iter().map(|one| serde_json::from_str(&one.detail).expect("JSON")).collect();
    assert_fit_schema(&details);

    let (refusing, applied) = rotate(account(12, &["default"]), &manifest(text));
    let sent = applied.events.clone().expect("events were tried");
    assert_eq!((sent.sent, sent.failed, applied.failures()), (0, 24, 0));
    assert!(sent.failure.is_some_and(|error| error.message.contains("does not exist")));
    let without = |world: World| World { events: Vec::new(), refuse_mail_to: Vec::new(), ..world };
    assert_eq!(without(refusing), without(world), "the bus makes no difference to the keys");

    // Nobody asked for events: none is even made.
    let (world, applied) = rotate(account(2, &[]), &manifest("[defaults]\nnotify = []"));
    assert_eq!((world.events.len(), applied.events), (0, None));
}

/// What was done is told although something after it never ends.
#[test]
fn events_of_what_was_done_leave_before_a_user_that_hangs() {
    let manifest = manifest("[defaults]\nnotify = []\n[events]\nbus = \"default\"");
    let sandbox = account(2, &[]);
    let number = |sandbox: &Sandbox, fault| {
        let clouds = [Faulty::new(sandbox, fault, |_: &World, _: &Attempt<'_>| {})];
        let planned = plan(&clouds, &manifest, now(), Mode::Enforce);
        let conditions = Conditions::new(&now);
        let ended = planned.apply(&conditions, &|_| {}).now_or_never().is_some();
        let calls = clouds[0].calls.borrow().clone();
        (ended, calls)
    };
    let (ended, calls) = number(&sandbox.clone(), None);
    assert!(ended);
    // The last change of a key of the second user.
    let hangs = calls.iter().rposition(|call| *call == "create_access_key").expect("keys are created");
    let (ended, _) = number(&sandbox, Some((hangs, FaultMode::CutBefore)));
    assert!(!ended, "it hangs");
    let world = sandbox.snapshot();
    let users: Vec<Value> = world.events.iter().map(|one| serde_json::from_str(&one.detail).expect("JSON")).collect();
    let actions: Vec<_> = users.iter().map(|detail| (&detail["user"], &detail["action"])).collect();
    assert_eq!(actions, [(&json!("ci-00"), &json!("create")), (&json!("ci-00"), &json!("promote"))]);
}

/// What failed is an event of its own type, which no rule takes for the change.
#[test]
fn what_failed_is_an_event_and_not_that_of_the_change() {
    let manifest = manifest("[defaults]\nnotify = []\n[events]\nbus = \"default\"");
    let sandbox = account(1, &[]);
    let mut cloud = Faulty::new(&sandbox, None, |_, _| {});
    cloud.denied = vec!["ci-00"];
    let clouds = [cloud];
    let (_, applied) = run(&clouds, &manifest, now(), Mode::Enforce);
    assert_eq!(applied.failures(), 1);
    let [event] = &sandbox.snapshot().events[..] else { panic!("one event") };
    let detail: Value = serde_json::from_str(&event.detail).expect("JSON");
    assert_eq!(event.detail_type, "Access Key Change Failed");
    assert_eq!(
        (&detail["action"], &detail["result"], &detail["next"]),
        (&json!("create"), &json!("failed"), &json!([]))
    );
    assert!(detail["error"].as_str().is_some_and(|error| error.contains("iam:CreateAccessKey")), "{detail:#}");
    assert_fit_schema(&[detail]);
}

/// The file keeps what was published, so that one can see it.
#[test]
fn a_sandbox_keeps_what_left() {
    let folder = manifests("\"slack:ops\"", "", "[events]\nbus = \"default\"");
    folder.write("sandbox.toml", &account(1, &[]).to_toml());
    folder.run(&["apply", "--yes", "--sandbox", "sandbox.toml"]).exits(0).shows(&["told slack:ops"]);
    let kept = folder.read("sandbox.toml");
    for text in ["[[posted]]", "to = \"slack:ops\"", "[[events]]", "detail-type = \"Access Key Promoted\""] {
        assert!(kept.contains(text), "{kept}");
    }
    folder.run(&["plan", "--sandbox", "sandbox.toml"]).exits(0);
    let ran = folder.run(&["explain", "ci-00", "--sandbox", "sandbox.toml"]).exits(0);
    ran.shows(&["slack:ops", "events.bus"]);
}

/// `@here` is a name that IAM takes, and a tag may hold anything.
#[test]
fn nothing_in_a_message_is_markup() {
    let text = keyrota::template::Text {
        subject: "About <!channel> & co".to_owned(),
        text: format!("*bold* @here <https://example.com|click>\n{}", "<&".repeat(30_000)),
        html: String::new(),
    };
    let body: Value = serde_json::from_str(&keyrota::mail::as_slack(&text)).expect("JSON");
    let shown = body["text"].as_str().expect("text");
    assert!(shown.starts_with("About &lt;!channel&gt; &amp; co\n\n*bold* @here &lt;https"), "{shown:.200}");
    assert!(shown.chars().count() <= 40_000 && shown.ends_with("shows everything"), "{}", shown.len());
    let plain = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    assert!(!plain.contains(['<', '>', '&']), "no entity is cut in two");
    let (_, long) = keyrota::mail::as_topic(&keyrota::template::Text { text: "é".repeat(200_000), ..text });
    assert!(long.len() <= 255 * 1024 && long.contains("it was cut here"), "{}", long.len());
}
