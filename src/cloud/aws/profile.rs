//! What is wrong with the profile that credentials come from. The SDK goes on to the next source of credentials where a
//! profile is no good, and may end up as somebody else, or with an error about that source.

use std::{env, io};

use aws_config::profile::{ProfileFileLoadError, ProfileSet, load};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use crate::manifest::diagnostic::nearest;

/// Which profile is taken, and whether anything else is taken before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// The profile that AWS_PROFILE or AWS_DEFAULT_PROFILE names.
    pub named: Option<String>,
    /// Whether the environment holds keys, which every AWS tool takes before those of a profile.
    pub has_keys: bool,
}

/// What is wrong with a profile, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub message: String,
    pub hint: String,
}

impl Choice {
    /// What the environment says.
    pub fn of_environment() -> Self {
        let value = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            named: value("AWS_PROFILE").or_else(|| value("AWS_DEFAULT_PROFILE")),
            has_keys: value("AWS_ACCESS_KEY_ID").is_some() && value("AWS_SECRET_ACCESS_KEY").is_some(),
        }
    }

    /// The profile's name.
    pub fn name(&self) -> &str {
        self.named.as_deref().unwrap_or("default")
    }

    /// Where the credentials come from, in words.
    pub fn words(&self) -> String {
        match &self.named {
            _ if self.has_keys => "the keys in the environment".to_owned(),
            Some(name) => format!("profile `{name}`"),
            None => "the default profile".to_owned(),
        }
    }

    /// Reads the files of profiles, and looks for what is wrong with the one that is taken.
    ///
    /// # Errors
    /// It is no good.
    pub async fn check(&self) -> Result<Profiles, Fault> {
        let loaded = load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).await;
        let profiles = match loaded {
            Ok(set) => Profiles { set: Some(set) },
            // Nothing is asked of the files.
            Err(_) if self.has_keys && self.named.is_none() => return Ok(Profiles::default()),
            Err(error) => return Err(unreadable(&error)),
        };
        if self.named.is_none() && profiles.get(self.name()).is_none() {
            // There may be no file at all.
            return Ok(profiles);
        }
        // As the AWS CLI does, even where keys in the environment would be taken.
        profiles.exists(self.name(), "AWS_PROFILE")?;
        if !self.has_keys {
            profiles.is_whole(self.name())?;
        }
        Ok(profiles)
    }
}

/// What the files hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Profiles {
    set: Option<ProfileSet>,
}

impl Profiles {
    /// Whether assuming the role of the profile takes a code that only a person has.
    pub fn asks_for_mfa(&self, name: &str) -> bool {
        self.chain(name).any(|name| self.value(name, "mfa_serial").is_some())
    }

    /// The profile and those that it builds on, each once.
    fn chain<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let mut seen: Vec<&str> = Vec::new();
        std::iter::successors(Some(name), |name| self.value(name, "source_profile")).take_while(move |name| {
            let is_new = !seen.contains(name);
            seen.push(name);
            is_new
        })
    }

    fn get(&self, name: &str) -> Option<&aws_config::profile::Profile> {
        self.set.as_ref()?.get_profile(name)
    }

    fn value(&self, name: &str, key: &str) -> Option<&str> {
        self.get(name)?.get(key).map(str::trim).filter(|value| !value.is_empty())
    }

    fn exists(&self, name: &str, place: &str) -> Result<(), Fault> {
        if self.get(name).is_some() {
            return Ok(());
        }
        let names: Vec<&str> = self.set.iter().flat_map(ProfileSet::profiles).collect();
        let meant = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`aws configure list-profiles` lists them".to_owned(),
        };
        Err(Fault {
            message: format!("there is no profile `{name}` in ~/.aws/config or ~/.aws/credentials"),
            hint: format!("check {place}: {meant}"),
        })
    }

    /// Whether each profile of the chain says where its credentials come from, whole.
    fn is_whole(&self, name: &str) -> Result<(), Fault> {
        for name in self.chain(name) {
            let has = |key: &str| self.value(name, key).is_some();
            let fault = |message: String, hint: String| Err(Fault { message, hint });
            for (one, other) in
                [("aws_access_key_id", "aws_secret_access_key"), ("aws_secret_access_key", "aws_access_key_id")]
            {
                if has(one) && !has(other) {
                    return fault(
                        format!("profile `{name}` has `{one}` and no `{other}`"),
                        format!("add `{other}` to profile `{name}` in ~/.aws/credentials, or remove `{one}`"),
                    );
                }
            }
            if !has("role_arn") {
                continue;
            }
            match self.value(name, "source_profile") {
                Some(source) => {
                    let place = format!("`source_profile` of profile `{name}`");
                    self.exists(source, &place).map_err(|Fault { message, hint }| Fault {
                        message: format!("{place} names a profile that is not there: {message}"),
                        hint,
                    })?;
                }
                None if has("credential_source") || has("web_identity_token_file") => {}
                None => {
                    return fault(
                        format!(
                            "profile `{name}` has a `role_arn`, and nothing says with which credentials to assume it"
                        ),
                        format!(
                            "add `source_profile = …`, or `credential_source = …`, to profile `{name}` in ~/.aws/config"
                        ),
                    );
                }
            }
        }
        Ok(())
    }
}

fn unreadable(error: &ProfileFileLoadError) -> Fault {
    let causes: Vec<String> = super::error::causes(error).map(ToString::to_string).collect();
    let is_denied = super::error::causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::PermissionDenied);
    let hint = if is_denied { "let it be read" } else { "correct it" };
    Fault {
        message: format!("the files of AWS profiles can't be read: {}", causes.join(": ")),
        hint: format!(
            "{hint}: ~/.aws/config and ~/.aws/credentials, or what AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name"
        ),
    }
}
