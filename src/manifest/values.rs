//! What may stand within the quotes: durations, dates, patterns, names of AWS things.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use toml::value::{Datetime, Offset};

use super::{code::Code, committed, diagnostic::quote, pattern::Pattern};
use crate::{
    counted::any_of,
    delivery::{self, Misnamed, Place},
    names,
    template::Language,
};

/// Longer durations are refused, so that adding one to any date can't overflow.
const LONGEST: TimeDelta = TimeDelta::days(3650);

/// Why a value is refused, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub code: Code,
    pub message: String,
    pub help: String,
}

pub(super) fn wrong<T>(code: Code, message: impl Into<String>, help: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid { code, message: message.into(), help: help.into() })
}

/// Reads `auto` as `None`.
pub(super) fn ahead(text: &str) -> Result<Option<TimeDelta>, Invalid> {
    if text == "auto" {
        return Ok(None);
    }
    if text.trim().eq_ignore_ascii_case("auto") {
        return wrong(Code::Duration, format!("{} is not a duration", quote(text)), "write `auto`");
    }
    duration(text).map(Some)
}

/// A whole number of hours, days (24 hours) or weeks: `36h`, `90d`, `2w`.
pub(super) fn duration(text: &str) -> Result<TimeDelta, Invalid> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let no = |message: String, help: &str| wrong(Code::Duration, message, help);
    let written = quote(text);
    if number.is_empty() {
        let help = "write a whole number and a unit, e.g. `90d`, `2w` or `36h`";
        return no(format!("{written} is not a duration"), help);
    }
    let count = number.parse::<i64>().ok();
    let instead = |factor: i64, unit: &str| match count.and_then(|count| count.checked_mul(factor)) {
        Some(count) => format!("write `{count}{unit}`"),
        None => "write e.g. `90d`".to_owned(),
    };
    let unit_hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        "" => return no(format!("{written} has no unit"), &instead(1, "d")),
        _ => {
            let plain = unit.trim().to_lowercase();
            let help = match plain.as_str() {
                "h" | "hr" | "hrs" | "hour" | "hours" => instead(1, "h"),
                "d" | "day" | "days" => instead(1, "d"),
                "w" | "week" | "weeks" => instead(1, "w"),
                "mo" | "mon" | "month" | "months" => {
                    return no(format!("{written}: months are ambiguous, they have 28 to 31 days"), &instead(30, "d"));
                }
                "y" | "yr" | "year" | "years" => {
                    return no(
                        format!("{written}: years are ambiguous, they have 365 or 366 days"),
                        &instead(365, "d"),
                    );
                }
                "m" => {
                    let help = "write hours, days or weeks, e.g. `36h` or `30d`";
                    return no(format!("{written}: `m` may mean minutes or months"), help);
                }
                "s" | "sec" | "second" | "seconds" | "min" | "mins" | "minute" | "minutes" => {
                    let help = "keyrota counts in hours (`36h`), days (`90d`) and weeks (`2w`)";
                    return no(format!("{written} is too fine: keys live for days"), help);
                }
                _ => "write one whole number and one unit: hours (`36h`), days (`90d`) or weeks (`2w`)".to_owned(),
            };
            return no(format!("{written} is not a duration"), &help);
        }
    };
    let length = count.and_then(|count| count.checked_mul(unit_hours)).and_then(TimeDelta::try_hours);
    match length {
        Some(length) if length <= LONGEST => Ok(length),
        _ => no(format!("{written} is longer than ten years"), "write at most `3650d`"),
    }
}

/// The start of a day, UTC.
pub(super) fn day(date: &Datetime) -> Result<NaiveDate, Invalid> {
    match date {
        Datetime { date: Some(day), time: None, offset: None } => calendar_day(day),
        Datetime { date: Some(day), .. } => wrong(
            Code::Date,
            format!("`{date}` has a time, but this names a whole day (UTC)"),
            format!("write `{day}`"),
        ),
        _ => wrong(Code::Date, format!("`{date}` is a time of day, not a date"), "write e.g. `2027-01-31`"),
    }
}

/// The first instant after a day, UTC.
pub(super) fn end_of(day: NaiveDate) -> DateTime<Utc> {
    // TOML's years end at 9999, chrono's far later.
    day.checked_add_days(Days::new(1)).unwrap_or(day).and_time(NaiveTime::MIN).and_utc()
}

