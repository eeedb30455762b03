//! Where the credential of a user is delivered to, beside its secret in Secrets Manager: `deliver` in the manifests.
//!
//! A place is a file, and a line in the list below: how it is written, what it holds, and how it takes a credential. What it
//! calls is a method of [`crate::cloud`].

mod github;
mod kind;
mod names;
mod ssm;

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use crate::{
    cloud::{Reads, Writes},
    counted::any_of,
    credential::Credential,
    inventory::{CallError, Found},
};

use self::kind::{Kind, Rules};
pub use self::{
    kind::{How, Misnamed, NotTaken},
    names::{GitHubNames, SECRET_NAME_RULE, secret_name},
};

/// So many places a user may have.
pub const MOST_PLACES: usize = 10;

/// Declares the places, a line each.
macro_rules! places {
    ($($(#[doc = $doc:literal])* $module:ident::$place:ident,)+) => {
        /// A place, as manifests name it.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Place {
            $($(#[doc = $doc])* $place($module::$place),)+
        }

        /// How each is written.
        pub const FORMS: &[&str] = &[$(<$module::$place as Kind>::FORM,)+];

        /// What each begins with, before the colon.
        pub const SCHEMES: &[&str] = &[$(<$module::$place as Kind>::SCHEME,)+];

        impl Place {
            fn read(scheme: &str, rest: &str) -> Option<Result<Self, Misnamed>> {
                $(if scheme == <$module::$place as Kind>::SCHEME {
                    return Some(<$module::$place as Kind>::parse(rest).map(Self::$place));
                })+
                None
            }

            /// Whether GitHub has it.
            pub fn is_of_github(&self) -> bool {
                match self {
                    $(Self::$place(_) => <$module::$place as Kind>::IS_OF_GITHUB,)+
                }
            }

            /// What to do where two users would share it.
            pub(crate) fn when_shared(&self) -> &'static str {
                match self {
                    $(Self::$place(_) => <$module::$place as Kind>::WHEN_SHARED,)+
                }
            }

            /// The same with the name of a user in it.
            pub(crate) fn of_user(&self, user: &str) -> Self {
                match self {
                    $(Self::$place(place) => Self::$place(place.of_user(user)),)+
                }
            }

            fn rules(&self, how: &How) -> Rules {
                match self {
                    $(Self::$place(place) => place.rules(how),)+
                }
            }

            async fn look(&self, how: &How, cloud: &dyn Reads) -> Result<Found, CallError> {
                match self {
                    $(Self::$place(place) => place.look(how, cloud).await,)+
                }
            }

            async fn take(
                &self,
                how: &How,
                credential: &Credential,
                exists: bool,
                cloud: &dyn Writes,
            ) -> Result<String, NotTaken> {
                match self {
                    $(Self::$place(place) => place.take(how, credential, exists, cloud).await,)+
                }
            }
        }

        impl fmt::Display for Place {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$place(place) => write!(f, "{}:{place}", <$module::$place as Kind>::SCHEME),)+
                }
            }
        }
    };
}

places! {
    /// A parameter of Systems Manager.
    ssm::Parameter,
    /// The Actions secrets of a repository of GitHub, or of one of its environments.
    github::Repository,
    /// The Actions secrets of an organization of GitHub.
    github::Organization,
}

/// One place of one user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Where.
    pub place: Place,
    /// Tells it from the user's other places, and from the same place with other names or another KMS key.
    pub id: String,
    how: How,
}

impl FromStr for Place {
    type Err = Misnamed;

    fn from_str(text: &str) -> Result<Self, Misnamed> {
        let forms = || format!("write {}", any_of(&FORMS.iter().map(|form| format!("`{form}`")).collect::<Vec<_>>()));
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(Misnamed { message: "names no kind of place".to_owned(), help: forms() });
        };
        Self::read(scheme, rest).unwrap_or_else(|| {
            let near = SCHEMES.iter().min_by_key(|known| strsim::levenshtein(known, &scheme.to_lowercase()));
            let near = near.filter(|known| strsim::levenshtein(known, &scheme.to_lowercase()) <= 2);
            let meant = near.map(|known| format!("did you mean `{known}:{rest}`?"));
            Err(Misnamed {
                message: "is of no kind of place that there is".to_owned(),
                help: meant.unwrap_or_else(forms),
            })
        })
    }
}

