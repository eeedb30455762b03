//! `keyrota capture`: the account as a sandbox file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use keyrota::{
    capture::anonymize,
    cloud::{
        Reads,
        sandbox::{Sandbox, SandboxError, Seat},
    },
    counted::counted,
    manifest::{self, Manifest},
    organization::Found,
    report::masked,
    time::rfc3339,
};

use serde_json::json;

use super::{
    args::{CaptureArgs, Common, Format},
    error::CommandError,
    exit::Exit,
    output::Output,
    sole::{connect_one, manifests_in, one_sandbox, optional_manifest, read_all},
};

pub async fn run(common: &Common, args: &CaptureArgs, output: &Output) -> Result<Exit, CommandError> {
    if common.at.is_some() {
        return Err(CommandError::new("`--at` can't be captured: the account is as it is now")
            .hint("`keyrota plan --sandbox FILE --at …` looks ahead from what was captured"));
    }
    check_target(&args.into, common)?;
    let why = "a sandbox is one account";
    let source = common.sandbox.as_deref().map(|path| one_sandbox(path, why)).transpose()?;
    let now = source.as_ref().and_then(|(sandbox, _)| sandbox.now()).unwrap_or_else(Utc::now);
    let manifest = optional_manifest(common, now, output)?;
    match source {
        Some((sandbox, name)) => {
            let (sandbox, seat) = placed(sandbox, &name, manifest.as_ref());
            write(&sandbox, Some(seat), manifest.as_ref(), &|| now, common, args, output).await
        }
        None => {
            let aws = connect_one(manifest.as_ref(), common, why, output).await?;
            write(&aws, None, manifest.as_ref(), &Utc::now, common, args, output).await
        }
    }
}

/// A sandbox where the organisation of the manifests has it, and its place there as its file says it.
fn placed(sandbox: Sandbox, name: &str, manifest: Option<&Manifest>) -> (Sandbox, Seat) {
    let seat = sandbox.seat().clone();
    let Some(manifest) = manifest.filter(|manifest| manifest.organization.is_some()) else { return (sandbox, seat) };
    // In a folder it is called by its file.
    let seat = Seat { name: seat.name.or_else(|| Some(name.to_owned())), ..seat };
    let found = Found::within(manifest, &Sandbox::organization([(name, &sandbox)], false), None);
    let id = sandbox.account().id.clone();
    match found.accounts.into_iter().find(|(_, account)| account.id == id) {
        Some((name, account)) => (sandbox.named(Some(name)).placed(account.membership), seat),
        None => (sandbox, seat),
    }
}

async fn write<C: Reads>(
    cloud: &C,
    seat: Option<Seat>,
    manifest: Option<&Manifest>,
    clock: &(dyn Fn() -> DateTime<Utc> + Sync),
    common: &Common,
    args: &CaptureArgs,
    output: &Output,
) -> Result<Exit, CommandError> {
    let mut sandbox = read_all(cloud, manifest, clock, "nothing was written", output).await?;
    if let Some(seat) = seat {
        sandbox = sandbox.seated(seat);
    }
    let mut manifests = None;
    if args.anonymize {
        let files = match manifest {
            None => Vec::new(),
            Some(_) => manifest::read(&common.manifests).map_err(|refused| {
                output.diagnostics(&refused);
                CommandError::Manifests
            })?,
        };
        let anonymous = anonymize(&sandbox, manifest, &files);
        sandbox = anonymous.sandbox;
        if !anonymous.manifests.is_empty() {
            let folder = beside(&args.into);
            let is_ours = |name: &String| anonymous.manifests.iter().any(|(own, _)| own == name);
            if let Some(other) = manifests_in(&folder).iter().find(|name| !is_ours(name)) {
                let path = folder.join(other);
                return Err(CommandError::new(format!("{} is no file of `capture`", path.display())).hint(
                    "nothing was written: its rules could select the same users; move it away, or name another file",
                ));
            }
            manifests = Some((folder, anonymous.manifests));
        }
    }
    let world = sandbox.snapshot();
    let now = world.now.map(rfc3339).unwrap_or_default();
    let account = sandbox.account().id.clone();
    let names = match args.anonymize {
        true => "Names, ids, tags and addresses were replaced, alike everywhere.",
        false => "Names, tags and addresses are: `keyrota capture --anonymize` replaces them.",
    };
    let file = args.into.display();
    let folder =
        manifests.as_ref().map_or_else(String::new, |(folder, _)| format!(" --manifests {}", folder.display()));
    let header = format!(
        "Account {account} as of {now}, written by `keyrota capture`. No secret is in it.\n{names}\n\n    \
         keyrota plan --sandbox {file}{folder}"
    );
    sandbox.with_header(&header).save(&args.into).map_err(|error| {
        let hint = match error {
            SandboxError::Write { .. } => "nothing was written: it is the disk or the folder, and not the account",
            _ => "nothing was written; please report what the account holds that the file can't",
        };
        CommandError::new(error).hint(hint)
    })?;
    if let Some((folder, manifests)) = &manifests {
        for (name, text) in manifests {
            let path = folder.join(name);
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
            written.map_err(|error| CommandError::new(format!("{}: {error}", path.display())))?;
        }
    }
    let keys: usize = world.users.iter().map(|user| user.keys.len()).sum();
    let (users, secrets) = (world.users.len(), world.secrets.len());
    output.data(&match output.format {
        Format::Json => {
            let document = json!({
                "version": 1, "path": args.into.display().to_string(), "account": account, "as-of": now,
                "users": users, "keys": keys, "secrets": secrets,
                "manifests": manifests.map(|(folder, _)| folder.display().to_string()),
            });
            format!("{document:#}\n")
        }
        _ => {
            let mut text = format!(
                "{file}: {}, {}, {} of account {account} as of {now}\n",
                counted(users, "user"),
                counted(keys, "key"),
                counted(secrets, "secret")
            );
            if let Some((folder, manifests)) = &manifests {
                let left_out = "templates of mails are left out";
                text += &format!(
                    "{}: {}, renamed alike; {left_out}\n",
                    folder.display(),
                    counted(manifests.len(), "manifest")
                );
            }
            if common.mask { masked(&text) } else { text }
        }
    });
    Ok(Exit::Done)
}

/// The folder of the manifests that belong to a file: `account.toml` has `account-manifests`.
fn beside(into: &Path) -> PathBuf {
    let stem = into.file_stem().map_or_else(|| "account".into(), |stem| stem.to_string_lossy());
    into.with_file_name(format!("{stem}-manifests"))
}

/// Only a sandbox file is written over, and none becomes a manifest.
fn check_target(into: &Path, common: &Common) -> Result<(), CommandError> {
    let folder = match into.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let named = into.display();
    if !folder.is_dir() {
        return Err(CommandError::new(format!("{named}: there is no folder {}", folder.display())));
    }
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same(&folder, &common.manifests) && into.extension().is_some_and(|extension| extension == "toml") {
        return Err(CommandError::new(format!("{named} would be read as a manifest"))
            .hint("name a file outside of the folder of the manifests"));
    }
    if into.symlink_metadata().is_ok() && Sandbox::load(into).is_err() {
        return Err(CommandError::new(format!("{named} is there already, and is no sandbox file"))
            .hint("name another file, or remove this one"));
    }
    Ok(())
}
