//! SNS, Slack and EventBridge: what is sent stays in the sandbox, and what the file refuses is refused.

use chrono::{DateTime, SubsecRound, Utc};

use super::{Located, Posted, PutEvent};
use crate::{
    cloud::{BusEvent, Posting},
    inventory::{CallError, ErrorKind},
    notice::{Channel, ChannelKind, POST},
};

/// `PutEvents` takes no more at once.
const MOST_EVENTS: usize = 10;
const MOST_BYTES: usize = 256 * 1024;

/// `Publish`.
pub(super) fn publish(world: &mut Located, now: DateTime<Utc>, posting: &Posting) -> Result<(), CallError> {
    let Posting { to, subject, text, .. } = posting;
    let refuse = |message: &str| Err(CallError::new(ErrorKind::Refused, "sns:Publish", to, message));
    let is_subject = |text: &str| {
        (1..100).contains(&text.len())
            && text.chars().all(|c| c.is_ascii() && !c.is_control())
            && text.starts_with(|c: char| c.is_ascii_graphic())
    };
    if !is_subject(subject) {
        return refuse("Invalid parameter: Subject (InvalidParameter)");
    }
    if text.is_empty() || text.len() > 256 * 1024 {
        return refuse("Invalid parameter: Message (InvalidParameter)");
    }
    if refuses(world, Channel::Of(ChannelKind::Sns, to)) {
        return refuse("Topic does not exist (NotFound)");
    }
    keep(world, now, Channel::Of(ChannelKind::Sns, to), posting);
    Ok(())
}

/// What an incoming webhook of Slack does.
pub(super) fn post_to_webhook(world: &mut Located, now: DateTime<Utc>, posting: &Posting) -> Result<(), CallError> {
    let Posting { to, text, .. } = posting;
    let refuse = |message: &str| Err(CallError::new(ErrorKind::Refused, POST, format!("slack:{to}"), message));
    let is_payload = serde_json::from_str::<serde_json::Value>(text)
        .is_ok_and(|body| body["text"].as_str().is_some_and(|text| (1..=40_000).contains(&text.chars().count())));
    if !is_payload {
        return refuse("Slack answers 400, `invalid_payload`");
    }
    if refuses(world, Channel::Of(ChannelKind::Slack, to)) {
        return refuse("Slack answers 404, `no_service`");
    }
    keep(world, now, Channel::Of(ChannelKind::Slack, to), posting);
    Ok(())
}

/// `PutEvents`.
pub(super) fn put_events(
    world: &mut Located,
    bus: &str,
    events: &[BusEvent],
) -> Result<Vec<Option<String>>, CallError> {
    let refuse = |message: &str| Err(CallError::new(ErrorKind::Other, "events:PutEvents", bus, message));
    let bytes: usize = events.iter().map(BusEvent::size).sum();
    if events.is_empty() || events.len() > MOST_EVENTS || bytes > MOST_BYTES {
        return refuse("Total size of the entries in the request is over the limit. (ValidationException)");
    }
    if world.refuse_mail_to.iter().any(|refused| refused == bus) {
        return refuse("Event bus does not exist. (ResourceNotFoundException)");
    }
    for BusEvent { time, detail_type, resources, detail } in events {
        world.events.push(PutEvent {
            time: time.trunc_subsecs(0),
            bus: bus.to_owned(),
            detail_type: (*detail_type).to_owned(),
            resources: resources.clone(),
            detail: detail.clone(),
        });
    }
    Ok(vec![None; events.len()])
}

fn refuses(world: &Located, channel: Channel<'_>) -> bool {
    world.refuse_mail_to.iter().any(|refused| Channel::of(refused) == channel)
}

fn keep(world: &mut Located, now: DateTime<Utc>, channel: Channel<'_>, posting: &Posting) {
    let Posting { subject, text, .. } = posting;
    world.posted.push(Posted {
        sent: now.trunc_subsecs(0),
        to: channel.identity(),
        subject: subject.clone(),
        text: text.clone(),
    });
}
