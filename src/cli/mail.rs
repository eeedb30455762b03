//! `keyrota mail preview`: writes a mail as a file, to look at. Sends nothing.

use std::{fs, path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use keyrota::{
    cloud::Reads,
    mail::{as_slack, as_topic},
    manifest::{self, Mail},
    notice::Kind,
    observe::{Depth, Unmanaged},
    run::Mode,
    template::{Language, Text, content::Content, examples::examples, render},
    untrusted::printable,
};

use super::{
    args::{Common, PreviewArgs, PreviewBy},
    context::Context,
    error::CommandError,
    exit::Exit,
    open::instant,
    output::Output,
};

/// With example data, offline. Without a folder of manifests there are no templates of the team's.
pub fn example(common: &Common, args: &PreviewArgs, output: &Output) -> Result<Exit, CommandError> {
    let now = instant(common.at.as_deref(), Utc::now(), None)?;
    let mut mail = Mail::default();
    if common.manifests.exists() {
        let loaded = manifest::load(&common.manifests, now);
        output.diagnostics(&loaded.diagnostics);
        mail = loaded.manifest.ok_or(CommandError::Manifests)?.mail;
    }
    let language = args.language.unwrap_or(mail.language);
    let content = example_of(args.kind, now);
    write(args, output, &mail, language, &content)?;
    Ok(Exit::Done)
}

/// With what is known of one user.
pub async fn of_user<C: Reads>(context: &Context<'_, C>, args: &PreviewArgs, user: &str) -> Result<Exit, CommandError> {
    let now = (context.clock)();
    let mail = &context.manifest.mail;
    for one in context.plan(Mode::Plan, Depth::Everything, Unmanaged::Names).await?.accounts {
        let is_meant = |name: &str| name.eq_ignore_ascii_case(user);
        let Some(entry) = one.roster.entries.iter().find(|entry| is_meant(&entry.user.name)) else { continue };
        let state = one.inventory.users.get(&entry.user.name);
        let keys = match state {
            Some(Ok(state)) => &state.keys[..],
            Some(Err(error)) => return Err(CommandError::new(error)),
            None => &[],
        };
        let account = Arc::new(one.roster.account.clone());
        let content = example_of(args.kind, now).about_user(&account, &entry.user.name, &entry.secret, keys);
        let language = args.language.unwrap_or(entry.policy.language.value);
        write(args, context.output, mail, language, &content)?;
        return Ok(Exit::Done);
    }
    Err(CommandError::new(format!("no rule selects a user `{}`", printable(user)))
        .hint("`keyrota status` shows who is in scope"))
}

fn example_of(kind: Kind, now: DateTime<Utc>) -> Content {
    examples(kind, now).into_iter().next().expect("every kind has an example")
}

/// Writes `KIND.LANG.html` and `KIND.LANG.txt`, or what a channel gets, and prints their paths.
fn write(
    args: &PreviewArgs,
    output: &Output,
    mail: &Mail,
    language: Language,
    content: &Content,
) -> Result<(), CommandError> {
    let (finished, error) = render(&mail.templates, language, content);
    if let Some(error) = error {
        output.error(format!("{error}; keyrota's own template is shown"));
    }
    fs::create_dir_all(&args.into).map_err(|error| cannot_write(&args.into, &error))?;
    let as_text = |subject: &str, text: &str| format!("Subject: {subject}\n\n{text}");
    let files = match args.by {
        PreviewBy::Mail => {
            let Text { subject, text, html } = finished;
            let text = as_text(&subject, &text);
            vec![("html", html), ("txt", text)]
        }
        PreviewBy::Sns => {
            let (subject, text) = as_topic(&finished);
            vec![("sns.txt", as_text(&subject, &text))]
        }
        PreviewBy::Slack => vec![("slack.json", as_slack(&finished) + "\n")],
    };
    for (extension, text) in files {
        let path = args.into.join(format!("{}.{}.{extension}", content.kind(), language.as_str()));
        fs::write(&path, text).map_err(|error| cannot_write(&path, &error))?;
        output.data(&format!("{}\n", path.display()));
    }
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::new(format!("{}: {error}", path.display()))
}
