//! How fast calls go out: pure arithmetic over a clock that counts seconds.
//!
//! IAM publishes no rate, and whoever else calls it takes from the same one. So it is found out. Calls begin a few at a time
//! and become more, as fast as they are answered, until AWS refuses most of them. From then on there is a rate: a little
//! less than what AWS took in the last second, from where it grows back slowly, and then beyond. When AWS refuses, it drops
//! again. That keeps calls just below what AWS takes, and hardly any is refused.
//!
//! Two things look like that and are not. Where calls are refused at a rate that was taken a moment ago, and others
//! taken, it does not help to be slower: who is refused just asks again. And where all are refused for a while, a
//! call a second looks whether that is over; then it goes on about as fast as before.

use std::collections::VecDeque;

/// At the start there are so many calls at a time; each that is taken makes it one more.
const FIRST: usize = 4;
/// There are no more calls than this at a time.
const MOST: usize = 32;
/// The least calls a second, unless all are refused.
const SLOWEST: f64 = 0.5;
/// From so many calls a second on there is no rate any more.
const FASTEST: f64 = 3000.0;
/// What remains of the rate when AWS refuses.
const CUT: f64 = 0.85;
/// So many seconds later it is back where it was, having slowed down on the way.
const RECOVERY: f64 = 6.0;
/// Then it doubles in so many seconds, for there may be more than there was: another run has come to its end.
const DOUBLING: f64 = 2.0;
/// What remains where so many in a row are refused: that is far too fast.
const ROW: usize = 3;
const DEEP_CUT: f64 = 0.6;
/// The same after a time in which all were refused.
const RECOVERY_AFTER_SILENCE: f64 = 2.0;
/// What of the rate before it begins anew after such a time.
const RESUMED: f64 = 0.6;
/// A cut takes a second to show: until then AWS counts the calls before it.
const ECHO: f64 = 1.0;
/// By so many answers is told whether it helps to be slower.
const SAMPLE: usize = 40;
/// So many refusals in a row are no chance.
const STREAK: usize = 12;
/// Refusals that are no answer to the rate are more than this of all, and fewer than that.
const BY_CHANCE: std::ops::RangeInclusive<f64> = 0.05..=0.6;
/// Clocks are no finer than this.
const TICK: f64 = 1e-6;
/// Seconds between two calls while all are refused.
const PROBE: f64 = 1.0;

/// How fast calls of one service go out.
#[derive(Debug)]
pub(super) struct Rate {
    in_flight: usize,
    window: usize,
    /// No call goes out before.
    next: f64,
    mode: Mode,
    /// When calls were taken, for a second.
    taken: VecDeque<f64>,
    /// Whether the latest calls were taken.
    latest: VecDeque<bool>,
    streak: usize,
    rate_when_taken: f64,
    silent_since: Option<f64>,
    since_cut: Tally,
    /// Without those that came too early to tell anything of the cut.
    since_echo: Tally,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// As fast as the calls are answered.
    Free,
    Limited(Course),
    /// All are refused. The rate was this before.
    Silent(f64),
}

/// How the rate grows after a cut.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Course {
    since: f64,
    low: f64,
    high: f64,
    recovery: f64,
    /// It is not known yet what AWS takes: it doubles every second.
    is_doubling: bool,
}

impl Course {
    fn rate(self, now: f64) -> f64 {
        let Self { since, low, high, recovery, is_doubling } = self;
        let time = now - since;
        let rate = match is_doubling {
            true => low * time.exp2(),
            false if time > recovery => high * ((time - recovery) / DOUBLING).exp2(),
            false => high + (high - low) * ((time - recovery) / recovery).powi(3),
        };
        rate.max(SLOWEST)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    answers: usize,
    refused: usize,
}

impl Tally {
    fn add(&mut self, is_refused: bool) {
        self.answers += 1;
        self.refused += usize::from(is_refused);
    }

    fn share(self) -> f64 {
        share(self.refused, self.answers)
    }
}

/// When the next call may go out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Turn {
    Now,
    At(f64),
    /// When another is answered.
    AfterAnother,
}

impl Rate {
    pub fn new() -> Self {
        Self {
            in_flight: 0,
            window: FIRST,
            next: 0.0,
            mode: Mode::Free,
            taken: VecDeque::new(),
            latest: VecDeque::with_capacity(SAMPLE),
            streak: 0,
            rate_when_taken: PROBE,
            silent_since: None,
            since_cut: Tally::default(),
            since_echo: Tally::default(),
        }
    }

    /// Since when every call is refused.
    pub fn silent_since(&self) -> Option<f64> {
        self.silent_since
    }

    /// How many refusals there were since the last call that was taken.
    pub fn streak(&self) -> usize {
        self.streak
    }

    pub fn turn(&self, now: f64) -> Turn {
        if self.in_flight >= self.window {
            Turn::AfterAnother
        } else if now + TICK < self.next {
            Turn::At(self.next)
        } else {
            Turn::Now
        }
    }

