//! Nobody is lost to throttling, and hardly any time.

use keyrota::{
    apply::Conditions,
    cloud::sandbox::{Sandbox, StoredSecret},
    run::{Mode, Run},
};
use tokio::time::Instant;

use super::{LATENCY, account, manifest, now, sandbox};
use crate::support::remote::{Limit, Remote, Server};

/// Plans so many users; returns the seconds that it took, and who could not be read.
async fn plan(users: usize, server: &Server) -> (f64, usize) {
    let clouds = [Remote::new(sandbox(users, 0), server.clone())];
    let manifest = manifest("");
    let began = Instant::now();
    let planned = Run::new(&manifest, &clouds, Mode::Plan, now()).plan(&|_| {}).await.expect("listed");
    let unreadable = planned.plan.unreadable().count();
    assert_eq!(planned.plan.users(), users);
    (began.elapsed().as_secs_f64(), unreadable)
}

async fn time(users: usize, limit: Limit) -> f64 {
    let (seconds, unreadable) = plan(users, &Server::new(LATENCY, limit)).await;
    assert_eq!(unreadable, 0);
    seconds
}

#[tokio::test(start_paused = true)]
async fn at_a_rate_it_takes_what_it_must_and_hardly_more() {
    for (users, rate) in [(5_000, 20.0), (300, 20.0), (300, 10.0), (300, 5.0), (100, 5.0), (300, 2.0), (100, 2.0)] {
        let server = Server::new(LATENCY, Limit::of(rate));
        let (seconds, unreadable) = plan(users, &server).await;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let ideal = (users as f64 + 1.0 - rate) / rate;
        println!("{users} at {rate}: {seconds:.1} s, ideal {ideal:.1}, {} refused", server.refused());
        assert_eq!(unreadable, 0, "{users} at {rate}");
        assert!(seconds < 1.15 * ideal, "{users} at {rate} a second: {seconds:.1} s instead of {ideal:.1}");
        assert!(server.refused() < users / 2 + 50, "{users} at {rate} a second: {} were refused", server.refused());
    }
}

