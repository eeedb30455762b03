//! What can be typed.

use std::path::PathBuf;

use clap::{
    ArgAction, Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use keyrota::{
    history::Place,
    init::{By, Repository},
    notice::Kind,
    template::Language,
};
use strum::VariantArray;

/// Rotates AWS IAM access keys the GitOps way: manifests say which, a plan shows what, apply does it in a safe order.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Exit codes:
  0   done, or nothing to do
  1   error, nothing changed
  2   changes pending (plan --detailed-exitcode only)
  3   a limit was exceeded, nothing changed
  4   the plan is not the approved one, nothing changed
  5   some changes failed or were not finished, or a user or an account could not be
      read; run it again
  64  usage
  130 interrupted before anything was changed, or a second time")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the first manifests of an account: every user with an active key, by team
    Init(InitArgs),
    /// Write the account as a sandbox file, for a rehearsal or a bug report; no secret is in it
    Capture(CaptureArgs),
    /// Check what keyrota needs, one line each, with what mends it
    Doctor(DoctorArgs),
    /// Make the Lambda package of a release's program and the manifests
    Package(PackageArgs),
    /// Validate the manifests, offline
    Check(Reports),
    /// Show what would change now; changes nothing
    Plan(PlanArgs),
    /// Plan, show the plan, ask, and carry it out
    Apply(ApplyArgs),
    /// Show every user in scope: keys, ages, last use, what comes next and when
    Status(StatusArgs),
    /// Write evidence for an auditor: every key, the controls, the exceptions and who granted them
    Report(ReportArgs),
    /// Show what the scheduled runs of the next months will do, week by week and user by user
    Forecast(ForecastArgs),
    /// Show the effective policy of a user and where each value comes from
    Explain {
        /// The IAM user's name
        user: String,
    },
    /// Look at the mail that keyrota sends
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
    /// Print what other tools must know of the manifests, offline
    #[command(subcommand)]
    Export(Export),
    /// The steps of the action for GitHub, which takes everything from the environment
    Action {
        #[command(subcommand)]
        step: ActionStep,
    },
    /// Print the JSON Schema of the manifests, or of another document
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t)]
        of: Document,
    },
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
    /// Write the man pages into a folder
    Man {
        /// The folder
        #[arg(value_name = "DIR")]
        into: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// What makes a team: a tag (`tag:team`), the `path`, or `none`; without it, what splits the users best
    #[arg(long, value_name = "tag:NAME|path|none")]
    pub by: Option<By>,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
    /// Add the workflows for this repository of manifests on GitHub
    #[arg(long, value_name = "OWNER/REPO")]
    pub github: Option<Repository>,
    /// Add the root module of Terraform, in `terraform/`
    #[arg(long)]
    pub terraform: bool,
}

#[derive(Debug, Args)]
pub struct CaptureArgs {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub into: PathBuf,
    /// Replace names, ids, tags and addresses, alike everywhere, and write the manifests so beside the file
    #[arg(long)]
    pub anonymize: bool,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The Lambda function that runs keyrota
    #[arg(long, value_name = "NAME", default_value = "keyrota")]
    pub function: String,
}

#[derive(Debug, Args)]
pub struct PackageArgs {
    /// For a function with `architecture = "arm64"`; so without either
    #[arg(long, conflicts_with = "x86_64")]
    pub arm64: bool,
    /// For a function with `architecture = "x86_64"`
    #[arg(long = "x86-64", visible_alias = "x86_64")]
    pub x86_64: bool,
    /// This program instead of a release's
    #[arg(long, value_name = "FILE")]
    pub bootstrap: Option<PathBuf>,
    /// The release to download, e.g. `0.1.0`, or `0.1.0@sha256:…` to fix the archive as well; without it, this keyrota's own
    #[arg(long, value_name = "VERSION", conflicts_with = "bootstrap")]
    pub release: Option<String>,
    /// Where the package goes
    #[arg(long, value_name = "FILE", default_value = "keyrota.zip")]
    pub output: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum ActionStep {
    /// Check the manifests and, where there are credentials, plan
    Plan,
    /// Write the job's summary and the pull request's comment
    Publish,
    /// Fail on errors, and on what `fail-on` names
    Verdict,
    /// Plan again and exit with 4 if the plan does anything beyond the approved one; changes nothing
    Confirm(ApplyArgs),
}

#[derive(Debug, Subcommand)]
pub enum Export {
    /// Print `keyrota.auto.tfvars.json`: schedules, sender, accounts, and the ARNs that the policies must cover
    Terraform {
        /// Write into this file instead, if it differs
        #[arg(long, value_name = "FILE")]
        into: Option<PathBuf>,
    },
}

/// Where a report goes as well.
#[derive(Clone, Debug, Default, Args)]
pub struct Reports {
    /// Write the JSON into this file as well
    #[arg(long, value_name = "FILE")]
    pub json_into: Option<PathBuf>,
    /// Write the Markdown into this file as well
    #[arg(long, value_name = "FILE")]
    pub markdown_into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// List the users that no rule selects instead, with the ages of their keys
    #[arg(long)]
    pub unmanaged: bool,
    #[command(flatten)]
    pub reports: Reports,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Write it into this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write it as HTML into this file as well
    #[arg(long, value_name = "FILE")]
    pub html_into: Option<PathBuf>,
    /// Write it as JSON into this file as well
    #[arg(long, value_name = "FILE")]
    pub json_into: Option<PathBuf>,
    /// Write its rows as CSV into this file as well
    #[arg(long, value_name = "FILE")]
    pub csv_into: Option<PathBuf>,
    /// Tell what was done as well, by what `apply --history` and the function wrote there
    #[arg(long, value_name = "DIR|s3://BUCKET")]
    pub history: Option<Place>,
    /// Of that, from this day on; without it, all
    #[arg(long, value_name = "DATE", requires = "history")]
    pub since: Option<String>,
}

#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// How many days are looked ahead
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(u16).range(1..=1096))]
    pub days: u16,
    /// Write it into this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show only this IAM user (repeatable); whose turn it is still depends on everyone
    #[arg(long = "user", value_name = "NAME")]
    pub users: Vec<String>,
}

