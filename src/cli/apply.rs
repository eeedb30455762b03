//! `keyrota apply`: plans, shows the plan, asks, applies.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use indicatif::ProgressBar;
use keyrota::{
    apply::Conditions,
    clock::ClockOff,
    cloud::Values,
    events::EventQueue,
    git,
    mail::Outbox,
    observe::{Depth, Unmanaged},
    report::{Report, json, markdown, text},
    run::Mode,
};

use super::{
    approval::Approval,
    args::{ApplyArgs, Format},
    context::{Context, write_reports},
    error::CommandError,
    exit::Exit,
    history,
    output::Output,
};

pub async fn run<C: Values>(context: &Context<'_, C>, args: &ApplyArgs) -> Result<Exit, CommandError> {
    let Context { common, output, clock, .. } = *context;
    let approval = Approval::read(args)?;
    if let Some(refusal) = approval.as_ref().and_then(Approval::outdated) {
        output.error(refusal);
        return Ok(Exit::NotApproved);
    }
    let revision = git::revision(&common.manifests);
    let mut planned = context.plan_users(&args.users, Mode::Enforce, Depth::Plan, Unmanaged::Names).await?;
    if approval.is_some() || !args.yes {
        // Who approves a plan approves these changes, and none in their place.
        planned.plan.queue.clear();
    }
    let plan = &planned.plan;
    match output.format {
        // The document comes last and is one. A person who is asked still sees what about.
        Format::Json | Format::Markdown if args.yes => {}
        Format::Json | Format::Markdown => output.talk(&context.masked(text::plan(plan))),
        _ => output.data(&(context.as_of() + &context.masked(text::plan(plan)))),
    }
    let exceeded = context.exceeded(plan);
    if !exceeded.is_empty() {
        let refused = Report { revision: revision.as_deref(), stopped: &exceeded, ..Report::new(plan) };
        match output.format {
            Format::Json => output.data(&json::render(&refused)),
            Format::Markdown => output.data(&markdown::render(&refused, common.mask)),
            _ => {}
        }
        if let Some(place) = &args.history {
            history::write(place, &planned, None, revision.as_deref(), clock(), output).await;
        }
        write_reports(common, &refused)?;
        return Ok(Exit::Limit);
    }
    if let Some(approval) = &approval
        && let Err(refusal) = approval.covers(plan)
    {
        let exit = refusal.exit();
        output.error(refusal);
        output.hint("nothing was changed; plan again, and have the new plan approved");
        return Ok(exit);
    }
    planned
        .check_clock()
        .map_err(|off| CommandError::new(format!("nothing was changed: {off}")).hint(ClockOff::REMEDY))?;
    if !plan.changes.is_empty() && !args.yes {
        ask(output).await?;
    }
    output.applies();

    let interrupted = Arc::new(AtomicBool::new(false));
    let bar = output.progress("Applying");
    // A step for each change: one that follows in the same run is one as well.
    bar.inc_length(plan.changes.iter().map(|change| change.in_run().count() as u64).sum());
    let watch = tokio::spawn(watch(Arc::clone(&interrupted), bar.clone()));
    let conditions = Conditions {
        as_of: plan.as_of,
        clock,
        may_start: &|| !interrupted.load(Ordering::Relaxed),
        ends: None,
        told_by: None,
        progress: &|outcome| {
            tracing::debug!(user = outcome.change.user, action = %outcome.change.action.verb(), ok = outcome.result.is_ok());
            // More may come of it than was planned, and never more than all.
            if bar.length() <= Some(bar.position()) {
                bar.inc_length(1);
            }
            bar.inc(1);
        },
        outbox: Outbox::default(),
        events: EventQueue::default(),
    };
    let applied = planned.apply(&conditions, &|_| {}).await;
    watch.abort();
    bar.finish_and_clear();

    if let Some(place) = &args.history {
        history::write(place, &planned, Some(&applied), revision.as_deref(), clock(), output).await;
    }
    let report = Report { revision: revision.as_deref(), applied: Some(&applied), ..Report::new(plan) };
    match output.format {
        Format::Json => output.data(&json::render(&report)),
        Format::Markdown => output.data(&markdown::render(&report, common.mask)),
        _ if plan.changes.is_empty() && applied.mail.is_empty() && applied.deferred.is_empty() => {}
        _ => output.data(&context.masked(format!("\n{}", text::applied(&report)))),
    }
    applied.hints().iter().for_each(|hint| output.hint(hint));
    // What was done is done: a report that can't be written must not hide that something failed.
    if let Err(stop) = write_reports(common, &report) {
        stop.say(output);
        if common.json_into.is_some() && output.format != Format::Json {
            output.hint("what was done is done, and is written here instead, as `--json-into` would have it:");
            output.record(&json::render(&report));
        }
        return Ok(Exit::Failed);
    }
    // A user that could not be read may have a key that is due: a run that never gets to see it must not look fine.
    Ok(if planned.verdict(Some(&applied)).is_complete() { Exit::Done } else { Exit::Failed })
}

async fn ask(output: &Output) -> Result<(), CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::new("nothing was changed: nobody is here to approve the plan")
            .hint("`--yes` applies without asking"));
    }
    output.talk("\nApply these changes? Only `yes` is accepted: ");
    // Read beside, so that an interruption is heard.
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    match read.await {
        Ok(Ok(answer)) if answer.trim() == "yes" => Ok(()),
        Ok(_) | Err(_) => Err(CommandError::new("not approved; nothing was changed")),
    }
}

/// The first interruption lets what is under way finish; the second ends the process, which is safe as well.
async fn watch(interrupted: Arc<AtomicBool>, bar: ProgressBar) {
    for again in [false, true] {
        if signal().await.is_err() {
            return;
        }
        if again {
            bar.finish_and_clear();
            #[expect(clippy::exit, reason = "who interrupts twice does not wait for a call that hangs")]
            std::process::exit(130);
        }
        interrupted.store(true, Ordering::Relaxed);
        let text = "\nFinishing the changes under way and starting no others: seconds, or up to four minutes while AWS refuses calls.\n\
                    Once more to stop at once; the next run carries on from there.\n";
        bar.suspend(|| {
            let _ = io::stderr().write_all(text.as_bytes());
        });
    }
}

#[cfg(unix)]
async fn signal() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
