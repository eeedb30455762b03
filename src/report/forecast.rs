//! What the scheduled runs of some time will do in all accounts: what `forecast` shows, in whichever format.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};

use crate::{
    inventory::UnreadAccount,
    manifest::Manifest,
    plan::{Calendar, Event, Exceeded, Outlook, OverAge, Row, Verb, exceeded_by},
};

/// So many runs are named as the busiest.
const PEAKS: usize = 3;

/// The calendars of all accounts, added up.
pub struct Forecast<'a> {
    pub(crate) calendars: &'a [Calendar],
    pub(crate) unread: &'a [UnreadAccount],
    pub(crate) manifest: &'a Manifest,
    pub(crate) from: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
    /// From the first to the last, by the day on which they begin.
    pub(crate) weeks: BTreeMap<NaiveDate, Sums>,
    /// The runs that change most, the busiest first.
    pub(crate) peaks: Vec<Peak>,
    /// The runs that would change nothing, because `[limits]` forbid it.
    pub(crate) exceeded: Vec<(DateTime<Utc>, Exceeded)>,
    pub(crate) sums: Sums,
    /// How many users are shown.
    pub users: Users,
}

/// How many keys are created, deactivated and deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub(crate) rotations: usize,
    pub(crate) deactivations: usize,
    pub(crate) deletions: usize,
}

impl Sums {
    pub(crate) fn all(self) -> usize {
        self.rotations + self.deactivations + self.deletions
    }

    /// Of these events.
    pub(crate) fn of<'e>(events: impl Iterator<Item = &'e Event>) -> Self {
        let mut sums = Self::default();
        events.for_each(|event| sums.add(event.verb));
        sums
    }

    fn add(&mut self, verb: Verb) {
        match verb {
            Verb::Create => self.rotations += 1,
            Verb::Deactivate => self.deactivations += 1,
            Verb::Delete => self.deletions += 1,
            Verb::Promote | Verb::Deliver | Verb::Notify | Verb::Update => {}
        }
    }
}

/// A run in all accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    pub(crate) at: DateTime<Utc>,
    pub(crate) sums: Sums,
    /// The rotations that it leaves to the runs that follow, for the pace.
    pub(crate) waiting: usize,
}

/// How many users are shown, and how it stands with them at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Users {
    pub(crate) all: usize,
    pub(crate) blocked: usize,
    pub(crate) exempt: usize,
    /// Those of whom something could not be read.
    pub unreadable: usize,
}

impl<'a> Forecast<'a> {
    /// Adds the calendars up. Whose turn it is and what the limits say depends on everyone; the rest is of the `calendars` as they
    /// are when the rows that nobody asked for are taken out, by [`Calendar::of`].
    pub fn new(
        calendars: &'a [Calendar],
        unread: &'a [UnreadAccount],
        manifest: &'a Manifest,
        from: DateTime<Utc>,
        lasts: TimeDelta,
    ) -> Self {
        let until = from + lasts;
        let mut weeks = BTreeMap::new();
        let mut week = monday(from);
        while week <= until.date_naive() {
            weeks.insert(week, Sums::default());
            week += TimeDelta::days(7);
        }
        let mut forecast = Self {
            calendars,
            unread,
            manifest,
            from,
            until,
            weeks,
            peaks: Vec::new(),
            exceeded: Vec::new(),
            sums: Sums::default(),
            users: Users::default(),
        };
        let mut runs = BTreeMap::<DateTime<Utc>, (Peak, usize, usize)>::new();
        for run in calendars.iter().flat_map(|calendar| &calendar.runs) {
            let (peak, changed, keys) = runs.entry(run.at).or_default();
            peak.at = run.at;
            peak.waiting += run.waiting;
            *changed += run.changed;
            *keys += run.keys;
        }
        for (_, Event { at, verb, .. }) in
            forecast.rows().flat_map(|(_, row)| row.events.iter().map(move |it| (row, it)))
        {
            runs.entry(*at).or_default().0.sums.add(*verb);
        }
        for (at, (peak, changed, keys)) in &runs {
            let week = forecast.weeks.entry(monday(*at)).or_default();
            for sums in [week, &mut forecast.sums] {
                sums.rotations += peak.sums.rotations;
                sums.deactivations += peak.sums.deactivations;
                sums.deletions += peak.sums.deletions;
            }
            let exceeded = exceeded_by(*changed, *keys, &manifest.limits);
            forecast.exceeded.extend(exceeded.into_iter().filter(|_| *changed > 0).map(|exceeded| (*at, exceeded)));
        }
        let mut peaks: Vec<Peak> =
            runs.into_values().map(|(peak, ..)| peak).filter(|peak| peak.sums.all() > 0).collect();
        peaks.sort_by_key(|peak| (std::cmp::Reverse((peak.sums.rotations, peak.sums.all())), peak.at));
        peaks.truncate(PEAKS);
        forecast.peaks = peaks;
        let mut users = Users::default();
        for (_, row) in forecast.rows() {
            users.all += 1;
            match row.outlook {
                Outlook::Known => {}
                Outlook::Blocked { .. } => users.blocked += 1,
                Outlook::Exempt { .. } => users.exempt += 1,
                Outlook::Unknown { .. } => users.unreadable += 1,
            }
        }
        forecast.users = users;
        forecast
    }

    /// Everyone, by account and name.
    pub fn rows(&self) -> impl Iterator<Item = (&'a Calendar, &'a Row)> + use<'a> {
        self.calendars.iter().flat_map(|calendar| calendar.users.iter().map(move |row| (calendar, row)))
    }

    /// Every key that gets too old.
    pub fn over_age(&self) -> impl Iterator<Item = (&'a Calendar, &'a Row, &'a OverAge)> + use<'a> {
        self.rows().flat_map(|(calendar, row)| row.over_age.iter().map(move |late| (calendar, row, late)))
    }

    /// Whether something rests on keys being used as they are now.
    pub fn is_assumed(&self) -> bool {
        self.rows().any(|(_, row)| row.events.iter().any(|event| event.is_assumed))
    }
}

fn monday(at: DateTime<Utc>) -> NaiveDate {
    let day = at.date_naive();
    day - TimeDelta::days(i64::from(day.weekday().num_days_from_monday()))
}

/// On what every forecast rests, in words.
pub const ASSUMPTIONS: [&str; 2] = [
    "Every scheduled run takes place and succeeds, and nobody else changes keys, secrets or manifests.",
    "Who uses a key now goes on using it until it is stopped; clients of keys that are yet to be made move to the next one in time.",
];
