//! The next runs of a schedule, computed once: every account of a run asks for the same, and a forecast for one day after the other.

use std::{cell::RefCell, collections::VecDeque, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;

/// When runs come, in order.
pub(super) type Upcoming = Arc<[DateTime<Utc>]>;

/// What an expression says, if it tells when runs come.
type Parse = fn(&str) -> Option<Cron>;

/// How many runs are computed ahead.
const MOST: usize = 1000;

/// Of how many expressions and instants they are kept.
const MOST_KEPT: usize = 16;

/// The runs of an expression from `now` on, so far as they are computed ahead.
pub(super) fn upcoming(expression: &str, parse: Parse, now: DateTime<Utc>) -> Upcoming {
    thread_local! {
        static COMPUTED: RefCell<VecDeque<Computed>> = RefCell::default();
    }
    COMPUTED.with_borrow_mut(|computed| {
        let earlier = |one: &&Computed| one.expression == expression && one.now <= now;
        let known = computed.iter().filter(earlier).max_by_key(|one| one.now);
        if let Some(same) = known.filter(|known| known.now == now) {
            return Arc::clone(&same.upcoming);
        }
        let new = match known {
            Some(known) => known.later(now),
            None => Computed::new(expression, parse, now),
        };
        let upcoming = Arc::clone(&new.upcoming);
        computed.truncate(MOST_KEPT - 1);
        computed.push_front(new);
        upcoming
    })
}

/// The runs of an expression from an instant on.
struct Computed {
    expression: String,
    cron: Option<Arc<Cron>>,
    now: DateTime<Utc>,
    upcoming: Upcoming,
}

impl Computed {
    fn new(expression: &str, parse: Parse, now: DateTime<Utc>) -> Self {
        let nothing = Self {
            expression: expression.to_owned(),
            cron: parse(expression).map(Arc::new),
            now,
            upcoming: Upcoming::default(),
        };
        nothing.later(now)
    }

    /// The same from a later instant on: of the runs that are known only those are computed that come after them.
    fn later(&self, now: DateTime<Utc>) -> Self {
        let (before, horizon) = (now - TimeDelta::seconds(1), now + TimeDelta::days(400));
        let passed = self.upcoming.partition_point(|run| *run <= before);
        let mut upcoming = self.upcoming[passed..].to_vec();
        let mut at = upcoming.last().copied().unwrap_or(before);
        while let Some(next) = self.cron.as_ref().and_then(|cron| cron.find_next_occurrence(&at, false).ok()) {
            if upcoming.len() >= MOST || next > horizon {
                break;
            }
            upcoming.push(next);
            at = next;
        }
        Self { expression: self.expression.clone(), cron: self.cron.clone(), now, upcoming: upcoming.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(expression: &str) -> Option<Cron> {
        let parser = croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Disallowed).build();
        parser.parse(expression).ok()
    }

    #[test]
    fn what_is_computed_from_earlier_runs_is_what_is_computed_anew() {
        let start: DateTime<Utc> = "2026-11-23T08:00:00Z".parse().expect("a time");
        for expression in ["0 8 * * *", "0 8 1 * *", "*/15 * * * *", "0 8 29 2 *", "never"] {
            let first = Computed::new(expression, parsed, start);
            for seconds in [1, 3600, 86_400, 86_401, 40 * 86_400, 399 * 86_400, 2000 * 86_400] {
                let now = start + TimeDelta::seconds(seconds);
                let anew = Computed::new(expression, parsed, now).upcoming;
                assert_eq!(first.later(now).upcoming, anew, "{expression}, {seconds} s later");
                assert_eq!(upcoming(expression, parsed, now), anew, "{expression}, {seconds} s later");
                // What is kept of a later instant says nothing of an earlier one.
                assert_eq!(upcoming(expression, parsed, start), first.upcoming, "{expression}");
            }
        }
    }
}
