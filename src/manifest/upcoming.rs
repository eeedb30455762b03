//! When the runs of a schedule come, computed once and so far as somebody asks: every account of a run asks for the same, and a forecast
//! for one day after the other.

use std::{cell::RefCell, collections::VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;

/// What an expression says, if it tells when runs come.
type Parse = fn(&str) -> Option<Cron>;

/// Of how many expressions the runs are kept.
const MOST_KEPT: usize = 16;

/// How many runs of an expression are kept.
const MOST: usize = 1000;

/// How many runs are computed to come to an instant; one that is farther away is looked for by itself.
const MOST_ON_THE_WAY: usize = 100;

/// The first run of an expression that is not before an instant. `None` if there is none, or the expression does not tell.
pub(super) fn next(expression: &str, parse: Parse, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    thread_local! {
        static COMPUTED: RefCell<VecDeque<Computed>> = RefCell::default();
    }
    COMPUTED.with_borrow_mut(|computed| {
        match computed.iter().position(|one| one.expression == expression) {
            Some(known) => computed.swap(0, known),
            None => {
                computed.truncate(MOST_KEPT - 1);
                computed.push_front(Computed::new(expression, parse, from));
            }
        }
        computed[0].next(from)
    })
}

/// The runs of an expression, without a gap.
struct Computed {
    expression: String,
    cron: Option<Cron>,
    /// From when on they are known.
    since: DateTime<Utc>,
    runs: Vec<DateTime<Utc>>,
}

impl Computed {
    fn new(expression: &str, parse: Parse, since: DateTime<Utc>) -> Self {
        Self { expression: expression.to_owned(), cron: parse(expression), since, runs: vec![] }
    }

    fn next(&mut self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if from < self.since || self.runs.len() >= MOST {
            (self.since, self.runs) = (from, vec![]);
        }
        for _ in 0..MOST_ON_THE_WAY {
            match self.runs.last() {
                Some(last) if *last >= from => break,
                Some(last) => self.runs.push(self.at_or_after(*last + TimeDelta::seconds(1))?),
                None => self.runs.push(self.at_or_after(self.since)?),
            }
        }
        let passed = self.runs.partition_point(|run| *run < from);
        self.runs.get(passed).copied().or_else(|| self.at_or_after(from))
    }

    fn at_or_after(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Runs come at full seconds.
        self.cron.as_ref()?.find_next_occurrence(&(from - TimeDelta::nanoseconds(1)), false).ok()
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
    fn whatever_was_asked_before_the_answer_is_that_of_the_expression() {
        let start: DateTime<Utc> = "2026-11-23T08:00:00Z".parse().expect("a time");
        for expression in ["0 8 * * *", "0 8 1 * *", "*/15 * * * *", "0 8 29 2 *", "never"] {
            // Near and far, there and back, by the second and between two.
            let days = (0..1500).map(|number| i64::from(number * 7919 % 1009) - 300);
            for (day, odd) in days.zip([0, 1, -1, 43_200_000, 250, 86_399_999].into_iter().cycle()) {
                let from = start + TimeDelta::days(day) + TimeDelta::milliseconds(odd);
                let answer = next(expression, parsed, from);
                let all = parsed(expression)
                    .map(|cron| cron.iter_from(from - TimeDelta::days(1), croner::Direction::Forward));
                let anew = all.and_then(|mut all| all.find(|run| *run >= from));
                assert_eq!(answer, anew, "{expression}, from {from}");
            }
        }
    }
}