/// AWS has a bucket; what emulators and other services have is not known.
#[tokio::test(start_paused = true)]
async fn however_a_rate_is_counted() {
    for rate in [20_u32, 10, 5, 2] {
        let (users, of) = (300, usize::try_from(rate).expect("small"));
        let ideal = 300.0 / f64::from(rate);
        for (limit, most) in [
            (Limit::Bucket { rate: f64::from(rate), burst: 1.0 }, 1.3),
            (Limit::Bucket { rate: f64::from(rate), burst: 5.0 * f64::from(rate) }, 1.15),
            (Limit::Window { rate: of, counts_refused: false }, 1.15),
            (Limit::Window { rate: of, counts_refused: true }, 1.6),
        ] {
            let seconds = time(users, limit.clone()).await;
            println!("{limit:?}: {:.2}", seconds / ideal);
            assert!(seconds < most * ideal, "{limit:?}: {seconds:.1} s instead of {ideal:.1}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn through_a_time_in_which_all_is_refused() {
    for (rate, users, begins) in
        [(20.0, 400, 2.0), (20.0, 400, 8.0), (10.0, 400, 5.0), (5.0, 400, 5.0), (2.0, 100, 5.0), (1e9, 4000, 0.5)]
    {
        let server = Server::new(LATENCY, Limit::of(rate)).silent(begins..begins + 30.0);
        let (seconds, unreadable) = plan(users, &server).await;
        let calm = time(users, Limit::of(rate)).await;
        println!("{users} at {rate}, silent from {begins}: {seconds:.1} s, {calm:.1} without");
        assert_eq!(unreadable, 0, "{users} at {rate}");
        assert!(seconds < 1.15 * (calm + 30.0), "{users} at {rate}: {seconds:.1} s instead of {:.1}", calm + 30.0);
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_share_a_rate() {
    let server = Server::new(LATENCY, Limit::of(10.0));
    let began = Instant::now();
    let (one, other) = tokio::join!(plan(1_000, &server), plan(1_000, &server));
    let seconds = began.elapsed().as_secs_f64();
    println!("{seconds:.1} s, {} refused", server.refused());
    assert_eq!((one.1, other.1), (0, 0));
    assert!(seconds < 1.15 * 199.0, "{seconds:.1} s instead of 199");
}

/// Both read, and both begin rotations: those take as many calls of IAM as of others, which nothing refuses.
#[tokio::test(start_paused = true)]
async fn two_runs_that_apply_share_a_rate() {
    let manifest = manifest("overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"");
    for (users, due, rate) in [(300, 60, 10.0), (300, 60, 20.0), (200, 200, 5.0)] {
        let server = Server::new(LATENCY, Limit::of(rate));
        let began = Instant::now();
        let run = async || {
            let clouds = [Remote::new(sandbox(users, due), server.clone())];
            let planned = Run::new(&manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("listed");
            let applied = planned.apply(&Conditions::new(&now), &|_| {}).await;
            assert_eq!(applied.done(keyrota::plan::Verb::Create), due);
            assert!(planned.verdict(Some(&applied)).is_complete());
        };
        tokio::join!(run(), run());
        let calls = server.calls().into_iter().filter(|(operation, _)| operation.starts_with("iam:"));
        let taken = calls.map(|(_, count)| count).sum::<usize>() - server.refused();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let ideal = (taken as f64 - rate) / rate;
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{users}, {due} due, at {rate}: {:.2} times {ideal:.1} s, {} refused",
            seconds / ideal,
            server.refused()
        );
        assert!(seconds < 1.15 * ideal, "{seconds:.1} s instead of {ideal:.1}");
    }
}

/// Whatever chance has in store: it is no answer to the rate.
#[tokio::test(start_paused = true)]
async fn what_is_refused_at_random_is_asked_again_and_slows_nothing_down() {
    for users in [300, 5_000] {
        let calm = time(users, Limit::Unlimited).await;
        for (share, most) in [(0.1, 1.5), (0.33, 3.0), (0.5, if users < 1_000 { 8.0 } else { 4.0 })] {
            for seed in 1..=4 {
                let server = Server::new(LATENCY, Limit::Chance(share)).seeded(seed);
                let (seconds, unreadable) = plan(users, &server).await;
                assert_eq!(unreadable, 0);
                println!("{users} with {share}: {:.2} times {calm:.2} s", seconds / calm);
                assert!(seconds < most * calm, "{users} with {share}: {seconds:.2} s instead of {calm:.2}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_rotated_at_two_calls_a_second() {
    let clouds = [Remote::new(sandbox(200, 40), Server::new(LATENCY, Limit::of(2.0)))];
    let manifest = manifest("");
    let planned = Run::new(&manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("listed");
    let applied = planned.apply(&Conditions::new(&now), &|_| {}).await;
    assert_eq!(applied.done(keyrota::plan::Verb::Create), 40);
    assert!(planned.verdict(Some(&applied)).is_complete());
}

/// Nothing is taken any more: that ends, and everyone is unreadable.
#[tokio::test(start_paused = true)]
async fn who_is_refused_for_two_minutes_gives_up() {
    let server = Server::new(LATENCY, Limit::of(20.0)).silent(1.0..1e9);
    let (seconds, unreadable) = plan(300, &server).await;
    assert!((120.0..125.0).contains(&seconds), "{seconds}");
    assert!((200..300).contains(&unreadable), "{unreadable}");
    assert!(server.refused() < 250, "{} were refused", server.refused());
}

/// Pages of secrets come one after the other; keys are read meanwhile.
#[tokio::test(start_paused = true)]
async fn nothing_waits_for_the_pages_of_secrets() {
    let seconds = async |foreign: usize| {
        let sandbox = sandbox(3_000, 0);
        let mut world = sandbox.snapshot();
        world.secrets =
            (0..foreign).map(|at| StoredSecret { name: format!("x-{at}"), ..StoredSecret::default() }).collect();
        let clouds = [Remote::new(Sandbox::new(account(), world), Server::new(LATENCY, Limit::Unlimited))];
        let manifest = manifest("");
        let began = Instant::now();
        let planned = Run::new(&manifest, &clouds, Mode::Plan, now()).plan(&|_| {}).await.expect("listed");
        assert_eq!(planned.plan.unreadable().count(), 0);
        (began.elapsed().as_secs_f64(), clouds[0].server.calls()["iam:ListAccessKeys"])
    };
    let ((without, calls), (with, _)) = (seconds(0).await, seconds(5_000).await);
    println!("{without:.2} s without secrets, {with:.2} s with 5,000 of them");
    assert_eq!(calls, 3_000, "each user once");
    let pages = 50.0 * LATENCY.as_secs_f64();
    assert!(with < without.max(pages) + 0.3, "{with:.2} s: {without:.2} s of keys and {pages:.2} s of secrets");
}
