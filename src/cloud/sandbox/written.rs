//! A sandbox file as it is written, with the place of each value.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, value::Datetime};

use crate::cloud::Visibility;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenWorld {
    pub(super) now: Option<Spanned<Datetime>>,
    pub(super) account: Spanned<String>,
    pub(super) region: Option<Spanned<String>>,
    pub(super) partition: Option<Spanned<String>>,
    pub(super) called_with: Option<Spanned<String>>,
    pub(super) account_name: Option<Spanned<String>>,
    pub(super) account_state: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) units: Vec<Spanned<String>>,
    pub(super) account_tags: Option<Spanned<BTreeMap<String, String>>>,
    pub(super) refuse_entry: Option<String>,
    #[serde(default)]
    pub(super) refuse_mail_to: Vec<String>,
    #[serde(default)]
    pub(super) keys_issued: u64,
    #[serde(default)]
    pub(super) users: Vec<WrittenUser>,
    #[serde(default)]
    pub(super) secrets: Vec<WrittenSecret>,
    #[serde(default)]
    pub(super) mail: Vec<WrittenMail>,
    #[serde(default)]
    pub(super) refuse_delivery_to: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) parameters: Vec<WrittenParameter>,
    #[serde(default)]
    pub(super) github: Vec<WrittenVaultSecret>,
    #[serde(default)]
    pub(super) posted: Vec<WrittenPosting>,
    #[serde(default)]
    pub(super) events: Vec<WrittenEvent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenParameter {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) description: String,
    pub(super) tags: Option<Spanned<BTreeMap<String, String>>>,
    pub(super) kms_key: Option<String>,
    pub(super) version: Spanned<i64>,
    pub(super) modified: Option<Spanned<Datetime>>,
    pub(super) digest: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenVaultSecret {
    pub(super) place: Spanned<String>,
    pub(super) name: Spanned<String>,
    pub(super) updated: Spanned<Datetime>,
    pub(super) visibility: Option<Spanned<Visibility>>,
    #[serde(default)]
    pub(super) repositories: Vec<u64>,
    pub(super) digest: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenUser {
    pub(super) name: Spanned<String>,
    pub(super) path: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) groups: Vec<Spanned<String>>,
    pub(super) tags: Option<Spanned<BTreeMap<String, String>>>,
    pub(super) smtp: Option<String>,
    #[serde(default)]
    pub(super) policies_unread: bool,
    #[serde(default)]
    pub(super) keys: Vec<WrittenKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenKey {
    pub(super) id: Spanned<String>,
    pub(super) created: Spanned<Datetime>,
    pub(super) status: Option<WrittenStatus>,
    pub(super) last_used: Option<Spanned<Datetime>>,
    pub(super) last_used_service: Option<Spanned<String>>,
    pub(super) last_used_region: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WrittenStatus {
    #[default]
    Active,
    Inactive,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenSecret {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) description: String,
    pub(super) tags: Option<Spanned<BTreeMap<String, String>>>,
    pub(super) kms_key: Option<String>,
    #[serde(default)]
    pub(super) replicas: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) replica_failures: BTreeMap<Spanned<String>, String>,
    pub(super) deleted: Option<Spanned<Datetime>>,
    pub(super) policy: Option<Spanned<String>>,
    pub(super) primary_region: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) versions: Vec<WrittenVersion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenVersion {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) labels: Vec<Spanned<String>>,
    pub(super) digest: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenMail {
    pub(super) sent: Spanned<Datetime>,
    pub(super) from: String,
    pub(super) from_arn: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) configuration_set: Option<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenPosting {
    pub(super) sent: Spanned<Datetime>,
    pub(super) to: String,
    #[serde(default)]
    pub(super) subject: String,
    pub(super) text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenEvent {
    pub(super) time: Spanned<Datetime>,
    pub(super) bus: String,
    pub(super) detail_type: String,
    #[serde(default)]
    pub(super) resources: Vec<String>,
    pub(super) detail: String,
}
