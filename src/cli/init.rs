//! `keyrota init`: the first manifests of an account.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    fs,
    path::{Component, Path, PathBuf},
};

use chrono::{DateTime, Utc};
use keyrota::{
    cloud::{Reads, sandbox::Sandbox},
    init::{self, Draft, DraftFile, RemarkKind, Scaffold, Undecided},
    inventory::Account,
    manifest::{self, Manifest},
    plan::{Class, Plan, WaitingOn},
    report::{
        Report, json, masked,
        text::{aligned, summary},
    },
    roster::resolve,
    run::{Mode, Run},
    untrusted::printable,
};
use serde_json::json;
use strum::VariantArray;

use super::{
    args::{Common, Format, InitArgs},
    error::CommandError,
    exit::Exit,
    output::Output,
    sole::{connect_one, manifests_in, read_all},
};

/// How wide a list of names gets.
const WIDTH: usize = 100;
/// Of those for whom nothing is done yet, so many are named.
const MOST_NAMES: usize = 100;

pub async fn run(common: &Common, args: &InitArgs, output: &Output) -> Result<Exit, CommandError> {
    if common.at.is_some() {
        return Err(CommandError::new("`--at` means nothing here: what `init` writes does not depend on the day"));
    }
    // Before anything is asked of anybody.
    refuse_existing(common, args)?;
    match &common.sandbox {
        Some(path) => {
            let sandbox = Sandbox::load(path).map_err(CommandError::new)?;
            let now = sandbox.now().unwrap_or_else(Utc::now);
            sandbox.set_now(now);
            write(&sandbox, &|| now, common, args, output).await
        }
        None => {
            let aws = connect_one(None, common, "these manifests are of one", output).await?;
            write(&aws, &Utc::now, common, args, output).await
        }
    }
}

/// A file that is to be written.
struct Target {
    path: PathBuf,
    text: String,
}

async fn write<C: Reads>(
    cloud: &C,
    clock: &(dyn Fn() -> DateTime<Utc> + Sync),
    common: &Common,
    args: &InitArgs,
    output: &Output,
) -> Result<Exit, CommandError> {
    let sandbox = read_all(cloud, None, clock, "nothing was written", output).await?;
    let (account, world) = (sandbox.account().clone(), sandbox.snapshot());
    let draft = init::draft(&account, &world, args.by.clone())
        .map_err(|why| CommandError::new(why).hint("nothing was written; choose with `--by`, or leave it out"))?;
    let mut scaffold = Vec::new();
    if args.github.is_some() {
        scaffold.extend(init::github(&workflow_path(&common.manifests)?));
    }
    if args.terraform {
        scaffold.push(init::terraform(&account, &world, args.github.as_ref()));
    }
    let mut draft = draft;
    draft.undecided.extend(scaffold_decisions(args));
    let targets: Vec<Target> = draft
        .files
        .iter()
        .map(|DraftFile { name, text, .. }| Target { path: common.manifests.join(name), text: text.clone() })
        .chain(scaffold.iter().map(|Scaffold { path, text }| Target { path: PathBuf::from(path), text: text.clone() }))
        .collect();
    let strangers =
        manifests_in(&common.manifests).into_iter().filter(|name| draft.files.iter().all(|file| file.name != *name));
    if let Some(stranger) = strangers.into_iter().next() {
        let path = common.manifests.join(stranger);
        return Err(CommandError::new(format!("{} is no file that `init` would write over", printable(&path.display().to_string())))
            .hint("nothing was written: its rules could select the same users; move it away, or name another folder with `--manifests DIR`"));
    }
    let manifest = checked(&draft, common, clock())?;
    covers_everyone(&manifest, &draft, &account, &sandbox, clock()).await?;
    // On what was just read, so that the page and the next plan tell the same.
    let plan = planned(&manifest, sandbox, clock()).await?;
    write_all(&targets, args.force)?;
    output.data(&match output.format {
        Format::Json => as_json(&draft, &account, &targets, &plan),
        _ => {
            let page = page(&draft, &account, &targets, &plan);
            if common.mask { masked(&page) } else { page }
        }
    });
    Ok(Exit::Done)
}

