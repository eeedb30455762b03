//! `[deliver]`: how credentials get to the places that `deliver` names in rules.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{code::Code, context::Context, diagnostic::quote, source::Source, spanned::Spanned, values};
use crate::{cloud::Visibility, delivery::GitHubNames};

/// GitHub's own API.
const GITHUB: &str = "https://api.github.com";

/// `[deliver]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliver {
    /// `[deliver.github]`.
    pub github: GitHub,
}

/// `[deliver.github]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHub {
    /// How the secrets are called.
    pub names: GitHubNames,
    /// The base URL of the REST API.
    pub url: String,
    /// The App that keyrota calls as; `None`: with a token.
    pub app_id: Option<u64>,
    /// Its installation; `None`: that of the place's owner.
    pub installation: Option<u64>,
    /// The secret of Secrets Manager that holds the App's private key, or the token; `None`: the environment does.
    pub secret: Option<String>,
    /// Who sees a secret of an organization that is made.
    pub visibility: Visibility,
    /// Where each of the above was written, by its key.
    pub places: BTreeMap<String, Source>,
    /// Why GitHub is not asked what it holds; `None`: it is.
    pub not_asked: Option<&'static str>,
}

impl GitHub {
    /// Whether the same is sent to the same GitHub.
    pub fn signs_in_as(&self, other: &Self) -> bool {
        let signs_in = |one: &Self| (one.url.clone(), one.app_id, one.installation, one.secret.clone());
        signs_in(self) == signs_in(other)
    }
}

impl Default for GitHub {
    fn default() -> Self {
        Self {
            names: GitHubNames::default(),
            url: GITHUB.to_owned(),
            app_id: None,
            installation: None,
            secret: None,
            visibility: Visibility::default(),
            places: BTreeMap::new(),
            not_asked: None,
        }
    }
}

/// `[deliver]` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct WrittenDeliver {
    /// How GitHub is called, and how the secrets are called there.
    pub github: Option<Spanned<WrittenGitHub>>,
}

/// `[deliver.github]` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct WrittenGitHub {
    /// How the secrets are called that hold the key's id and its secret part, and, if there is a third, the region; `{user}`
    /// stands for the user's name. Default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    #[schemars(extend("examples" = [["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"]]))]
    pub names: Option<Spanned<Vec<Spanned<String>>>>,
    /// The same of the user name and the password for SES's SMTP, of users with `smtp = true`. Default:
    /// AWS_SES_SMTP_USERNAME and AWS_SES_SMTP_PASSWORD.
    #[schemars(extend("examples" = [["SMTP_USERNAME", "SMTP_PASSWORD"]]))]
    pub smtp_names: Option<Spanned<Vec<Spanned<String>>>>,
    /// The base URL of the REST API. Default: https://api.github.com.
    #[schemars(extend("examples" = ["https://github.example.com/api/v3"]))]
    pub url: Option<Spanned<String>>,
    /// The id of the GitHub App that keyrota calls as. Without it: with a token.
    #[schemars(extend("examples" = [123_456]))]
    pub app_id: Option<Spanned<i64>>,
    /// The id of the App's installation. Without it: that of each place's owner.
    #[schemars(extend("examples" = [7_654_321]))]
    pub installation: Option<Spanned<i64>>,
    /// The name or ARN of the secret of Secrets Manager, in the account and region that keyrota runs in, that holds the App's
    /// private key, or the token. Without it: KEYROTA_GITHUB_APP_KEY, or KEYROTA_GITHUB_TOKEN, in the environment.
    #[schemars(extend("examples" = ["keyrota/github"]))]
    pub secret: Option<Spanned<String>>,
    /// Which repositories see a secret of an organization that keyrota makes: `private` ones, `all`, or those that somebody
    /// has `selected`. Of one that is there, it is left as it is. Default: private.
    #[schemars(extend("examples" = ["selected"]))]
    pub visibility: Option<Spanned<Visibility>>,
}

