//! From a folder to a [`Manifest`], with every mistake of every file.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    accounts::{self, WrittenAccount},
    channels,
    code::Code,
    context::Context,
    deliver,
    diagnostic::{Diagnostic, Severity, Sources},
    duplicates, events, files,
    fingerprint::fingerprint,
    layers, limits, mail,
    model::Manifest,
    organization, overlooked,
    parse::{self, Parsed},
    policy::Policy,
    rules, schedule, schema, secrets,
    shared::Shared,
    shared_places,
    source::Source,
    spanned::Spanned,
    templates,
};

/// Making the schema takes longer than checking a manifest against it.
static SCHEMA: LazyLock<serde_json::Value> = LazyLock::new(schema::json_schema);

/// The manifests of a folder, and what is to be said of them.
#[derive(Debug)]
pub struct Loaded {
    /// `None` if a diagnostic stops a run (see [`Diagnostic::stops_a_run`]).
    pub manifest: Option<Manifest>,
    /// In the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether `keyrota check` fails. That includes exemptions that have ended, which do not stop a run.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Loads the `*.toml` directly in a folder.
pub fn load(dir: &Path, now: DateTime<Utc>) -> Loaded {
    let mut unreadable = Vec::new();
    let files = files::read(dir, &mut unreadable);
    if files.is_empty() {
        return Loaded { manifest: None, diagnostics: unreadable };
    }
    let mut loaded = load_with(files, unreadable, now);
    loaded.diagnostics.extend(overlooked::warnings(dir));
    loaded
}

/// Reads the files that [`load`] would load, each with its path within the folder.
///
/// # Errors
/// What [`load`] would say of files that it refuses.
pub fn read(dir: &Path) -> Result<files::Files, Vec<Diagnostic>> {
    let mut refused = Vec::new();
    let files = files::read(dir, &mut refused);
    if !refused.is_empty() {
        return Err(refused);
    }
    let within = |path: String| Path::new(&path).strip_prefix(dir).map(|name| name.to_string_lossy().into_owned()).ok();
    Ok(files.into_iter().filter_map(|(path, bytes)| Some((within(path)?.replace('\\', "/"), bytes))).collect())
}

/// Loads manifests that were read already, each with the path to show: those of a git revision, for example. Templates of
/// mails are those whose folder is `templates`.
pub fn load_files(files: Vec<(String, Vec<u8>)>, now: DateTime<Utc>) -> Loaded {
    load_with(files, Vec::new(), now)
}

fn load_with(mut files: Vec<(String, Vec<u8>)>, mut diagnostics: Vec<Diagnostic>, now: DateTime<Utc>) -> Loaded {
    files.sort();
    let (templates, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| templates::is_template(path));
    let paths: Vec<String> = templates.iter().map(|(path, _)| path.clone()).collect();
    let templates = templates::load(templates, &mut diagnostics);
    let parsed: Vec<Parsed> =
        files.iter().filter_map(|(path, bytes)| parse::parse(path, bytes, &SCHEMA, &mut diagnostics)).collect();
    let mut manifest = validate(&parsed, now, &mut diagnostics);
    manifest.fingerprint = fingerprint(&files);
    manifest.mail.templates = Arc::new(templates);
    manifest.mail.places.extend(paths.into_iter().filter_map(|path| {
        let name = Path::new(&path).file_name()?.to_string_lossy().into_owned();
        Some((name, Source { file: Arc::from(path), line: 1 }))
    }));
    diagnostics.sort_by(|a, b| a.position().cmp(&b.position()));
    let is_sound = !diagnostics.iter().any(Diagnostic::stops_a_run);
    Loaded { manifest: is_sound.then_some(manifest), diagnostics }
}

/// Checks what each file says and merges it. What is wrong is left out.
fn validate(parsed: &[Parsed], now: DateTime<Utc>, diagnostics: &mut Vec<Diagnostic>) -> Manifest {
    let mut sources = Sources::default();
    for file in parsed {
        sources.insert(file.source.clone());
    }
    let could_not_read = |diagnostic: &Diagnostic| match diagnostic.code {
        Code::Misplaced => true,
        _ => parse::is_shared(diagnostic.file()) && !parsed.iter().any(|file| &*file.source.path == diagnostic.file()),
    };
    let shared = Shared {
        parsed: parsed.iter().find(|file| parse::is_shared(&file.source.path)),
        is_partial: diagnostics.iter().any(could_not_read),
    };
    let mut manifest = Manifest::default();
    let mut defaults = Policy::built_in();
    // Monthly, where no schedule says otherwise or one never comes.
    let mut gap = TimeDelta::days(31);
    layers::resolve_auto(&mut defaults, gap);
    if let Some(file) = shared.parsed {
        let schema::File {
            defaults: own, mail, events, limits, pace, schedule, deliver, accounts, organization, ..
        } = &file.file;
        let mut context = Context { source: &file.source, sources: &sources, now, gap, diagnostics };
        manifest.schedule =
            schedule.as_ref().map(|own| schedule::schedule(&own.value, &mut context)).unwrap_or_default();
        gap = schedule::longest_gap(manifest.schedule.enforce(), now).unwrap_or(gap);
        context.gap = gap;
        layers::resolve_auto(&mut defaults, gap);
        if let Some(enforce) = &manifest.schedule.enforce {
            layers::check_schedule(&defaults, enforce, &mut context);
        }
        if let Some(own) = own {
            defaults = layers::merge(&defaults, &own.value, &mut context);
            if let Some(secret) = own.value.secret.as_ref().filter(|secret| !secret.value.contains("{user}")) {
                let message = "all users would share one secret: the name in `[defaults]` lacks `{user}`";
                let help = "write e.g. `secret = \"/aws/iam/credentials/{user}\"`";
                context.error(Code::SecretName, message, &secret.span, help);
            }
        }
        manifest.mail = mail.as_ref().map(|own| mail::check(&own.value, &mut context)).unwrap_or_default();
        manifest.mail.language = defaults.language.value;
        manifest.mail.places.extend(defaults.language.source.clone().map(|source| ("language".to_owned(), source)));
        let is_rejected = |table: &Spanned<_>, key: &str| file.rejected.contains(&table.span, key);
        let checked = events.as_ref().map(|own| events::check(own, |key| is_rejected(own, key), &mut context));
        manifest.events = checked.unwrap_or_default();
        manifest.limits = limits.as_ref().map(|own| limits::limits(&own.value, &mut context)).unwrap_or_default();
        manifest.pace = pace.as_ref().map(|own| limits::pace(&own.value, &mut context)).unwrap_or_default();
        manifest.deliver = deliver.as_ref().map(|own| deliver::check(&own.value, &mut context)).unwrap_or_default();
        if let Some(own) = own {
            shared_places::in_defaults(&own.value, &manifest.deliver, &mut context);
        }
        if let Some(own) = accounts {
            let is_rejected = |account: &Spanned<WrittenAccount>, key: &str| file.rejected.contains(&account.span, key);
            manifest.accounts = accounts::check(&own.value, is_rejected, &mut context);
        }
        if let Some(own) = organization {
            let is_rejected = |key: &str| file.rejected.contains(&own.span, key);
            manifest.organization = organization::check(own, is_rejected, &mut context);
        }
    }
    manifest.defaults = Arc::new(defaults.clone());
    let layer = rules::Layer::new(defaults, &shared, &manifest.accounts);
    for file in parsed {
        let mut context = Context { source: &file.source, sources: &sources, now, gap, diagnostics };
        for rule in &file.file.rotate {
            manifest.rules.push(rules::rule(rule, &file.rejected, &layer, &mut context));
        }
        for exemption in &file.file.exempt {
            manifest.exemptions.extend(rules::exemption(exemption, &file.rejected, &layer, &mut context));
        }
    }
    diagnostics.extend(channels::missing_sender(&manifest, &shared, &sources));
    diagnostics.extend(channels::credentials_as_own(&manifest, &sources));
    diagnostics.extend(duplicates::rules(&manifest, &sources));
    diagnostics.extend(duplicates::exemptions(&manifest, &sources));
    diagnostics.extend(secrets::collisions(&manifest, &sources));
    diagnostics.extend(shared_places::named_users(&manifest, &sources));
    diagnostics.extend(secrets::replicas_at_home(&manifest, &sources));
    manifest.sources = sources;
    manifest
}