    pub fn sent(&mut self, now: f64) {
        self.in_flight += 1;
        if let Some(gap) = self.gap(now) {
            self.next = self.next.max(now) + gap;
        }
    }

    /// A call is not waited for any more.
    pub fn abandoned(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A call was answered, with whatever but that it came too fast.
    pub fn taken(&mut self, now: f64) {
        self.abandoned();
        self.note(now, false);
        self.taken.push_back(now);
        (self.streak, self.silent_since) = (0, None);
        self.window = MOST.min(self.window + 1);
        match self.mode {
            Mode::Free => {}
            Mode::Limited(course) => {
                let rate = course.rate(now);
                self.rate_when_taken = rate;
                if rate > FASTEST {
                    self.free(now);
                }
            }
            Mode::Silent(before) => {
                let (low, recovery) = (before * RESUMED, RECOVERY_AFTER_SILENCE);
                self.limit(now, Course { since: now, low, high: before, recovery, is_doubling: true });
            }
        }
    }

    /// AWS refused a call for coming too fast.
    pub fn refused(&mut self, now: f64) {
        self.abandoned();
        self.note(now, true);
        self.streak += 1;
        let silent_since = *self.silent_since.get_or_insert(now);
        let taken = self.taken_lately(now);
        match self.mode {
            Mode::Free => {
                let refused = self.latest.iter().filter(|is_refused| **is_refused).count();
                let is_most = self.latest.len() >= SAMPLE && share(refused, self.latest.len()) >= *BY_CHANCE.end();
                if is_most || self.streak >= STREAK {
                    let (low, high) = (taken * CUT, taken);
                    self.limit(now, Course { since: now, low, high, recovery: RECOVERY, is_doubling: true });
                }
            }
            Mode::Limited(course) => self.refused_at(course, taken, silent_since, now),
            Mode::Silent(_) => {}
        }
    }

    fn refused_at(&mut self, course: Course, taken: f64, silent_since: f64, now: f64) {
        let rate = course.rate(now);
        if now - silent_since > (4.0 / rate).max(1.5) && self.streak >= 4 {
            self.mode = Mode::Silent(self.rate_when_taken.max(rate));
            self.next = now + PROBE;
            return;
        }
        // What was sent counts a while.
        self.next = self.next.max(now + rate.recip());
        let age = now - course.since;
        if self.streak >= ROW && age > 0.5 * ECHO && !course.is_doubling {
            self.streak = 1;
            let (low, high) = (rate * DEEP_CUT, rate);
            self.limit(now, Course { since: now, low, high, recovery: RECOVERY, is_doubling: false });
            return;
        }
        if age < ECHO && !(course.is_doubling && age > 0.3) {
            return;
        }
        // So soon after a cut nothing is refused for the rate.
        let is_by_chance = self.since_echo.answers >= SAMPLE && BY_CHANCE.contains(&self.since_echo.share());
        if is_by_chance && age < 2.5 * ECHO {
            self.free(now);
            return;
        }
        let (low, high) = match self.since_cut.answers >= 4 && self.since_cut.share() > 0.5 {
            true => ((taken * CUT).max(rate * 0.5), taken.max(rate * 0.55)),
            false => (rate * CUT, rate),
        };
        self.limit(now, Course { since: now, low, high, recovery: RECOVERY, is_doubling: false });
    }

    fn limit(&mut self, now: f64, course: Course) {
        let low = course.low.max(SLOWEST);
        self.mode = Mode::Limited(Course { low, high: course.high.max(low * 1.05), ..course });
        (self.since_cut, self.since_echo) = (Tally::default(), Tally::default());
        self.next = now + 0.5 / low;
    }

    fn free(&mut self, now: f64) {
        self.mode = Mode::Free;
        self.latest.clear();
        self.next = now;
    }

    fn note(&mut self, now: f64, is_refused: bool) {
        if self.latest.len() >= SAMPLE {
            self.latest.pop_front();
        }
        self.latest.push_back(is_refused);
        self.since_cut.add(is_refused);
        if let Mode::Limited(course) = self.mode
            && now - course.since >= ECHO
        {
            self.since_echo.add(is_refused);
        }
    }

    /// How many calls were taken in the last second.
    fn taken_lately(&mut self, now: f64) -> f64 {
        while self.taken.front().is_some_and(|at| *at <= now - 1.0) {
            self.taken.pop_front();
        }
        f64::from(u32::try_from(self.taken.len()).unwrap_or(u32::MAX))
    }

    /// The time between two calls.
    fn gap(&self, now: f64) -> Option<f64> {
        match self.mode {
            Mode::Free => None,
            Mode::Limited(course) => Some(course.rate(now).recip()),
            Mode::Silent(_) => Some(PROBE),
        }
    }
}

fn share(part: usize, all: usize) -> f64 {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    if all == 0 { 0.0 } else { count(part) / count(all) }
}
