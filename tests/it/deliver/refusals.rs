//! Places that refuse: none keeps the others from it, the old key works until all took the new one, and people hear of it.

use keyrota::{
    apply::Failure,
    plan::{Verb, WaitingOn, Warning},
    run::Mode,
};

use super::{
    SHARED, account, current, day, done, github_holds, manifest_with, overwrite, parameter, parameter_holds, plan,
    rule, run, run_in, tag,
};

const TWO: &str = "\"github:acme/payments\", \"ssm:/ci/{user}\"";

/// `github:acme/payments` refuses after the plan was made: as a place that is closed in the night.
fn close_while_applying(
    sandbox: &keyrota::cloud::sandbox::Sandbox,
    manifest: &keyrota::manifest::Manifest,
    number: i64,
) -> keyrota::apply::Applied {
    use futures::FutureExt;
    use keyrota::{apply::Conditions, run::Run};
    sandbox.set_now(day(number));
    let clouds = std::slice::from_ref(sandbox);
    let run = async {
        let planned = Run::new(manifest, clouds, Mode::Tend, day(number)).plan(&|_| {}).await.expect("an account");
        sandbox.change(|world| world.closed.push("github:acme/payments".to_owned()));
        let applied = planned.apply(&Conditions::new(&|| day(number)), &|_| {}).await;
        sandbox.change(|world| world.closed.clear());
        applied
    };
    run.now_or_never().expect("the sandbox never waits")
}

#[test]
fn the_old_key_works_until_every_place_took_the_new_one() {
    let (manifest, sandbox) = (rule(TWO, ""), account(95, true));
    // Begun by a run that enforces, and cut off there.
    let old = current(&sandbox);
    let begun = {
        use futures::FutureExt;
        use keyrota::{apply::Conditions, run::Run};
        let clouds = std::slice::from_ref(&sandbox);
        let run = async {
            let planned = Run::new(&manifest, clouds, Mode::Enforce, day(0)).plan(&|_| {}).await.expect("an account");
            sandbox.change(|world| world.closed.push("github:acme/payments".to_owned()));
            let applied = planned.apply(&Conditions::new(&|| day(0)), &|_| {}).await;
            sandbox.change(|world| world.closed.clear());
            applied
        };
        run.now_or_never().expect("the sandbox never waits")
    };
    let new = current(&sandbox);
    assert_eq!(
        done(&begun),
        [
            (Verb::Create, true),
            (Verb::Promote, true),
            (Verb::Deliver, false),
            (Verb::Deliver, true),
            (Verb::Notify, true)
        ],
        "one place fails neither the other nor that the owner is told: {begun:#?}"
    );
    let Err(Failure::Failed(error)) = &begun.outcomes[2].result else { panic!("{begun:#?}") };
    assert!(error.to_string().contains("404"), "the cause is said: {error}");
    assert!(parameter_holds(&sandbox, "/ci/ci", &new));
    let mail = sandbox.inspect(|world| world.mail.last().expect("the owner was told").text.clone());
    assert!(mail.contains("Not delivered yet to: github:acme/payments"), "{mail}");
    assert_eq!(tag(&sandbox, "keyrota:delivered"), "");
    // Each run tries again. After the second the owner hears, and only then.
    let mails = |sandbox: &keyrota::cloud::sandbox::Sandbox| sandbox.inspect(|world| world.mail.len());
    let before = mails(&sandbox);
    let second = close_while_applying(&sandbox, &manifest, 1);
    assert_eq!(done(&second), [(Verb::Deliver, false)], "{second:#?}");
    let told = sandbox.inspect(|world| world.mail.last().expect("a mail").clone());
    assert_eq!((mails(&sandbox), told.to.as_str()), (before + 1, "owner@example.com"));
    assert!(told.text.contains("github:acme/payments"), "{}", told.text);
    let plan_now = plan(&manifest, &sandbox, day(2));
    assert_eq!((plan_now.changes[0].reason.code(), plan_now.changes[0].action.verb()), ("refused", Verb::Deliver));
    // The overlap is long over, and nothing ends the old key.
    let late = close_while_applying(&sandbox, &manifest, 30);
    assert_eq!(done(&late), [(Verb::Deliver, false)], "{late:#?}");
    assert!(sandbox.inspect(|world| world.key(&old).is_some_and(keyrota::inventory::Key::is_active)));
    // It takes it at last: the overlap counts from then, for whoever reads it there had nothing before.
    assert_eq!(done(&run_in(Mode::Tend, &manifest, &sandbox, day(31))), [(Verb::Deliver, true)]);
    assert!(github_holds(&sandbox, "github:acme/payments", &new));
    assert!(run_in(Mode::Tend, &manifest, &sandbox, day(37)).outcomes.is_empty());
    assert_eq!(done(&run_in(Mode::Tend, &manifest, &sandbox, day(38))), [(Verb::Deactivate, true)]);
}

