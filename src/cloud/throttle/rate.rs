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
/// The same after a time in which all were refused.
const RECOVERY_AFTER_SILENCE: f64 = 2.0;
/// What of the rate before it begins anew after such a time.
const RESUMED: f64 = 0.6;
/// A cut takes a second to show: until then AWS counts the calls before it.
const ECHO: f64 = 1.0;

/// What remains where so many in a row are refused: that is far too fast.
const DEEP_CUT: f64 = 0.6;
const ROW: usize = 3;
/// Of many calls a second, so many seconds' worth, as long as that many are improbable by chance.
const ROW_SECONDS: f64 = 0.1;
const UNLIKELY: f64 = 0.005;

/// Where there is no rate yet, it is far too fast when more than this of so many answers are refusals, or so many in a row.
const FAR_TOO_MANY: f64 = 0.75;
const SAMPLE: usize = 40;
const STREAK: usize = 16;

/// It does not help to be slower where such a part is refused at a rate that was taken before.
const BY_CHANCE: std::ops::RangeInclusive<f64> = 0.25..=0.65;
/// That is told by a second's answers, no fewer and no more than so many; or twice as many, each time that it helped after all.
const TRIAL: std::ops::RangeInclusive<f64> = 10.0..=40.0;
const LONGEST_TRIAL: f64 = 64.0;
/// So many seconds are too long to wait for them without being slower.
const LONG: f64 = 1.5;
/// Then by so many answers through all cuts, unless so many calls are taken in a row.
const THROUGH_CUTS: f64 = 60.0;
const CALM: usize = 20;
/// What does not help is undone: the rate doubles and doubles again, until it is so many times (as a logarithm) as likely that
/// refusals become more with the rate as that they stay as many.
const EVIDENCE: f64 = 6.0;

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
    /// Since so many calls were taken in a row, through all cuts.
    since_calm: Tally,
    calm: usize,
    /// So many times as many answers tell whether it helps to be slower.
    trial: f64,
    /// Which part is refused by chance, as far as is known.
    chance: f64,
    /// What speaks against that, while it is tried.
    against: f64,
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
    /// Whether that is because this part of all is refused, however slow they are.
    chance: Option<f64>,
}

impl Course {
    fn growing(since: f64, low: f64, high: f64) -> Self {
        Self { since, low, high, recovery: RECOVERY, is_doubling: false, chance: None }
    }

    fn doubling(since: f64, low: f64, high: f64) -> Self {
        Self { is_doubling: true, ..Self::growing(since, low, high) }
    }