/// What is right of it.
pub(super) fn check(written: &WrittenDeliver, context: &mut Context) -> Deliver {
    Deliver { github: written.github.as_ref().map(|own| github(&own.value, context)).unwrap_or_default() }
}

fn github(written: &WrittenGitHub, context: &mut Context) -> GitHub {
    let WrittenGitHub { names, smtp_names, url, app_id, installation, secret, visibility } = written;
    let mut github = GitHub::default();
    let spans = [
        ("names", names.as_ref().map(|at| &at.span)),
        ("smtp-names", smtp_names.as_ref().map(|at| &at.span)),
        ("url", url.as_ref().map(|at| &at.span)),
        ("app-id", app_id.as_ref().map(|at| &at.span)),
        ("installation", installation.as_ref().map(|at| &at.span)),
        ("secret", secret.as_ref().map(|at| &at.span)),
        ("visibility", visibility.as_ref().map(|at| &at.span)),
    ];
    let places = spans.into_iter().filter_map(|(key, span)| Some((key.to_owned(), context.location(span?))));
    github.places = places.collect();
    if let Some(names) = names.as_ref().and_then(|names| secret_names("names", names, 2..=3, context)) {
        let mut names = names.into_iter();
        if let (Some(key), Some(secret)) = (names.next(), names.next()) {
            github.names = GitHubNames { key, secret, region: names.next(), ..github.names };
        }
    }
    if let Some(names) = smtp_names.as_ref().and_then(|names| secret_names("smtp-names", names, 2..=2, context))
        && let Ok(smtp) = names.try_into()
    {
        github.names.smtp = smtp;
    }
    let all = &github.names;
    let named = [Some(&all.key), Some(&all.secret), all.region.as_ref(), all.smtp.first(), all.smtp.last()];
    let mut seen = Vec::new();
    for name in named.into_iter().flatten() {
        let upper = name.to_uppercase();
        if seen.contains(&upper)
            && let Some(at) = names.as_ref().or(smtp_names.as_ref())
        {
            let message = format!("two secrets are called {}", quote(name));
            context.error(Code::Delivery, message, &at.span, "GitHub compares names without case: give each its own");
        }
        seen.push(upper);
    }
    if let Some(url) = url.as_ref().and_then(|at| context.accept(&at.span, values::api_url(&at.value))) {
        github.url = url;
    }
    github.app_id = app_id.as_ref().and_then(|at| id("app-id", at, context));
    github.installation = installation.as_ref().and_then(|at| id("installation", at, context));
    if let Some(at) = installation.as_ref().filter(|_| app_id.is_none()) {
        let message = "`installation` is of an App, and no App is named";
        context.error(Code::Delivery, message, &at.span, "add its `app-id`, or leave this out to call with a token");
    }
    github.secret = secret.as_ref().and_then(|at| context.accept(&at.span, values::github_secret(&at.value)));
    github.visibility = visibility.as_ref().map(|at| at.value).unwrap_or_default();
    github
}

fn secret_names(
    field: &str,
    names: &Spanned<Vec<Spanned<String>>>,
    count: std::ops::RangeInclusive<usize>,
    context: &mut Context,
) -> Option<Vec<String>> {
    let read = context.accept_all(&names.value, values::github_secret_name);
    if count.contains(&names.value.len()) {
        return (read.len() == names.value.len()).then_some(read);
    }
    let help = match field {
        "names" => "write two, for the key's id and its secret part, or three, for the region as well",
        _ => "write two, for the user name and the password",
    };
    context.error(Code::Delivery, format!("`{field}` has {} names", names.value.len()), &names.span, help);
    None
}

fn id(field: &str, at: &Spanned<i64>, context: &mut Context) -> Option<u64> {
    let id = u64::try_from(at.value).ok().filter(|id| *id > 0);
    if id.is_none() {
        context.error(
            Code::Delivery,
            format!("`{field}` can't be {}", at.value),
            &at.span,
            "write the number that GitHub shows",
        );
    }
    id
}