/// What the scaffold leaves to a person.
fn scaffold_decisions(args: &InitArgs) -> Vec<Undecided> {
    let of = |what: &str, remedy: &str| Undecided { what: what.to_owned(), remedy: remedy.to_owned() };
    let mut undecided = Vec::new();
    if args.terraform {
        let boundary = "in terraform/main.tf: leave out administrators, add who will rotate one day";
        undecided.push(of("the boundary", boundary));
        undecided.push(of("the state and the alarms", "in terraform/main.tf: a `backend`, and `alarm_emails`"));
    }
    if let Some(repository) = &args.github {
        let variables = "set KEYROTA_PLAN_ROLE, KEYROTA_DEPLOY_ROLE (outputs of Terraform) and KEYROTA_REGION there";
        undecided.push(of(&format!("variables of {repository}"), variables));
        undecided.push(of("who approves", "protect the environment `production`, and the manifests by CODEOWNERS"));
        if !args.terraform {
            undecided.push(of("what ships", "keyrota-apply.yml applies `terraform/`: `--terraform` writes it"));
        }
    }
    undecided
}

/// Nothing is written over what is there, unless `--force` says so.
fn refuse_existing(common: &Common, args: &InitArgs) -> Result<(), CommandError> {
    if args.force {
        return Ok(());
    }
    let folder = common.manifests.display();
    let manifests = manifests_in(&common.manifests);
    if !manifests.is_empty() {
        let shown: Vec<String> = manifests.iter().take(3).map(|name| printable(name)).collect();
        let more = if manifests.len() > shown.len() { ", …" } else { "" };
        return Err(CommandError::new(format!("{folder} has manifests already: {}{more}", shown.join(", "))).hint(
            "nothing was written: name an empty folder with `--manifests DIR`, or write over them with `--force`",
        ));
    }
    let mut others: Vec<PathBuf> = Vec::new();
    if args.github.is_some() {
        others.extend(init::github("manifests").iter().map(|file| PathBuf::from(file.path)));
    }
    if args.terraform {
        others.push(PathBuf::from(init::TERRAFORM));
    }
    match others.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(exists(path)),
        None => Ok(()),
    }
}

fn exists(path: &Path) -> CommandError {
    CommandError::new(format!("{} is there already", printable(&path.display().to_string())))
        .hint("nothing was written: move it away, or write over it with `--force`")
}

/// The folder as workflows name it: from the root of the repository, which is where this runs.
fn workflow_path(folder: &Path) -> Result<String, CommandError> {
    let is_plain = |part: &Component| matches!(part, Component::Normal(_) | Component::CurDir);
    let parts: Vec<&str> = folder
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .filter_map(|part| part.as_os_str().to_str())
        .collect();
    let is_word = |part: &&str| part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !folder.components().all(|part| is_plain(&part)) || parts.is_empty() || !parts.iter().all(is_word) {
        return Err(CommandError::new(format!(
            "`--manifests {}`: workflows need a folder below this one, with letters, digits, `-`, `_` and `.` in its name",
            printable(&folder.display().to_string())
        ))
        .hint("nothing was written: run it at the root of the repository"));
    }
    Ok(parts.join("/"))
}

/// The manifests as `check` reads them. It passes, or nothing is written.
fn checked(draft: &Draft, common: &Common, now: DateTime<Utc>) -> Result<Manifest, CommandError> {
    let is_manifest = |file: &&DraftFile| file.name.ends_with(".toml");
    let path = |file: &DraftFile| common.manifests.join(&file.name).display().to_string();
    let files = draft.files.iter().filter(is_manifest).map(|file| (path(file), file.text.clone().into_bytes()));
    let loaded = manifest::load_files(files.collect(), now);
    match (loaded.has_errors(), loaded.manifest) {
        (false, Some(manifest)) => Ok(manifest),
        _ => {
            let first = loaded.diagnostics.first().map(|it| it.render(false)).unwrap_or_default();
            Err(CommandError::new(format!("the manifests that came out of this account are not valid:\n{first}"))
                .hint("nothing was written; please report this, with what `keyrota capture --anonymize` writes"))
        }
    }
}