    fn rate(self, now: f64) -> f64 {
        let Self { since, low, high, recovery, is_doubling, chance: _ } = self;
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

    fn count(self) -> f64 {
        count(self.answers)
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
            since_calm: Tally::default(),
            calm: 0,
            trial: 1.0,
            chance: 0.0,
            against: 0.0,
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
                if course.chance.is_none() {
                    self.rate_when_taken = rate;
                }
                if rate > FASTEST {
                    (self.trial, self.chance) = (1.0, course.chance.unwrap_or_default());
                    self.free(now);
                }
            }
            Mode::Silent(before) => {
                let (low, recovery) = (before * RESUMED, RECOVERY_AFTER_SILENCE);
                self.limit(now, Course { recovery, ..Course::doubling(now, low, before) });
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
                let is_most =
                    self.latest.len() >= SAMPLE && self.refused_lately() >= FAR_TOO_MANY.max(0.6 + 0.4 * self.chance);
                if is_most || self.streak >= STREAK {
                    self.latest.clear();
                    let (low, high) = (taken * CUT, taken);
                    self.limit(now, Course::doubling(now, low, high));
                }
            }
            Mode::Limited(course) => self.refused_at(course, taken, silent_since, now),
            Mode::Silent(_) => {}
        }
    }

    fn refused_at(&mut self, course: Course, taken: f64, silent_since: f64, now: f64) {
        let rate = course.rate(now);
        if course.chance.is_some() {
            self.refused_in_trial(course, taken, now);
            return;
        }
        // Few calls a second must not go on for long when they are too many.
        let row = no_chance(self.refused_lately()).min(ROW.max(whole(ROW_SECONDS * rate)));
        if now - silent_since > (4.0 / rate).max(1.5) && self.streak >= 4 {
            self.mode = Mode::Silent(self.rate_when_taken.max(rate));
            self.next = now + PROBE;
            return;
        }
        // What was sent counts a while.
        self.next = self.next.max(now + rate.recip());
        let age = now - course.since;
        // Slower and slower, and as many are refused.
        if self.since_calm.count() >= THROUGH_CUTS * self.trial && BY_CHANCE.contains(&self.since_calm.share()) {
            self.try_faster(self.since_calm.share(), rate, now);
            return;
        }
        if self.streak >= row && age > 0.5 * ECHO && !course.is_doubling {
            self.streak = 1;
            let (low, high) = (rate * DEEP_CUT, rate);
            self.limit(now, Course::growing(now, low, high));
            return;
        }
        if age < ECHO && !(course.is_doubling && age > 0.3) {
            return;
        }
        // At a rate that was taken before, nothing is refused for the rate.
        if age < course.recovery && !course.is_doubling {
            let needed = rate.clamp(*TRIAL.start(), *TRIAL.end()) * self.trial;
            let is_enough = self.since_echo.count() >= needed;
            let may_be_chance = BY_CHANCE.contains(&self.since_echo.share());
            // Who would have to wait long for them is slower meanwhile.
            if may_be_chance && !is_enough && needed < LONG * rate {
                return;
            }
            if may_be_chance && is_enough {
                self.try_faster(self.since_echo.share(), rate, now);
                return;
            }
        }
        let (low, high) = match self.since_cut.answers >= 4 && self.since_cut.share() > 0.5 {
            true => ((taken * CUT).max(rate * 0.5), taken.max(rate * 0.55)),
            false => (rate * CUT, rate),
        };
        self.limit(now, Course::growing(now, low, high));
    }

    /// It was no chance after all, where more are refused when they come faster.
    fn refused_in_trial(&mut self, course: Course, taken: f64, now: f64) {
        if self.against > EVIDENCE || self.streak >= STREAK {
            self.trial = LONGEST_TRIAL.min(self.trial * 2.0);
            self.chance = 0.0;
            let before = course.low * 0.5;
            self.limit(now, Course::growing(now, (taken * CUT).max(before * CUT), taken.max(before)));
        }
    }

    /// Such a part of all is refused by chance, as it seems: then it is as large when they come twice as fast.
    fn try_faster(&mut self, chance: f64, rate: f64, now: f64) {
        let low = 2.0 * rate;
        self.since_calm = Tally::default();
        self.limit(now, Course { chance: Some(chance), ..Course::doubling(now, low, low) });
    }

    fn limit(&mut self, now: f64, course: Course) {
        let low = course.low.max(SLOWEST);
        self.mode = Mode::Limited(Course { low, high: course.high.max(low * 1.05), ..course });
        (self.since_cut, self.since_echo, self.against) = (Tally::default(), Tally::default(), 0.0);
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
        self.since_calm.add(is_refused);
        self.calm = if is_refused { 0 } else { self.calm + 1 };
        if self.calm >= CALM || self.mode == Mode::Free {
            self.since_calm = Tally::default();
        }
        if let Mode::Limited(Course { chance: Some(chance), .. }) = self.mode {
            // At twice the rate, twice as many would have to be refused of those that were taken.
            let likelihood = if is_refused { (1.0 + chance) / (2.0 * chance) } else { 0.5 };
            self.against = (self.against + likelihood.ln()).max(0.0);
        }
        if let Mode::Limited(course) = self.mode
            && now - course.since >= ECHO
        {
            self.since_echo.add(is_refused);
        }
    }

    /// Which part of the latest calls was refused.
    fn refused_lately(&self) -> f64 {
        share(self.latest.iter().filter(|is_refused| **is_refused).count(), self.latest.len())
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

/// So many refusals in a row are no chance where this part of all is refused by chance.
fn no_chance(share: f64) -> usize {
    let mut row = ROW;
    while row < STREAK && share.powi(i32::try_from(row).unwrap_or(i32::MAX)) > UNLIKELY {
        row += 1;
    }
    row
}

/// How many whole ones that is, of a few.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is neither negative nor large")]
fn whole(number: f64) -> usize {
    number.clamp(0.0, 1e6) as usize
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { count(part) / count(all) }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
