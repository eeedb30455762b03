//! SNS, EventBridge and the secrets of webhooks: with the credentials of the caller, as mail is, whichever account it is about.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_sdk_eventbridge::{
    primitives::DateTime as AwsDateTime,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};
use aws_sdk_sns::types::MessageAttributeValue;
use backon::{BackoffBuilder, ExponentialBuilder};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{sleep, timeout};

use super::{
    client::{Aws, call_in},
    error::malformed,
    webhook::Webhook,
};
use crate::{
    cloud::{BusEvent, Posting},
    inventory::{CallError, ErrorKind},
};

/// Nothing waits longer than this for a call, whatever SNS or EventBridge do: keys come first, and the function keeps a minute for
/// what it has begun.
const LONGEST: Duration = Duration::from_secs(10);

/// How often events are put that EventBridge refuses for the moment.
const MOST_TRIES: usize = 4;

pub(super) async fn publish(aws: &Aws, posting: &Posting) -> Result<(), CallError> {
    let operation = "sns:Publish";
    let Posting { to, tags, subject, text } = posting;
    let region = aws.channels.region(to);
    let attributes = tags.iter().filter_map(|(name, value)| {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value).build().ok()?;
        Some((name.clone(), value))
    });
    let request = aws
        .channels
        .sns(&aws.meter, region.clone())
        .publish()
        .topic_arn(to)
        .subject(subject)
        .message(text)
        .set_message_attributes(Some(attributes.collect::<HashMap<_, _>>()));
    let published = call_in(aws, region.as_ref().map(AsRef::as_ref), operation, to, || request.clone().send());
    match in_time(operation, to, published).await?.message_id {
        Some(id) if !id.is_empty() => Ok(()),
        _ => Err(malformed(operation, to, "it has no message id")),
    }
}

pub(super) async fn post_to_webhook(aws: &Aws, posting: &Posting) -> Result<(), CallError> {
    let webhook = webhook_url(aws, &posting.to).await?;
    let posted = webhook.post(&posting.to, &posting.text, &aws.settings).await;
    if posted.is_err() {
        // The URL may be another by the next run, and the function may live until then.
        aws.channels.webhooks.lock().await.remove(&posting.to);
    }
    posted
}

/// The URL that a secret holds.
pub(super) async fn webhook_url(aws: &Aws, secret: &str) -> Result<Arc<Webhook>, CallError> {
    let mut all = aws.channels.webhooks.lock().await;
    if let Some(webhook) = all.get(secret) {
        return Ok(Arc::clone(webhook));
    }
    let operation = "secretsmanager:GetSecretValue";
    let region = aws.channels.config.region().map(ToString::to_string);
    let request = aws.channels.secrets(&aws.meter).get_secret_value().secret_id(secret);
    let asked = call_in(aws, region.as_deref(), operation, secret, || request.clone().send());
    let answer = in_time(operation, secret, asked).await?;
    if answer.name.as_deref() != Some(secret) {
        return Err(malformed(operation, secret, "it is about another secret"));
    }
    let value = SecretString::from(answer.secret_string.unwrap_or_default());
    let webhook = Arc::new(Webhook::of_secret(secret, value.expose_secret())?);
    all.insert(secret.to_owned(), Arc::clone(&webhook));
    Ok(webhook)
}

pub(super) async fn put_events(aws: &Aws, bus: &str, events: &[BusEvent]) -> Result<Vec<Option<String>>, CallError> {
    let operation = "events:PutEvents";
    in_time(operation, bus, put_all(aws, bus, events)).await
}