/// Every user with an active key is selected, by one rule.
async fn covers_everyone(
    manifest: &Manifest,
    draft: &Draft,
    account: &Account,
    sandbox: &Sandbox,
    now: DateTime<Utc>,
) -> Result<(), CommandError> {
    let users = sandbox.users(&|_, _| true).await.map_err(CommandError::new)?;
    let (roster, _) = resolve(manifest, account, &users, now);
    let single = roster.entries.iter().filter(|entry| entry.conflict.is_none());
    let covered: HashSet<&str> = single.map(|entry| entry.user.name.as_str()).collect();
    match draft.files.iter().flat_map(|file| &file.users).find(|name| !covered.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(CommandError::new(format!("no single rule selects {}", printable(name)))
            .hint("nothing was written; please report this, with what `keyrota capture --anonymize` writes")),
    }
}

async fn planned(manifest: &Manifest, sandbox: Sandbox, now: DateTime<Utc>) -> Result<Plan, CommandError> {
    let clouds = [sandbox];
    Ok(Run::new(manifest, &clouds, Mode::Enforce, now).plan(&|_| {}).await?.plan)
}

/// Writes all files, or none: what was written is taken back when a later one can't be.
fn write_all(targets: &[Target], force: bool) -> Result<(), CommandError> {
    if !force && let Some(target) = targets.iter().find(|target| target.path.symlink_metadata().is_ok()) {
        return Err(exists(&target.path));
    }
    let mut undo: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for Target { path, text } in targets {
        let done = make_folder(path, &mut folders).and_then(|()| {
            // What a link leads to is no file of these.
            if path.is_symlink() {
                return Err(std::io::Error::other("it is a symbolic link, which is not written through"));
            }
            let before = path.exists().then(|| fs::read(path)).transpose()?;
            undo.push((path.clone(), before));
            fs::write(path, text)
        });
        if let Err(error) = done {
            for (path, before) in undo.into_iter().rev() {
                // The first error is the one to tell.
                let _ = match before {
                    Some(before) => fs::write(path, before),
                    None => fs::remove_file(path),
                };
            }
            folders.iter().rev().for_each(|folder| {
                let _ = fs::remove_dir(folder);
            });
            return Err(CommandError::new(format!("{}: {error}", printable(&path.display().to_string())))
                .hint("nothing was written"));
        }
    }
    Ok(())
}

/// Makes the folder of a file, and notes which were not there.
fn make_folder(path: &Path, made: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let missing: Vec<PathBuf> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .map(Path::to_owned)
        .collect();
    fs::create_dir_all(folder)?;
    made.extend(missing.into_iter().rev());
    Ok(())
}

/// What was written, what the next plan shows, and what could not be decided.
fn page(draft: &Draft, account: &Account, targets: &[Target], plan: &Plan) -> String {
    let Draft { by, files, remarks, undecided, active, others } = draft;
    let mut text = format!(
        "Account {account}, {}: {} with an active key, {others} without. Grouped by `{}`.\n\n",
        account.region,
        users(*active),
        printable(&by.to_string()),
    );
    let of = |target: &Target| files.iter().find(|file| target.path.ends_with(&file.name));
    text += &aligned(targets.iter().map(|target| {
        let what = of(target).and_then(|file| Some(format!("{}, {}", file.selects.clone()?, file.users.len())));
        format!("  {}\t{}", printable(&target.path.display().to_string()), what.unwrap_or_default())
    }));
    text += "\nTo decide:\n";
    text += &aligned(undecided.iter().map(|Undecided { what, remedy }| format!("  {what}\t{remedy}")));
    for &kind in RemarkKind::VARIANTS {
        let mut names: Vec<String> =
            remarks.iter().filter(|it| it.kind == kind).map(|it| printable(&it.user)).collect();
        names.dedup();
        if !names.is_empty() {
            let _ =
                write!(text, "  {} ({}): {}\n{}", kind.heading(), names.len(), kind.question(), wrapped_some(&names));
        }
    }
    text += "\nWhat `keyrota plan` shows now:\n";
    text += &forecast(plan);
    text += &format!("  {}\n", summary(plan).replace('\n', "\n  "));
    text + "\nNext: `keyrota check`, `keyrota doctor`, `keyrota plan`.\n"
}