/// A date (its start) or a date and time; UTC where no offset is given.
pub(super) fn instant(date: &Datetime) -> Result<DateTime<Utc>, Invalid> {
    let Some(day) = &date.date else {
        return wrong(Code::Date, format!("`{date}` is a time of day, not a date"), "write e.g. `2027-01-31`");
    };
    let time = match &date.time {
        None => Some(NaiveTime::MIN),
        Some(time) => NaiveTime::from_hms_nano_opt(
            time.hour.into(),
            time.minute.into(),
            time.second.unwrap_or_default().into(),
            time.nanosecond.unwrap_or_default(),
        ),
    };
    let offset = match date.offset {
        None | Some(Offset::Z) => TimeDelta::zero(),
        Some(Offset::Custom { minutes }) => TimeDelta::minutes(minutes.into()),
    };
    let local = time.map(|time| calendar_day(day).map(|day| NaiveDateTime::new(day, time))).transpose()?;
    match local.and_then(|local| local.checked_sub_signed(offset)) {
        Some(utc) => Ok(utc.and_utc()),
        None => wrong(Code::Date, format!("there is no `{date}`"), "write e.g. `2027-01-31`"),
    }
}

fn calendar_day(day: &toml::value::Date) -> Result<NaiveDate, Invalid> {
    match NaiveDate::from_ymd_opt(day.year.into(), day.month.into(), day.day.into()) {
        Some(day) => Ok(day),
        None => wrong(Code::Date, format!("there is no {day}"), "write a day that exists, e.g. `2027-01-31`"),
    }
}

/// What a pattern is matched against: it decides which characters make sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Matches {
    User,
    Group,
    Path,
    TagKey,
    /// The value of a tag, which may be empty.
    Tag,
    Account,
    /// The name of an account in AWS Organizations, which holds whatever can be printed, or one of the manifests'.
    FoundAccount,
}

impl Matches {
    /// The noun, the characters besides letters and digits, and the greatest length.
    fn describe(self) -> (&'static str, &'static str, usize) {
        match self {
            Self::User => ("IAM user names", names::IAM_PUNCTUATION, names::USER_NAME_LENGTH),
            Self::Group => ("IAM group names", names::IAM_PUNCTUATION, names::GROUP_NAME_LENGTH),
            Self::Path => ("IAM paths", names::PATH_PUNCTUATION, names::PATH_LENGTH),
            Self::TagKey => ("keys of IAM tags", names::TAG_PUNCTUATION, names::TAG_KEY_LENGTH),
            Self::Tag => ("IAM tags", names::TAG_PUNCTUATION, names::TAG_VALUE_LENGTH),
            Self::Account => ("account names", "._-", 64),
            Self::FoundAccount => ("account names", " !\"#$%&'()+,-./:;<=>@[\\]^_`{|}~", 64),
        }
    }
}

/// A name, or a glob with `*` and `?`.
pub(super) fn pattern(text: &str, matches: Matches) -> Result<Pattern, Invalid> {
    let (noun, punctuation, longest) = matches.describe();
    let no = |message: String, help: String| wrong(Code::Pattern, message, help);
    let written = quote(text);
    let is_fine = |c: char| {
        let is_allowed = match matches {
            Matches::Tag | Matches::TagKey => names::is_tag_character(c),
            _ => c.is_ascii_alphanumeric() || punctuation.contains(c),
        };
        is_allowed || c == '*' || c == '?'
    };
    if text.is_empty() && matches != Matches::Tag {
        return no("an empty pattern matches nothing".to_owned(), "leave it out, or write `*` for any".to_owned());
    }
    if let Some(bad) = text.chars().find(|c| !is_fine(*c)) {
        return if "[]{}".contains(bad) {
            let help = "the only wildcards are `*` (anything) and `?` (one character); list alternatives one by one";
            no(format!("{written} holds `{bad}`, which is not a wildcard here"), help.to_owned())
        } else if text.trim() != text && is_fine(text.trim().chars().next().unwrap_or(bad)) {
            no(format!("{written} has spaces around it"), format!("write {}", quote(text.trim())))
        } else {
            let help = format!("{noun} hold letters, digits and `{punctuation}`; `*` and `?` are wildcards");
            no(format!("{written} holds {}, which {noun} can't", quote(&bad.to_string())), help)
        };
    }
    if text.chars().filter(|c| *c != '*').count() > longest {
        return no(
            format!("{written} is too long to match: {noun} have at most {longest} characters"),
            "shorten it".into(),
        );
    }
    if matches == Matches::Path {
        if !text.starts_with(['/', '*']) {
            return no(
                format!("{written} matches nothing: paths start with `/`"),
                format!("write {}", quote(&format!("/{text}"))),
            );
        }
        if !text.ends_with(['/', '*', '?']) {
            let help = format!("write `{text}/` for this path, or `{text}/*` for everything below it too");
            return no(format!("{written} matches nothing: paths end with `/`"), help);
        }
    }
    Ok(match matches {
        Matches::Path | Matches::TagKey | Matches::Tag => Pattern::case_sensitive(text),
        Matches::User | Matches::Group | Matches::Account | Matches::FoundAccount => Pattern::new(text),
    })
}