/// Puts events until none is refused for the moment only.
async fn put_all(aws: &Aws, bus: &str, events: &[BusEvent]) -> Result<Vec<Option<String>>, CallError> {
    let operation = "events:PutEvents";
    let region = aws.channels.region(bus);
    let client = aws.channels.eventbridge(&aws.meter, region.clone());
    let mut refused: Vec<Option<String>> = vec![None; events.len()];
    let mut left: Vec<usize> = (0..events.len()).collect();
    let waits = ExponentialBuilder::default()
        .with_min_delay(aws.settings.first_wait)
        .with_max_delay(aws.settings.longest_wait)
        .with_max_times(MOST_TRIES - 1)
        .build();
    let mut waits = waits.map(Some).chain(std::iter::once(None));
    while !left.is_empty() {
        let entries: Vec<PutEventsRequestEntry> = left.iter().map(|&at| entry(bus, &events[at])).collect();
        let request = client.put_events().set_entries(Some(entries));
        let answer =
            call_in(aws, region.as_ref().map(AsRef::as_ref), operation, bus, || request.clone().send()).await?;
        let answered = answer.entries.unwrap_or_default();
        if answered.len() != left.len() {
            let what = format!("of {} events it tells of {}", left.len(), answered.len());
            return Err(malformed(operation, bus, what));
        }
        let mut again = Vec::new();
        for (&at, entry) in left.iter().zip(&answered) {
            refused[at] = refusal(entry);
            if refused[at].is_some() && entry.error_code().is_some_and(may_pass) {
                again.push(at);
            }
        }
        left = again;
        match waits.next().flatten() {
            Some(wait) if !left.is_empty() => sleep(wait).await,
            _ => break,
        }
    }
    Ok(refused)
}

fn entry(bus: &str, event: &BusEvent) -> PutEventsRequestEntry {
    let BusEvent { time, detail_type, resources, detail } = event;
    PutEventsRequestEntry::builder()
        .time(AwsDateTime::from_secs(time.timestamp()))
        .source(BusEvent::SOURCE)
        .set_resources(Some(resources.clone()))
        .detail_type(*detail_type)
        .detail(detail)
        .event_bus_name(bus)
        .build()
}

/// Why an event was not taken; an entry that names no event was not.
fn refusal(entry: &PutEventsResultEntry) -> Option<String> {
    match (entry.event_id(), entry.error_code(), entry.error_message()) {
        (Some(id), None, _) if !id.is_empty() => None,
        (_, Some(code), Some(message)) => Some(format!("{message} ({code})")),
        (_, Some(code), None) => Some(code.to_owned()),
        (_, None, _) => Some("EventBridge named no event".to_owned()),
    }
}

/// Whether the same event may be taken in a moment.
fn may_pass(code: &str) -> bool {
    code.starts_with("Internal") || code.starts_with("Throttl") || code.starts_with("ServiceUnavailable")
}

#[cfg(feature = "cli")]
pub(super) async fn event_bus(aws: &Aws, bus: &str) -> Result<bool, CallError> {
    let operation = "events:DescribeEventBus";
    let region = aws.channels.region(bus);
    let request = aws.channels.eventbridge(&aws.meter, region.clone()).describe_event_bus().name(bus);
    is_there(call_in(aws, region.as_ref().map(AsRef::as_ref), operation, bus, || request.clone().send()).await)
}

#[cfg(feature = "cli")]
pub(super) async fn topic(aws: &Aws, arn: &str) -> Result<bool, CallError> {
    let operation = "sns:GetTopicAttributes";
    let region = aws.channels.region(arn);
    let request = aws.channels.sns(&aws.meter, region.clone()).get_topic_attributes().topic_arn(arn);
    is_there(call_in(aws, region.as_ref().map(AsRef::as_ref), operation, arn, || request.clone().send()).await)
}

/// Whether what was asked for exists.
#[cfg(feature = "cli")]
fn is_there<T>(answer: Result<T, CallError>) -> Result<bool, CallError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends what takes too long.
async fn in_time<T>(
    operation: &'static str,
    subject: &str,
    work: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    match timeout(LONGEST, work).await {
        Ok(result) => result,
        Err(_) => {
            let message = format!("it did not succeed within {} s", LONGEST.as_secs());
            Err(CallError::new(ErrorKind::Other, operation, subject, message))
        }
    }
}