/// Users by what is done to them, and each that waits for a person.
fn forecast(plan: &Plan) -> String {
    let mut by_verb: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for change in &plan.changes {
        by_verb.entry(change.action.verb().as_str()).or_default().push(printable(&change.user));
    }
    let mut held: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut text = String::new();
    for (verb, names) in by_verb {
        let _ = write!(text, "  {verb} ({}):\n{}", names.len(), wrapped(&names));
    }
    let (mut blocked, mut nobody_to_tell) = (Vec::new(), Vec::new());
    for waiting in &plan.waiting {
        match waiting.wait.class() {
            // The same of each of them, and said above.
            Class::Blocked if matches!(waiting.wait, WaitingOn::NoRecipient { .. }) => {
                nobody_to_tell.push(printable(&waiting.user));
            }
            Class::Blocked | Class::Unreadable => {
                blocked.push(format!("    {}\t{}", printable(&waiting.user), printable(&waiting.wait.to_string())));
            }
            Class::Held | Class::Exempt => held.entry(waiting.wait.code()).or_default().push(printable(&waiting.user)),
        }
    }
    for (code, names) in held {
        let _ = write!(text, "  held, {code} ({}):\n{}", names.len(), wrapped_some(&names));
    }
    if !nobody_to_tell.is_empty() {
        let count = nobody_to_tell.len();
        let _ = write!(text, "  blocked, nobody can be told ({count}):\n{}", wrapped_some(&nobody_to_tell));
    }
    if !blocked.is_empty() {
        let _ = write!(text, "  blocked ({}):\n{}", blocked.len(), aligned(blocked.into_iter()));
    }
    text
}

fn users(count: usize) -> String {
    if count == 1 { "1 user".to_owned() } else { format!("{count} users") }
}

/// Names on lines of their own, indented; of very many the first.
fn wrapped_some(names: &[String]) -> String {
    match names.len().checked_sub(MOST_NAMES) {
        None | Some(0) => wrapped(names),
        Some(more) => wrapped(&names[..MOST_NAMES]) + &format!("    … and {more} more\n"),
    }
}

/// Names on lines of their own, indented.
fn wrapped(names: &[String]) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for (position, name) in names.iter().enumerate() {
        let name = if position + 1 < names.len() { format!("{name},") } else { name.clone() };
        if !line.is_empty() && line.len() + name.len() + 5 > WIDTH {
            let _ = writeln!(text, "    {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += &name;
    }
    text + &format!("    {line}\n")
}

fn as_json(draft: &Draft, account: &Account, targets: &[Target], plan: &Plan) -> String {
    let files: Vec<_> = targets
        .iter()
        .map(|target| {
            let file = draft.files.iter().find(|file| target.path.ends_with(&file.name));
            json!({
                "path": target.path.display().to_string(),
                "selects": file.and_then(|file| file.selects.clone()),
                "users": file.map(|file| file.users.clone()).unwrap_or_default(),
            })
        })
        .collect();
    let undecided = draft.undecided.iter().map(|it| json!({ "what": it.what, "remedy": it.remedy }));
    let remarks =
        draft.remarks.iter().map(|it| json!({ "kind": it.kind.heading(), "user": it.user, "message": it.text }));
    let document = json!({
        "version": 1,
        "account": account.id,
        "by": draft.by.to_string(),
        "active": draft.active,
        "without-active-key": draft.others,
        "files": files,
        "undecided": undecided.collect::<Vec<_>>(),
        "remarks": remarks.collect::<Vec<_>>(),
        "plan": json::value(&Report { plan, revision: None, since: None, applied: None }),
    });
    format!("{document:#}\n")
}