impl Place {
    /// The name of a parameter of Systems Manager, with the name of a user or a pattern in it; `None` for any other place.
    pub fn parameter(&self, user: &str) -> Option<String> {
        match self.of_user(user) {
            Self::Parameter(parameter) => Some(parameter.to_string()),
            _ => None,
        }
    }

    /// Whether both are the same place, however they are written.
    pub fn is_same(&self, other: &Self) -> bool {
        let holds = |place: &Self| place.rules(&How::default()).holds;
        holds(self) == holds(other)
    }

    /// Whether each user has a place of its own by this name, and shares no part of it.
    pub fn is_per_user(&self, names: &GitHubNames) -> bool {
        let fill = |user: &str| {
            let how = How { user: user.to_owned(), github_names: names.of_user(user), ..How::default() };
            self.of_user(user).rules(&how).holds
        };
        let one = fill("a");
        !fill("b").iter().any(|name| one.contains(name))
    }
}

impl Target {
    /// The place of a user.
    pub fn new(place: &Place, how: &How) -> Self {
        let place = place.of_user(&how.user);
        let id = short_hash(&format!("{place}\n{}", place.rules(how).as_said));
        Self { place, id, how: how.clone() }
    }

    /// What it writes to, each thing by a name that no other thing has. Of one account, the name begins with that.
    pub fn holds(&self, account: &str) -> Vec<String> {
        let Rules { holds, is_of_account, .. } = self.place.rules(&self.how);
        let within = if is_of_account { format!("{account}/{}/", self.how.region) } else { String::new() };
        holds.into_iter().map(|name| format!("{within}{name}")).collect()
    }

    /// Whether this is the id of the same place as it was before its rule said `smtp`: all that was written then is written over.
    pub fn covers(&self, id: &str) -> bool {
        let how = How { smtp: false, ..self.how.clone() };
        self.how.smtp && short_hash(&format!("{}\n{}", self.place, self.place.rules(&how).as_said)) == id
    }

    /// What a first delivery overwrites that nobody owns, in words.
    pub fn overwrites(&self) -> Option<String> {
        self.place.rules(&self.how).overwrites
    }

    /// The region for which the credential needs a password for SES's SMTP.
    pub fn smtp(&self) -> Option<&str> {
        self.how.smtp.then_some(self.how.region.as_str())
    }

    /// Why this can't be a place: what the user's name makes of it, or of the names there.
    pub fn misnamed(&self) -> Option<String> {
        let place = self.place.to_string();
        if let Err(Misnamed { message, help }) = place.parse::<Place>() {
            return Some(format!("with the name of {} in it, it {message}: {help}", self.how.user));
        }
        let names = self.how.github_names.of(self.how.smtp);
        if !self.place.is_of_github() {
            return None;
        }
        if let Some(name) = names.iter().find(|name| !secret_name(name)) {
            return Some(format!("its secret would be called `{name}`: {SECRET_NAME_RULE}"));
        }
        let is_twice = |at: usize| names[..at].iter().any(|other| other.eq_ignore_ascii_case(names[at]));
        let twice = (0..names.len()).find(|at| is_twice(*at))?;
        Some(format!("two of its secrets would be called `{}`: let `names` in `[deliver.github]` differ", names[twice]))
    }

    /// What it holds, without a value.
    ///
    /// # Errors
    /// A call to AWS failed: as of any other read, what the user needs is not known then.
    pub async fn look(&self, cloud: &dyn Reads) -> Result<Found, CallError> {
        if let Some(why) = self.misnamed() {
            return Ok(Found::Closed { why });
        }
        if let Some(why) = self.how.github_not_asked.filter(|_| self.place.is_of_github()) {
            return Ok(Found::Unknown { why: why.to_owned(), asked: false });
        }
        self.place.look(&self.how, cloud).await
    }

    /// Lets it take the credential; `exists`: something is there already. Yields what tells later whether someone else has
    /// written there since.
    ///
    /// # Errors
    /// The call that failed, and whether the place holds what it held.
    pub async fn take(&self, credential: &Credential, exists: bool, cloud: &dyn Writes) -> Result<String, NotTaken> {
        self.place.take(&self.how, credential, exists, cloud).await
    }
}

