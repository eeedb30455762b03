//! `keyrota init`: the first manifests of an account.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use keyrota::{
    cloud::{Reads, sandbox::Sandbox},
    init::{self, Draft, DraftFile, TERRAFORM, Undecided},
    inventory::Account,
    manifest::{self, Manifest},
    plan::Plan,
    report::masked,
    roster::resolve,
    run::{Mode, Run},
    untrusted::printable,
};

use super::{
    args::{Common, Format, InitArgs},
    error::CommandError,
    exit::Exit,
    output::Output,
    sole::{connect_one, manifests_in, one_sandbox, optional_manifest, read_all},
};

mod files;
mod page;

use files::{
    Target, exists, is_there, refuse_existing, refuse_within_repository, scaffold_paths, workflow_path, write_all,
};

pub async fn run(common: &Common, args: &InitArgs, output: &Output) -> Result<Exit, CommandError> {
    if common.at.is_some() {
        return Err(CommandError::new("`--at` means nothing here: what `init` writes does not depend on the day"));
    }
    if let Some(account) = common.accounts.first() {
        return Err(CommandError::new(format!(
            "`--account {}` means nothing here: `init` looks at the account of the credentials",
            printable(account)
        ))
        .hint("nothing was written: use credentials of that account, e.g. another AWS_PROFILE"));
    }
    // Before anything is asked of anybody.
    if args.github.is_some() {
        refuse_within_repository(common)?;
    }
    let is_addition = !args.force && !scaffold_paths(args).is_empty() && !manifests_in(&common.manifests).is_empty();
    if !is_addition {
        refuse_existing(common, args)?;
    }
    if is_addition && (!args.terraform || is_there(TERRAFORM.as_ref())) {
        // Nothing of it depends on the account.
        return add(None::<&Sandbox>, &Utc::now, common, args, output).await;
    }
    match &common.sandbox {
        Some(path) => {
            let (sandbox, _) = one_sandbox(path, "these manifests are of one")?;
            let now = sandbox.now().unwrap_or_else(Utc::now);
            sandbox.set_now(now);
            match is_addition {
                true => add(Some(&sandbox), &|| now, common, args, output).await,
                false => write(&sandbox, &|| now, common, args, output).await,
            }
        }
        None => {
            let aws = connect_one(None, common, "these manifests are of one", output).await?;
            match is_addition {
                true => add(Some(&aws), &Utc::now, common, args, output).await,
                false => write(&aws, &Utc::now, common, args, output).await,
            }
        }
    }
}

/// Adds the workflows and the root module to manifests that are there, as far as they are not. The root module names the users
/// of the account.
async fn add<C: Reads>(
    cloud: Option<&C>,
    clock: &(dyn Fn() -> DateTime<Utc> + Sync),
    common: &Common,
    args: &InitArgs,
    output: &Output,
) -> Result<Exit, CommandError> {
    let (left, missing): (Vec<&str>, Vec<&str>) =
        scaffold_paths(args).into_iter().partition(|path| is_there(path.as_ref()));
    if missing.is_empty() {
        return Err(exists(left[0].as_ref()));
    }
    let manifest = optional_manifest(common, clock(), output)?;
    let mut scaffold = Vec::new();
    if args.github.is_some() {
        scaffold.extend(init::github(&workflow_path(&common.manifests)?));
    }
    if let Some(cloud) = cloud {
        let sandbox = read_all(cloud, manifest.as_ref(), clock, "nothing was written", output).await?;
        scaffold.push(init::terraform(sandbox.account(), &sandbox.snapshot(), args.github.as_ref()));
    }
    let targets: Vec<Target> =
        scaffold.into_iter().filter(|file| missing.contains(&file.path)).map(Target::from).collect();
    write_all(&targets, false)?;
    let undecided = scaffold_decisions(args, left.contains(&TERRAFORM));
    output.data(&match output.format {
        Format::Json => page::added_json(&targets, &left, &undecided),
        _ => page::added(&targets, &left, &undecided),
    });
    Ok(Exit::Done)
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
    let draft = init::draft(&account, &world, args.by.clone(), clock())
        .map_err(|why| CommandError::new(why).hint("nothing was written; choose with `--by`, or leave it out"))?;
    let mut scaffold = Vec::new();
    if args.github.is_some() {
        scaffold.extend(init::github(&workflow_path(&common.manifests)?));
    }
    if args.terraform {
        scaffold.push(init::terraform(&account, &world, args.github.as_ref()));
    }
    let mut draft = draft;
    draft.undecided.extend(scaffold_decisions(args, false));
    let targets: Vec<Target> = draft
        .files
        .iter()
        .map(|DraftFile { name, text, .. }| Target { path: common.manifests.join(name), text: text.clone() })
        .chain(scaffold.into_iter().map(Target::from))
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
    let over = write_all(&targets, args.force)?;
    if !over.is_empty() {
        let names: Vec<String> = over.iter().map(|path| printable(&path.display().to_string())).collect();
        output.warning(format!("what these files said before is gone: {}", names.join(", ")));
        output.hint("`git diff` shows what it was, if it was committed");
    }
    let written = page::Written { draft: &draft, account: &account, targets: &targets, plan: &plan, over: &over };
    output.data(&match output.format {
        Format::Json => page::as_json(&written),
        _ => {
            let page = page::page(&written, output.width());
            if common.mask { masked(&page) } else { page }
        }
    });
    Ok(Exit::Done)
}

/// What the scaffold leaves to a person; `has_module` where the root module was there before.
fn scaffold_decisions(args: &InitArgs, has_module: bool) -> Vec<Undecided> {
    let of = |what: &str, remedy: &str| Undecided { what: what.to_owned(), remedy: remedy.to_owned() };
    let mut undecided = Vec::new();
    if args.terraform && !has_module {
        let boundary = "in terraform/main.tf: leave out administrators, add who will rotate one day";
        undecided.push(of("the boundary", boundary));
        undecided.push(of("the state and the alarms", "in terraform/main.tf: a `backend`, and `alarm_emails`"));
    }
    if let Some(repository) = &args.github {
        let variables = "set KEYROTA_PLAN_ROLE, KEYROTA_DEPLOY_ROLE (outputs of Terraform) and KEYROTA_REGION there";
        undecided.push(of(&format!("variables of {repository}"), variables));
        undecided.push(of("who approves", "protect the environment `production`, and the manifests by CODEOWNERS"));
        let text = std::fs::read_to_string(TERRAFORM).unwrap_or_default();
        if has_module || (!args.terraform && !text.is_empty()) {
            if !text.contains(&format!("repository = \"{repository}\"")) {
                let remedy = format!("in {TERRAFORM}: set `github = {{ repository = \"{repository}\" }}`");
                undecided.push(of("the roles of the workflows", &remedy));
            }
        } else if !args.terraform {
            undecided.push(of("what ships", "keyrota-apply.yml applies `terraform/`: `--terraform` writes it"));
        }
    }
    undecided
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
