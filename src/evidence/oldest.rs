//! The oldest active key, day by day: what is known of the past today, and what the schedule makes of it.

use chrono::{DateTime, TimeDelta, Utc};

use super::model::{Oldest, OldestDay};

/// So far back it is told, without a history that goes back further.
const BACK: TimeDelta = TimeDelta::days(180);

/// No more days are told: further back it goes by weeks.
const MOST_DAYS: i64 = 400;

/// From when to when a key worked, or will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When it stopped; `None`: it works.
    pub ended: Option<DateTime<Utc>>,
    /// Whether its user is in scope and not exempt.
    pub in_scope: bool,
}

/// What is told of the past.
pub(super) struct Past {
    /// The keys that worked.
    pub lives: Vec<Life>,
    /// From when on the history tells of all of them; `None`: there is none.
    pub known_since: Option<DateTime<Utc>>,
    /// How many keys it tells of that stopped since then, and not when they were created.
    pub unknown: usize,
}

/// Day by day, at the instant of the report; `ahead` are the keys of the time until `until`.
pub(super) fn oldest(past: &Past, ahead: Option<(&[Life], DateTime<Utc>)>, now: DateTime<Utc>) -> Oldest {
    let back = past.known_since.map_or(BACK, |since| (now - since).max(BACK)).num_days();
    let step = if back > MOST_DAYS { 7 } else { 1 };
    let mut days: Vec<OldestDay> =
        (0..=back / step).rev().map(|steps| day(&past.lives, now - TimeDelta::days(steps * step), false)).collect();
    if let Some((lives, until)) = ahead {
        days.extend((1..=(until - now).num_days()).map(|ahead| day(lives, now + TimeDelta::days(ahead), true)));
    }
    let note = match past.known_since {
        None => "The past is told by the keys that exist now: those that were deleted since are not in it, so that the oldest \
                 was this old at least."
            .to_owned(),
        Some(since) => format!(
            "The past is told by the keys that exist now, and by the history from {} on; before that the oldest was this old at \
             least.",
            since.date_naive()
        ),
    };
    let note = match past.unknown {
        0 => note,
        1 => format!("{note} Of one key that stopped since then it is not known how old it was."),
        unknown => format!("{note} Of {unknown} keys that stopped since then it is not known how old they were."),
    };
    let note = note + if ahead.is_some() { " What is to come (dashed) rests on the schedule." } else { "" };
    Oldest { days, note }
}

fn day(lives: &[Life], at: DateTime<Utc>, expected: bool) -> OldestDay {
    let age = |is_meant: fn(&Life) -> bool| {
        let alive = lives.iter().filter(|life| life.created <= at && life.ended.is_none_or(|ended| at < ended));
        alive.filter(|life| is_meant(life)).map(|life| (at - life.created).num_days()).max()
    };
    let date = at.date_naive().to_string();
    OldestDay { date, age_days: age(|_| true), in_scope_age_days: age(|life| life.in_scope), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T08:00:00Z".parse().expect("a time")
    }

    fn life(created: i64, ended: Option<i64>, in_scope: bool) -> Life {
        let at = |days: i64| now() + TimeDelta::days(days);
        Life { created: at(created), ended: ended.map(at), in_scope }
    }

    #[test]
    fn a_key_counts_while_it_works() {
        let lives = vec![life(-100, Some(-10), true), life(-20, None, true), life(-50, None, false)];
        let past = Past { lives, known_since: None, unknown: 0 };
        let oldest = oldest(&past, None, now());
        assert_eq!(oldest.days.len(), 181);
        let of = |back: usize| {
            let day = &oldest.days[180 - back];
            (day.age_days, day.in_scope_age_days)
        };
        assert_eq!(of(0), (Some(50), Some(20)));
        assert_eq!(of(11), (Some(89), Some(89)));
        assert_eq!(of(10), (Some(40), Some(10)), "it had stopped");
        assert_eq!(of(101), (None, None));
    }

    #[test]
    fn what_is_to_come_follows() {
        let ahead = [life(-20, Some(10), true), life(3, None, true)];
        let past =
            Past { lives: vec![life(-20, None, true)], known_since: Some(now() - TimeDelta::days(800)), unknown: 0 };
        let oldest = oldest(&past, Some((&ahead, now() + TimeDelta::days(30))), now());
        let (past, ahead): (Vec<_>, Vec<_>) = oldest.days.iter().partition(|day| !day.expected);
        assert_eq!((past.len(), ahead.len()), (115, 30), "by weeks, where it goes back that far");
        assert_eq!((ahead[8].age_days, ahead[9].age_days, ahead[29].age_days), (Some(29), Some(7), Some(27)));
    }
}