/// A language that keyrota writes, with any region (`es-MX`).
pub(super) fn language(text: &str) -> Result<Language, Invalid> {
    if let Some(language) = Language::named(text) {
        return Ok(language);
    }
    let known: Vec<_> = Language::ALL.map(|known| format!("`{}` ({})", known.as_str(), known.name())).into();
    let help = format!("write {}", any_of(&known));
    wrong(Code::Language, format!("keyrota does not write {}", quote(text)), help)
}

/// The template of a secret's name; `{user}` stands for a name of at most 64 characters.
pub(super) fn secret_name(text: &str) -> Result<String, Invalid> {
    let no = |message: String, help: &str| wrong(Code::SecretName, message, help);
    let parts: Vec<&str> = text.split("{user}").collect();
    if text.is_empty() {
        return no("an empty name can't be a secret's".to_owned(), "write e.g. `/aws/iam/credentials/{user}`");
    }
    if let Some(bad) = parts.iter().flat_map(|part| part.chars()).find(|c| !names::is_secret_character(*c)) {
        return if bad == '{' || bad == '}' {
            no(format!("{} holds a placeholder other than `{{user}}`", quote(text)), "`{user}` is the only placeholder")
        } else {
            let help = format!("names of secrets hold letters, digits and `{}`", names::SECRET_PUNCTUATION);
            no(format!("{} holds {}, which names of secrets can't", quote(text), quote(&bad.to_string())), &help)
        };
    }
    let longest: usize =
        parts.iter().map(|part| part.len()).sum::<usize>() + names::USER_NAME_LENGTH * (parts.len() - 1);
    if longest > names::SECRET_NAME_LENGTH {
        let message = format!("with a user name of 64 characters the secret's name has {longest}; 512 are allowed");
        return no(message, "shorten it");
    }
    Ok(text.to_owned())
}

/// A place of delivery; `{user}` may stand in it.
pub(super) fn place(text: &str) -> Result<Place, Invalid> {
    let place = text.parse::<Place>();
    place.or_else(|Misnamed { message, help }| wrong(Code::Place, format!("{} {message}", quote(text)), help))
}

/// What GitHub takes for the name of a secret; `{user}` may stand in it.
pub(super) fn github_secret_name(text: &str) -> Result<String, Invalid> {
    if delivery::secret_name(text) {
        return Ok(text.to_owned());
    }
    let message = format!("{} can't be the name of a secret of GitHub", quote(text));
    wrong(Code::Delivery, message, delivery::SECRET_NAME_RULE)
}

/// The name or ARN of the secret that holds what GitHub is signed in to with, and not that itself.
pub(super) fn github_secret(text: &str) -> Result<String, Invalid> {
    if committed::is_credential(text) {
        let help = "put it into a secret of Secrets Manager, and write that one's name, e.g. `secret = \"keyrota/github\"`; what was \
                    committed is no secret any more: revoke it, and make another";
        return wrong(Code::Delivery, "a token or a private key stands where the name of a secret is meant", help);
    }
    match text.starts_with("arn:") {
        true => Ok(text.to_owned()),
        false => secret_name(text),
    }
}

