//! To a Slack webhook: the text of the mail, as text. What it is about has names that others chose: nothing in it is markup, and
//! nothing calls anybody.

use std::collections::BTreeMap;

use serde_json::json;

use super::cut::cut;
use crate::{
    cloud::{Posting, Writes},
    inventory::CallError,
    template::Text,
    untrusted,
};

/// Slack cuts what is longer.
const LONGEST: usize = 40_000;

pub(super) async fn send(
    cloud: &dyn Writes,
    tags: &BTreeMap<String, String>,
    text: &Text,
    secret: &str,
) -> Result<(), CallError> {
    let (to, tags, subject) = (secret.to_owned(), tags.clone(), String::new());
    cloud.post_to_webhook(&Posting { to, tags, subject, text: as_slack(text) }).await
}

/// The JSON that a webhook of Slack takes.
#[must_use]
pub fn as_slack(text: &Text) -> String {
    let Text { subject, text, .. } = text;
    let text = untrusted::slack(&cut(&format!("{subject}\n\n{text}"), LONGEST, untrusted::slack_size));
    let body = json!({
        "text": text.trim_end(),
        // Names hold `_` and `*`, and `@here` is one that IAM takes.
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    body.to_string()
}