#[test]
fn what_is_somebody_elses_or_closed_blocks_before_anything_begins() {
    let manifest = rule(TWO, "");
    let foreign = account(95, true);
    foreign.change(|world| world.parameters.push(parameter("/ci/ci", Some("bob"))));
    let closed = account(95, true);
    closed.change(|world| world.closed.push("github:ACME/payments".to_owned()));
    for (sandbox, code) in [(&foreign, "foreign-place"), (&closed, "closed-place")] {
        let plan = plan(&manifest, sandbox, day(0));
        assert_eq!(plan.waiting.iter().map(|it| it.wait.code()).collect::<Vec<_>>(), [code], "{plan:#?}");
        let before = sandbox.inspect(|world| (world.users.clone(), world.parameters.clone()));
        assert!(run(&manifest, sandbox, day(0)).outcomes.is_empty());
        assert_eq!(
            sandbox.inspect(|world| (world.users.clone(), world.parameters.clone())),
            before,
            "nothing is touched"
        );
        let told = sandbox.inspect(|world| world.mail.iter().map(|mail| mail.to.clone()).collect::<Vec<_>>());
        assert_eq!(told, ["owner@example.com"], "its owner hears of it");
    }
    // One that is tagged as the user's is taken over.
    foreign.change(|world| world.parameters[0].tags.insert("Owner".to_owned(), "ci".to_owned()));
    run(&manifest, &foreign, day(0));
    assert!(parameter_holds(&foreign, "/ci/ci", &current(&foreign)));
}