#[derive(Debug, Default, Args)]
pub struct PlanArgs {
    /// Only this IAM user (repeatable)
    #[arg(long = "user", value_name = "NAME", conflicts_with = "base")]
    pub users: Vec<String>,
    #[command(flatten)]
    pub reports: Reports,
    /// Exit with 2 if changes are pending
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Compare with the manifests at this git revision: what the change since then causes
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Only this IAM user (repeatable): to begin with one
    #[arg(long = "user", value_name = "NAME")]
    pub users: Vec<String>,
    #[command(flatten)]
    pub reports: Reports,
    /// Write what was done into a file of this run, in a folder or a bucket (s3://BUCKET/PREFIX)
    #[arg(long, value_name = "DIR|s3://BUCKET")]
    pub history: Option<Place>,
    /// Apply without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Apply only if the plan has this digest or, with --approved, is part of the plan that has it
    #[arg(long)]
    pub digest: Option<String>,
    /// The approved plan: what `plan --json-into FILE` wrote
    #[arg(long, value_name = "FILE", requires = "digest")]
    pub approved: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Write a mail as HTML and text, to look at; sends nothing
    Preview(PreviewArgs),
}

#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// What the mail is about
    #[arg(value_parser = kind())]
    pub kind: Kind,
    /// The language; without it, that of `[defaults]` or of the user
    #[arg(long, value_name = "LANGUAGE", value_parser = language())]
    pub language: Option<Language>,
    /// Write to this user, looking at the account; without it, an example
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// As a mail, or as a channel gets it: the text of an SNS topic, the JSON of a Slack webhook
    #[arg(long = "as", value_enum, value_name = "CHANNEL", default_value_t)]
    pub by: PreviewBy,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub into: PathBuf,
}

/// How a notice is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PreviewBy {
    #[default]
    Mail,
    Sns,
    Slack,
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::VARIANTS.iter().copied().map(Kind::as_str))
        .map(|name| Kind::named(&name).expect("only names of kinds are accepted"))
}

fn language() -> impl TypedValueParser<Value = Language> {
    PossibleValuesParser::new(Language::ALL.map(Language::as_str)).map(|name| {
        let named = Language::ALL.into_iter().find(|language| language.as_str() == name);
        named.expect("only names of languages are accepted")
    })
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// The folder of the manifests
    #[arg(long, global = true, value_name = "DIR", default_value = "manifests")]
    pub manifests: PathBuf,
    /// Use the simulated account in this TOML file instead of AWS, or an organisation of such files in this folder
    #[arg(long, global = true, value_name = "FILE")]
    pub sandbox: Option<PathBuf>,
    /// Only these accounts of `[accounts]` and `[organization]`, by name, id or glob (repeatable)
    #[arg(long = "account", global = true, value_name = "NAME")]
    pub accounts: Vec<String>,
    /// Assume the roles of the manifests with this added to their names, e.g. `-plan` for ones that may only read
    #[arg(long, global = true, env = "KEYROTA_ROLE_SUFFIX", value_name = "SUFFIX", allow_hyphen_values = true)]
    pub role_suffix: Option<String>,
    /// Plan as of then: a date, an RFC 3339 time, or `enforce` for the next scheduled run
    #[arg(long, global = true, value_name = "TIME|enforce")]
    pub at: Option<String>,
    /// The format of the output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// Where the report goes as well: see [`Reports`].
    #[arg(skip)]
    pub json_into: Option<PathBuf>,
    #[arg(skip)]
    pub markdown_into: Option<PathBuf>,
    /// Where the action's outputs go.
    #[arg(skip)]
    pub outputs_into: Option<PathBuf>,
    /// Hide account ids and mail addresses in text and Markdown: for public pages and logs
    #[arg(long, global = true)]
    pub mask: bool,
    /// When to colour; `NO_COLOR` is honoured
    #[arg(long, global = true, value_enum, default_value_t)]
    pub color: Color,
    /// Show the calls to AWS; repeating it (-vvv), as other tools want it, shows the same
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    /// For a pull request's page
    Markdown,
    /// One page that needs nothing else
    Html,
    /// Rows for a spreadsheet
    Csv,
    /// Entries for a calendar
    Ics,
    /// Text, with annotations for GitHub Actions
    Github,
}

impl Format {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Ics => "ics",
            Self::Github => "github",
        }
    }
}

/// A document that has a JSON Schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Document {
    #[default]
    Manifests,
    /// The `detail` of what `[events]` puts on the bus
    Event,
    /// `forecast --format json`
    Forecast,
    /// A line of what `apply --history` writes
    History,
    /// `report --format json`
    Report,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}
