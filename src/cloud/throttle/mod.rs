//! Calls one after the other, as fast as AWS lets them. What AWS refuses for coming too fast goes to the back of the queue,
//! and is asked again until it is answered: nobody is lost to throttling.

mod rate;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use self::rate::{Rate, Turn};

/// A refused call stands aside for this long, twice as long for each further refusal, before it is at the back of the queue.
const STAND_ASIDE: Duration = Duration::from_millis(5);

/// The queue of one service in one account: all that call it there share it. Clones are the same queue.
#[derive(Clone, Debug)]
pub struct Throttle(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    /// Held by whoever is first. Fair: the others come in the order in which they asked.
    first: tokio::sync::Mutex<()>,
    rate: Mutex<Rate>,
    answered: Notify,
    began: Instant,
    patience: Duration,
}

/// Why a call was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered<E> {
    /// AWS answered so, and not that it came too fast.
    Failed(E),
    /// AWS refused every call of all for as long as there is patience; this is what it said to this one, if it came
    /// so far.
    Refused(Option<E>),
}

impl Throttle {
    /// `patience` is for how long to go on while every single call is refused; none: the first refusal is an answer.
    pub fn new(patience: Duration) -> Self {
        let (first, answered) = (tokio::sync::Mutex::new(()), Notify::new());
        let rate = Mutex::new(Rate::new());
        Self(Arc::new(Queue { first, rate, answered, began: Instant::now(), patience }))
    }

    /// Whether every call was refused for as long as there is patience.
    pub fn is_given_up(&self) -> bool {
        self.0.is_hopeless()
    }

    /// Whether every call has been refused since one was taken last.
    pub fn is_refusing(&self) -> bool {
        self.0.rate().silent_since().is_some()
    }

    /// Makes a call when it is its turn, and again when it was refused for coming too fast, as `is_refusal` tells.
    ///
    /// # Errors
    /// Whatever else the call failed with; or nothing was taken any more.
    pub async fn call<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        attempt: impl Fn() -> F,
        is_refusal: impl Fn(&E) -> bool,
    ) -> Result<T, Unanswered<E>> {
        match self.call_while(attempt, is_refusal, &|| true).await {
            Ok(answer) => Ok(answer.expect("it is always wanted")),
            Err(unanswered) => Err(unanswered),
        }
    }

    /// The same, as long as the call is wanted: what is not when its turn comes, or comes again, is not sent. `None`: AWS has taken
    /// none of it.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_while<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        attempt: impl Fn() -> F,
        is_refusal: impl Fn(&E) -> bool,
        is_wanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<T>, Unanswered<E>> {
        let mut refusal = None;
        loop {
            let place = match self.turn(is_wanted).await {
                Ok(place) => place,
                Err(NoTurn::Unwanted) => return Ok(None),
                Err(NoTurn::Hopeless) => return Err(Unanswered::Refused(refusal)),
            };
            match attempt().await {
                Err(error) if is_refusal(&error) => {
                    let streak = place.refused();
                    refusal = Some(error);
                    if self.0.is_hopeless() {
                        return Err(Unanswered::Refused(refusal));
                    }
                    sleep(STAND_ASIDE * (1 << streak.min(8))).await;
                }
                answer => {
                    place.taken();
                    return answer.map(Some).map_err(Unanswered::Failed);
                }
            }
        }
    }

    async fn turn(&self, is_wanted: &(dyn Fn() -> bool + Sync)) -> Result<Place<'_>, NoTurn> {
        let queue = &*self.0;
        let _first = queue.first.lock().await;
        loop {
            if !is_wanted() {
                return Err(NoTurn::Unwanted);
            }
            let turn = queue.rate().turn(queue.now());
            match turn {
                Turn::Now => break,
                // Who would have to wait does not; now and then a call looks whether it is over.
                _ if queue.is_hopeless() => return Err(NoTurn::Hopeless),
                Turn::At(seconds) => {
                    let at = queue.began + Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
                    sleep_until(queue.ends().map_or(at, |ends| at.min(ends))).await;
                }
                Turn::AfterAnother => match queue.ends() {
                    Some(ends) => drop(timeout_at(ends, queue.answered.notified()).await),
                    None => queue.answered.notified().await,
                },
            }
        }
        queue.rate().sent(queue.now());
        Ok(Place { queue, is_answered: false })
    }
}

/// Why a call's turn never comes.
enum NoTurn {
    /// Nothing was taken for as long as there is patience.
    Hopeless,
    /// Nobody wants it any more.
    Unwanted,
}

impl Queue {
    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// When patience is over, if nothing is taken until then.
    fn ends(&self) -> Option<Instant> {
        let since = self.rate().silent_since()?;
        Some(self.began + Duration::try_from_secs_f64(since).unwrap_or_default() + self.patience)
    }

    fn is_hopeless(&self) -> bool {
        self.ends().is_some_and(|ends| ends <= Instant::now())
    }
}

/// A call that is under way.
struct Place<'a> {
    queue: &'a Queue,
    is_answered: bool,
}

impl Place<'_> {
    fn taken(mut self) {
        self.is_answered = true;
        self.queue.rate().taken(self.queue.now());
    }

    /// Returns how many refusals there were in a row.
    fn refused(mut self) -> usize {
        self.is_answered = true;
        let mut rate = self.queue.rate();
        rate.refused(self.queue.now());
        rate.streak()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.queue.rate().abandoned();
        }
        self.queue.answered.notify_one();
    }
}