/// Two users of one rule, one repository: each would take the other's credential away.
#[test]
fn two_users_of_one_place_are_blocked_and_both_are_named() {
    let sandbox = account(95, true);
    sandbox.change(|world| {
        let mut other = world.users[0].clone();
        other.name = "ci-two".to_owned();
        other.keys[0].id = keyrota::inventory::KeyId::new("AKIATWO0000000000002");
        world.users.push(other);
    });
    let rules = "version = 1\n[[rotate]]\nusers = [\"ci*\"]\ndeliver = [\"github:acme/payments\"]\n";
    let plan_of = |shared: &str| plan(&manifest_with(shared, rules), &sandbox, day(0));
    let blocked = plan_of(SHARED);
    let others: Vec<_> = blocked
        .waiting
        .iter()
        .map(|it| match &it.wait {
            WaitingOn::SharedPlace { other, place, .. } => (it.user.as_str(), other.as_str(), place.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(others, [("ci", "ci-two", "github:acme/payments"), ("ci-two", "ci", "github:acme/payments")]);
    // With names of their own they do not meet.
    let names = "[deliver.github]\nnames = [\"{user}_AWS_ACCESS_KEY_ID\", \"{user}_AWS_SECRET_ACCESS_KEY\"]\n";
    assert_eq!(plan_of(&format!("{SHARED}{names}")).changes.len(), 2);
}

/// A key that is to be reissued is delivered nowhere, and stops only when the new one is everywhere.
#[test]
fn a_leaked_key_is_delivered_nowhere() {
    let sandbox = account(10, true);
    let at_once = "overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\nreissue-before = 2026-11-20\n";
    let (manifest, old) = (rule(TWO, at_once), current(&sandbox));
    let applied = run(&manifest, &sandbox, day(0));
    let verbs: Vec<Verb> = done(&applied).into_iter().map(|(verb, _)| verb).collect();
    assert_eq!(
        verbs,
        [Verb::Create, Verb::Promote, Verb::Deliver, Verb::Deliver, Verb::Notify, Verb::Deactivate, Verb::Delete],
        "{applied:#?}"
    );
    assert!(sandbox.inspect(|world| world.key(&old).is_none()));
    assert!(github_holds(&sandbox, "github:acme/payments", &current(&sandbox)));
}

/// Somebody writes the old key back while both work: it is noticed before the old key stops.
#[test]
fn what_is_written_back_is_noticed_before_the_old_key_stops() {
    let (manifest, sandbox) = (rule(TWO, ""), account(95, true));
    run(&manifest, &sandbox, day(0));
    sandbox.change(|world| overwrite(world, "github:acme/payments", day(2)));
    let applied = run_in(Mode::Tend, &manifest, &sandbox, day(7));
    assert_eq!(done(&applied).first(), Some(&(Verb::Deliver, true)), "{applied:#?}");
    assert!(github_holds(&sandbox, "github:acme/payments", &current(&sandbox)));
    let unread = plan(&manifest, &sandbox, day(7)).warnings.iter().any(|it| matches!(it, Warning::PlaceUnread { .. }));
    assert!(!unread, "everything could be looked at");
}

/// What the name of a user makes of a place is known without a call, and before anything begins.
#[test]
fn places_that_can_not_be_are_found_out_before_anything_begins() {
    let named = |user: &str| {
        let sandbox = account(95, false);
        sandbox.change(|world| world.users[0].name = user.to_owned());
        sandbox
    };
    let prefix = "[deliver.github]\nnames = [\"{user}_ID\", \"{user}_SECRET\"]\n";
    let suffix = "[deliver.github]\nnames = [\"X_{user}\", \"X_ID\"]\n";
    for (user, place, shared, why) in [
        ("aws-x", "ssm:{user}", "", "begins with a word that AWS keeps for itself"),
        ("ssm.x", "ssm:/{user}/x", "", "begins with a word that AWS keeps for itself"),
        ("1user", "github:acme/payments", prefix, "`1USER_ID`"),
        ("github_x", "github-org:acme", prefix, "`GITHUB_X_ID`"),
        ("id", "github:acme/payments", suffix, "two of its secrets would be called `X_ID`"),
        ("..", "github:acme/{user}", "", "does not name a repository of GitHub"),
    ] {
        let sandbox = named(user);
        let rules = format!("version = 1\n[[rotate]]\nusers = [\"{user}\"]\ndeliver = [\"{place}\"]\n");
        let manifest = manifest_with(&format!("{SHARED}{shared}"), &rules);
        let plan = plan(&manifest, &sandbox, day(0));
        assert!(plan.changes.is_empty(), "{user}: {plan:#?}");
        let [waiting] = &plan.waiting[..] else { panic!("{user}: {plan:#?}") };
        let WaitingOn::ClosedPlace { why: found, .. } = &waiting.wait else { panic!("{user}: {waiting:#?}") };
        assert!(found.contains(why), "{user}: {found}");
        let before = sandbox.inspect(|world| world.users.clone());
        assert!(run(&manifest, &sandbox, day(0)).outcomes.is_empty());
        assert_eq!(sandbox.inspect(|world| world.users.clone()), before, "{user}: nothing has begun");
    }
}

/// Two places that are one for this user take the key once.
#[test]
fn a_place_that_a_user_has_by_two_names_is_delivered_to_once() {
    let (manifest, sandbox) =
        (rule("\"ssm:/x/{user}\", \"ssm:/x/ci\", \"github:acme/{user}\", \"github:acme/CI\"", ""), account(95, true));
    let applied = run(&manifest, &sandbox, day(0));
    assert_eq!(done(&applied).iter().filter(|(verb, _)| *verb == Verb::Deliver).count(), 2, "{applied:#?}");
    assert!(plan(&manifest, &sandbox, day(0)).changes.is_empty());
}
