//! What happened, for programs: an event on EventBridge for each change that a run made, and for each that failed.
//!
//! They go out beside the changes, each within moments of what it tells of: nobody's rotation waits for the bus, and no event waits
//! for another user. At most once: nothing is noted anywhere, so what a run could not send before it ended is not sent any more.

mod document;

use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    cloud::{BusEvent, Writes},
    inventory::{CallError, ErrorKind},
};

pub use self::document::{Detail, Happened, NextStep, SCHEMA_VERSION, detail_type, schema};

/// `PutEvents` takes so many events, and so many bytes of them, at once.
const MOST_EVENTS: usize = 10;
const MOST_BYTES: usize = 256 * 1024;

/// A bus that fails so often in a row is not asked again in a run: what is wrong with it lasts longer.
const MOST_FAILURES: usize = 2;

/// What happened, on its way to the bus. Keeps nothing until it is opened.
#[derive(Debug, Default)]
pub struct EventQueue {
    state: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    is_open: bool,
    events: Vec<BusEvent>,
}

/// What became of the events of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct EventsSent {
    /// The name or ARN of the bus.
    pub bus: String,
    /// How many it took.
    pub sent: usize,
    /// How many it did not take.
    pub failed: usize,
    /// Why, the last of it, if some were not.
    pub failure: Option<CallError>,
}

impl EventsSent {
    fn none(bus: &str) -> Self {
        Self { bus: bus.to_owned(), sent: 0, failed: 0, failure: None }
    }

    /// Adds what was sent later in the same run.
    pub fn extend(&mut self, other: Self) {
        let Self { bus: _, sent, failed, failure } = other;
        self.sent += sent;
        self.failed += failed;
        self.failure = failure.or(self.failure.take());
    }
}

impl EventQueue {
    /// Adds an event, if anybody waits for it.
    pub fn note(&self, event: impl FnOnce() -> BusEvent) {
        if !self.state().is_open {
            return;
        }
        let event = event();
        self.state().events.push(event);
        self.added.notify_one();
    }

    fn open(&self) {
        self.state().is_open = true;
    }

    /// The next events that fit into one call.
    fn take(&self) -> Vec<BusEvent> {
        let events = &mut self.state().events;
        let mut bytes = 0;
        let fits = |event: &&BusEvent| {
            bytes += event.size();
            bytes <= MOST_BYTES
        };
        // One that is too large by itself is refused by the bus, which says so.
        let count = events.iter().take(MOST_EVENTS).take_while(fits).count().max(1).min(events.len());
        events.drain(..count).collect()
    }

    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the work, and sends what it notes in the queue meanwhile; ends when both are done. A bus that fails is reported, and
/// fails nothing.
pub async fn sending<T>(
    cloud: Option<&dyn Writes>,
    bus: Option<&str>,
    queue: &EventQueue,
    work: impl Future<Output = T>,
) -> (T, Option<EventsSent>) {
    let (Some(cloud), Some(bus)) = (cloud, bus) else { return (work.await, None) };
    queue.open();
    let mut sender = Sender { cloud, sent: EventsSent::none(bus), failures: 0 };
    let mut work = pin!(work);
    let mut done = None;
    loop {
        let events = queue.take();
        match (events.is_empty(), &done) {
            (true, Some(_)) => break,
            (true, None) => tokio::select! {
                biased;
                result = &mut work => done = Some(result),
                () = queue.added.notified() => {}
            },
            (false, Some(_)) => sender.send(&events).await,
            (false, None) => {
                let mut sending = pin!(sender.send(&events));
                tokio::select! {
                    biased;
                    () = &mut sending => {}
                    result = &mut work => {
                        done = Some(result);
                        sending.await;
                    }
                }
            }
        }
    }
    let EventsSent { sent, failed, .. } = sender.sent;
    let done = done.expect("the loop ends when the work is done");
    (done, (sent + failed > 0).then_some(sender.sent))
}

struct Sender<'a> {
    cloud: &'a dyn Writes,
    sent: EventsSent,
    /// In a row.
    failures: usize,
}

impl Sender<'_> {
    async fn send(&mut self, events: &[BusEvent]) {
        if self.failures >= MOST_FAILURES {
            self.sent.failed += events.len();
            return;
        }
        match self.cloud.put_events(&self.sent.bus, events).await {
            Ok(refused) => {
                self.failures = 0;
                let bus = self.sent.bus.clone();
                for refusal in refused {
                    match refusal {
                        None => self.sent.sent += 1,
                        Some(why) => {
                            self.sent.failed += 1;
                            let (kind, operation) = (ErrorKind::Refused, "events:PutEvents");
                            self.sent.failure = Some(CallError::new(kind, operation, bus.clone(), why));
                        }
                    }
                }
            }
            Err(error) => {
                self.failures += 1;
                self.sent.failed += events.len();
                self.sent.failure = Some(error);
            }
        }
    }
}