/// Tells one list of places from another.
pub fn fingerprint<'a>(targets: impl IntoIterator<Item = &'a Target>) -> String {
    let mut ids: Vec<&str> = targets.into_iter().map(|target| target.id.as_str()).collect();
    ids.sort_unstable();
    short_hash(&ids.join(" "))
}

fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(place: &str, user: &str) -> Target {
        let place = place.parse::<Place>().unwrap_or_else(|wrong| panic!("{place}: {wrong:?}"));
        let how = How {
            user: user.to_owned(),
            region: "eu-west-1".to_owned(),
            github_names: GitHubNames::default().of_user(user),
            ..How::default()
        };
        Target::new(&place, &how)
    }

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in [
            "ssm:/ci/{user}/aws",
            "ssm:ci-deployer",
            "github:acme/payments",
            "github:acme/payments.js:production",
            "github:acme/payments:Production (EU)",
            "github:acme/{user}",
            "github-org:acme",
        ] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()), Ok(text.to_owned()));
        }
        for (text, help) in [
            ("/ci/aws", "`ssm:NAME`, `github:OWNER/REPO[:ENVIRONMENT]` or `github-org:ORG`"),
            ("gitlab:acme/payments", "did you mean `github:acme/payments`?"),
            ("gihub:acme/payments", "did you mean `github:acme/payments`?"),
            ("GitHub:acme/payments", "did you mean `github:acme/payments`?"),
            ("ssm:", "e.g. `ssm:/ci/{user}/aws`"),
            ("ssm:ci/{user}", "`ssm:/ci/{user}`"),
            ("ssm:/aws/x", "`aws` and `ssm`"),
            ("ssm:/ci/{name}", "`{user}` is the only placeholder"),
            ("ssm:/ci//x", "two `/`"),
            ("ssm:/ci/x/", "`/` at its end"),
            ("ssm:/ci/a b", "letters, digits and `.-_/`"),
            ("github:acme", "`github-org:acme`"),
            ("github:acme/payments/x", "`github:OWNER/REPO[:ENVIRONMENT]`"),
            ("github:https://github.com/acme/payments", "`github:OWNER/REPO[:ENVIRONMENT]`"),
            ("github:acme/payments:", "leave the colon out"),
            ("github-org:acme/payments", "`github:acme/payments`"),
            ("github-org:", "`github-org:ORG`"),
        ] {
            let wrong = text.parse::<Place>().err().unwrap_or_else(|| panic!("{text} is none"));
            assert!(wrong.help.contains(help), "{text}: {wrong:?}");
        }
    }

    #[test]
    fn what_two_users_share_has_one_name() {
        let holds = |place, user| target(place, user).holds("111122223333");
        assert_eq!(holds("ssm:/ci/{user}", "a,b"), holds("ssm:/ci/{user}", "a@b"), "neither may stand there");
        assert_ne!(holds("ssm:/ci/{user}", "a"), holds("ssm:/ci/{user}", "A"), "names differ in case there");
        assert_eq!(holds("github:Acme/Payments", "a"), holds("github:acme/payments", "b"));
        assert_ne!(holds("github:acme/payments", "a"), holds("github:acme/payments:production", "a"));
        assert_ne!(holds("github:acme/payments", "a"), holds("github-org:acme", "a"));
        let names = GitHubNames::default();
        for (place, expected) in
            [("ssm:/x", false), ("ssm:/x/{user}", true), ("github:acme/x", false), ("github:acme/{user}", true)]
        {
            let place = place.parse::<Place>().expect("a place");
            assert_eq!(place.is_per_user(&names), expected, "{place}");
        }
    }

    #[test]
    fn another_kms_key_or_name_is_another_delivery() {
        let place: Place = "ssm:/x".parse().expect("a place");
        let how = How { user: "a".to_owned(), ..How::default() };
        let id = |how: &How| Target::new(&place, how).id;
        assert_ne!(id(&how), id(&How { kms_key: Some("alias/x".to_owned()), ..how.clone() }));
        assert_ne!(id(&how), id(&How { smtp: true, ..how.clone() }));
        assert_eq!(id(&how), id(&How { github_url: "https://ghes.example".to_owned(), ..how.clone() }));
    }
}