/// The base URL of GitHub's REST API.
pub(super) fn api_url(text: &str) -> Result<String, Invalid> {
    let is_local =
        ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].iter().any(|local| text.starts_with(local));
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://").filter(|_| is_local));
    let is_fine = host.is_some_and(|host| {
        !host.is_empty()
            && !host.contains(['@', '?', '#'])
            && !host.contains(|c: char| c.is_whitespace() || c.is_control())
    });
    if let Some(api) = host.and_then(api_of_pages) {
        let message = format!("{} has GitHub's pages, and not its REST API", quote(text));
        let help = match api.as_str() {
            "api.github.com" => "leave `url` out, or write `https://api.github.com`".to_owned(),
            api => format!("write `https://{api}`"),
        };
        return wrong(Code::Delivery, message, help);
    }
    if is_fine {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    let help = "write e.g. `https://api.github.com`, or `https://github.example.com/api/v3` for a server of your own";
    wrong(Code::Delivery, format!("{} is not an https URL", quote(text)), help)
}

/// The host of the REST API, where this is one of the pages for people. A server of one's own has both.
fn api_of_pages(rest: &str) -> Option<String> {
    let host = rest.split(['/', ':']).next().unwrap_or(rest).to_ascii_lowercase();
    match host.strip_prefix("www.").unwrap_or(&host) {
        "github.com" => Some("api.github.com".to_owned()),
        pages => pages.ends_with(".ghe.com").then(|| format!("api.{pages}")).filter(|_| !pages.starts_with("api.")),
    }
}

/// The alias that Terraform gives to the key of the stack that runs keyrota, unless the stack has another name.
const STACK_KEY: &str = "alias/keyrota";

/// The id, ARN or alias of a KMS key.
pub(super) fn kms_key(text: &str) -> Result<String, Invalid> {
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c));
    let is_id = |text: &str| {
        let is_uuid = text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        is_uuid
            || text.strip_prefix("mrk-").is_some_and(|id| id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()))
    };
    let is_fine = match text.strip_prefix("arn:") {
        Some(rest) => matches!(rest.split(':').collect::<Vec<_>>()[..], [partition, "kms", place, account, resource]
            if names::is_partition(partition) && region(place).is_ok() && names::is_account_id(account) && is_name(resource)),
        None => text.strip_prefix("alias/").map_or_else(|| is_id(text), is_name),
    };
    if is_fine && text.rsplit(':').next() == Some(STACK_KEY) {
        let message = format!(
            "{} is the key of keyrota's own stack; `terraform destroy` deletes it, and all secrets with it are lost",
            quote(text)
        );
        return wrong(
            Code::StackKey,
            message,
            "name a key that lives as long as the secrets, e.g. `alias/credentials`",
        );
    }
    if is_fine {
        return Ok(text.to_owned());
    }
    let help = "write its id, its ARN, or its alias with `alias/` in front";
    wrong(Code::KmsKey, format!("{} is not a KMS key", quote(text)), help)
}

/// The name of an AWS region.
pub(super) fn region(text: &str) -> Result<String, Invalid> {
    match names::is_region(text) {
        true => Ok(text.to_owned()),
        false => {
            let help = names::region_meant(text)
                .map_or_else(|| "write e.g. `eu-west-1`".to_owned(), |meant| format!("did you mean `{meant}`?"));
            wrong(Code::Region, format!("{} is not an AWS region", quote(text)), help)
        }
    }
}

/// What `sts:AssumeRole` takes as an external id.
pub(super) fn external_id(text: &str) -> Result<String, Invalid> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if (2..=1224).contains(&text.len()) && text.chars().all(is_fine) {
        return Ok(text.to_owned());
    }
    let help = "an external id has 2 to 1224 letters, digits and `_+=,.@:/-`";
    wrong(Code::Organization, format!("{} is no external id", quote(text)), help)
}

