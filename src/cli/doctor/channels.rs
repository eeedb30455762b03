//! Whether what is told to channels and programs arrives: a line each. Nothing is sent.

use keyrota::{
    cloud::Probes,
    inventory::{CallError, ErrorKind},
    manifest::{Manifest, Source},
    notice::ChannelKind,
};

use super::finding::Finding;

/// The bus, the topics and the webhooks that the manifests name.
pub async fn all<C: Probes>(cloud: &C, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    let place = |source: Option<&Source>| source.map_or_else(String::new, |source| format!(" ({source})"));
    if let Some(bus) = manifest.events.bus() {
        let fix = format!(
            "make it (`aws events create-event-bus --name NAME`), or correct `bus` in [events]{}",
            place(manifest.events.source())
        );
        findings.push(match cloud.event_bus(bus).await {
            Ok(true) => Finding::fine("events", format!("the event bus {bus} is there")),
            Ok(false) => Finding::wrong("events", format!("there is no event bus {bus}"), fix),
            Err(error) => Finding::unknown("events", &format!("whether the event bus {bus} is there"), &error),
        });
    }
    let channels = manifest.channels();
    for (arn, source) in channels.of(ChannelKind::Sns) {
        let fix = format!("make it, or correct the ARN{}", place(source));
        findings.push(match cloud.topic(arn).await {
            Ok(true) => Finding::fine("sns", format!("the topic {arn} is there")),
            Ok(false) => Finding::wrong("sns", format!("there is no topic {arn}"), fix),
            Err(error) => Finding::unknown("sns", &format!("whether the topic {arn} is there"), &error),
        });
    }
    for (secret, source) in channels.of(ChannelKind::Slack) {
        findings.push(match cloud.webhook(secret).await {
            Ok(()) => Finding::fine("slack", format!("the secret {secret} holds the URL of a webhook")),
            Err(error) => webhook(secret, &place(source), &error),
        });
    }
    findings
}

fn webhook(secret: &str, place: &str, error: &CallError) -> Finding {
    const CHECK: &str = "slack";
    let put = format!("aws secretsmanager create-secret --name {secret} --secret-string URL");
    match error.kind {
        ErrorKind::NotFound => {
            let message = format!("there is no secret {secret} in the caller's account and region");
            Finding::wrong(CHECK, message, format!("put the webhook's URL there (`{put}`), or correct the name{place}"))
        }
        ErrorKind::Conflict => {
            let fix = format!("aws secretsmanager restore-secret --secret-id {secret}");
            Finding::wrong(CHECK, format!("the secret {secret} can't be read: {}", error.message), fix)
        }
        ErrorKind::Refused => {
            let fix = error.hint.clone().unwrap_or_else(|| "put the webhook's URL there".to_owned());
            Finding::wrong(CHECK, format!("the secret {secret} can't be used: {}", error.message), fix)
        }
        ErrorKind::Denied => {
            let fix = "the role that runs needs `secretsmanager:GetSecretValue` for it, as Terraform grants: run doctor as that \
                       role, or look by hand";
            Finding::doubt(CHECK, format!("can't tell whether the secret {secret} holds a webhook's URL: denied"), fix)
        }
        _ => Finding::unknown(CHECK, &format!("whether the secret {secret} holds a webhook's URL"), error),
    }
}