/// The name or ARN of an IAM role.
pub(super) fn role(text: &str) -> Result<String, Invalid> {
    let is_name = |text: &str| {
        let last = text.rsplit('/').next().unwrap_or_default();
        !last.is_empty()
            && last.len() <= 64
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c))
    };
    let is_fine = match text.strip_prefix("arn:") {
        Some(rest) => matches!(rest.split(':').collect::<Vec<_>>()[..], [partition, "iam", "", account, resource]
            if names::is_partition(partition)
                && names::is_account_id(account)
                && resource.strip_prefix("role/").is_some_and(is_name)),
        None => is_name(text) && !text.contains('/'),
    };
    if is_fine {
        return Ok(text.to_owned());
    }
    let help = "write its name, or its ARN if it has a path: `arn:aws:iam::111122223333:role/path/name`";
    wrong(Code::Account, format!("{} is not the name or ARN of an IAM role", quote(text)), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Datetime {
        text.parse().expect("a TOML date")
    }

    #[test]
    fn durations_are_exact() {
        for (text, hours) in [("36h", 36), ("90d", 2160), ("2w", 336), ("0d", 0), ("007d", 168), ("3650d", 87_600)] {
            assert_eq!(duration(text), Ok(TimeDelta::hours(hours)), "{text}");
        }
        for text in ["", "d", " 90d", "90d ", "+90d", "90D", "٣d", "3651d", "90dd", "P90D", "1e3d", "0x10d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn instants_are_utc() {
        for (text, expected) in [
            ("2026-06-30", "2026-06-30T00:00:00Z"),
            ("2026-06-30T12:30:00", "2026-06-30T12:30:00Z"),
            ("2026-06-30T12:30:00Z", "2026-06-30T12:30:00Z"),
            ("2026-06-30T01:30:00+02:00", "2026-06-29T23:30:00Z"),
        ] {
            assert_eq!(instant(&date(text)), Ok(expected.parse().expect("a time")), "{text}");
        }
        let day = day(&date("2026-12-31")).expect("a day");
        assert_eq!(end_of(day), "2027-01-01T00:00:00Z".parse::<DateTime<Utc>>().expect("a time"));
    }

    #[test]
    fn real_values_are_accepted() {
        for text in ["eu-west-1", "us-gov-east-1", "ap-southeast-7", "cn-northwest-1", "us-iso-east-1"] {
            assert!(region(text).is_ok(), "{text}");
        }
        for text in [
            "alias/credentials",
            "alias/keyrota-secrets",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-us-gov:kms:us-gov-east-1:111122223333:alias/credentials",
        ] {
            assert!(kms_key(text).is_ok(), "{text}");
        }
        for text in ["alias/keyrota", "arn:aws:kms:eu-west-1:111122223333:alias/keyrota"] {
            assert_eq!(kms_key(text).map_err(|invalid| invalid.code), Err(Code::StackKey), "{text}");
        }
        for text in
            ["keyrota", "arn:aws:iam::111122223333:role/keyrota", "arn:aws-cn:iam::111122223333:role/ops/keyrota"]
        {
            assert!(role(text).is_ok(), "{text}");
        }
        for text in ["", "ops/keyrota", "arn:aws:iam::111122223333:user/keyrota", "arn:aws:iam::1:role/keyrota"] {
            assert!(role(text).is_err(), "{text}");
        }
        for (text, expected) in
            [("en", Language::English), ("es-MX", Language::Spanish), ("pt_BR", Language::Portuguese)]
        {
            assert_eq!(language(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn patterns_compare_as_aws_does() {
        for (text, matches, name, expected) in [
            ("CI-*", Matches::User, "ci-deployer", true),
            ("ci-?", Matches::User, "ci-", false),
            ("ci", Matches::User, "CI", true),
            ("*x*", Matches::User, "axb", true),
            ("payments", Matches::Tag, "Payments", false),
            ("señal *", Matches::Tag, "señal roja", true),
            ("", Matches::Tag, "", true),
            ("", Matches::Tag, "x", false),
            ("/ci/*", Matches::Path, "/ci/", true),
            ("/ci/*", Matches::Path, "/CI/x/", false),
            ("/ci/", Matches::Path, "/ci/x/", false),
            ("*/ci/", Matches::Path, "/a/ci/", true),
        ] {
            assert_eq!(pattern(text, matches).map(|pattern| pattern.matches(name)), Ok(expected), "{text} {name}");
        }
        for matches in [Matches::User, Matches::Group, Matches::Path, Matches::TagKey, Matches::Account] {
            assert!(pattern("", matches).is_err(), "only a tag's value may be empty");
        }
        // A name shorter than the literal part, or cut within a character, is no match and no panic.
        assert!(!Pattern::new("ñandú-*").matches("ñ"));
        assert!(!Pattern::new("abc*").matches("añ"));
    }
}
