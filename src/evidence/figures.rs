//! The figures, as SVG within the page. Each says in words what it shows; colours come from the page's style, for light and dark.

use std::fmt::Write as _;

use chrono::NaiveDate;

use super::model::{AgeClass, Calendar, CalendarDay, Evidence, Oldest};

/// The size of a figure in its own units: small, so that its letters can be read on a phone.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 250.0;
/// What is left for the axes.
const LEFT: f64 = 40.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 34.0;

/// A series of bars: its class in the style, what it is, and how high it is in each place.
struct Series {
    class: &'static str,
    heights: Vec<usize>,
}

/// How old the active keys are.
pub fn ages(classes: &[AgeClass]) -> String {
    let of = |class: &'static str, height: fn(&AgeClass) -> usize| Series {
        class,
        heights: classes.iter().map(height).collect(),
    };
    let series = [
        of("pass", |class| class.within_limit),
        of("excepted", |class| class.exempt),
        of("other", |class| class.unmanaged),
        of("fail", |class| class.over_limit),
    ];
    let labels: Vec<String> = classes.iter().map(|class| class.from_days.to_string()).collect();
    let mut body = bars(&series, &labels, 1);
    if let Some(at) = classes.iter().position(|class| class.from_days == 90) {
        let x = LEFT + plot_width() / count(classes.len()) * count(at);
        let _ = write!(
            body,
            "<path class=limit d=\"M{x:.1} {TOP}V{:.1}\"/><text class=limit x={:.1} y=18 text-anchor=end>90 days</text>",
            HEIGHT - BOTTOM,
            x - 6.0
        );
    }
    let total: usize = classes.iter().map(all).sum();
    let old: usize = classes.iter().filter(|class| class.from_days >= 90).map(all).sum();
    let over: usize = classes.iter().map(|class| class.over_limit).sum();
    let title = "Active keys by age in days";
    let words = format!(
        "{} bars, by age. Of {total} active keys {old} are 90 days old or older; {over} keys in scope are older than their own limit.",
        classes.len()
    );
    figure("ages", title, &words, &body)
}

/// All keys of a class.
pub fn all(class: &AgeClass) -> usize {
    let AgeClass { within_limit, over_limit, exempt, unmanaged, .. } = class;
    within_limit + over_limit + exempt + unmanaged
}

/// The oldest key, day by day.
pub fn oldest(oldest: &Oldest) -> String {
    let days = &oldest.days;
    let most = days.iter().filter_map(|day| day.age_days).max().unwrap_or(0).max(90);
    let ceiling = ceiling(usize::try_from(most).unwrap_or(0));
    let (mut body, scale) = axis(ceiling);
    let x = |at: usize| LEFT + plot_width() * count(at) / count(days.len().saturating_sub(1).max(1));
    let y = |age: i64| HEIGHT - BOTTOM - scale * count(usize::try_from(age).unwrap_or(0));
    let limit = y(90);
    let _ = write!(
        body,
        "<path class=limit d=\"M{LEFT} {limit:.1}H{:.1}\"/><text class=limit x={:.1} y={:.1} text-anchor=end>90 days</text>",
        WIDTH - RIGHT,
        WIDTH - RIGHT,
        limit - 4.0
    );
    for (class, of) in [
        ("line other", (|day: &super::model::OldestDay| day.age_days) as fn(&_) -> _),
        ("line pass", |day| day.in_scope_age_days),
    ] {
        for is_expected in [false, true] {
            let mut path = String::new();
            let mut pen = 'M';
            for (at, day) in days.iter().enumerate() {
                // The line to come begins where the other ends.
                let is_joint = is_expected && days.get(at + 1).is_some_and(|next| next.expected);
                match of(day).filter(|_| day.expected == is_expected || is_joint) {
                    Some(age) => {
                        let _ = write!(path, "{pen}{:.1} {:.1}", x(at), y(age));
                        pen = 'L';
                    }
                    None => pen = 'M',
                }
            }
            if !path.is_empty() {
                let expected = if is_expected { " expected" } else { "" };
                let _ = write!(body, "<path class=\"{class}{expected}\" d=\"{path}\"/>");
            }
        }
    }
    let months = months(days.iter().map(|day| day.date.as_str()));
    for (at, label) in months {
        let _ = write!(body, "<text x={:.1} y={:.1} text-anchor=middle>{label}</text>", x(at), HEIGHT - BOTTOM + 18.0);
    }
    if let Some(today) = days.iter().position(|day| day.expected).and_then(|first| first.checked_sub(1)) {
        let x = x(today);
        let _ = write!(
            body,
            "<path class=today d=\"M{x:.1} {TOP}V{:.1}\"/><text x={x:.1} y=18 text-anchor=middle>now</text>",
            HEIGHT - BOTTOM
        );
    }
    let last = days.iter().rev().find(|day| !day.expected);
    let age = |age: Option<i64>| age.map_or_else(|| "there is none".to_owned(), |age| format!("{age} days"));
    let (now, in_scope) = last.map_or((None, None), |day| (day.age_days, day.in_scope_age_days));
    let words = format!(
        "A line over the days. The oldest active key now: {}; of users in scope that are not exempt: {}. The limit is drawn at 90 days.",
        age(now),
        age(in_scope)
    );
    figure("oldest", "Age of the oldest active key in days", &words, &body)
}

/// What runs will do, by weeks.
pub fn calendar(calendar: &Calendar) -> String {
    let weeks = weeks(calendar);
    let of = |class: &'static str, height: fn(&CalendarDay) -> usize| Series {
        class,
        heights: weeks.iter().map(height).collect(),
    };
    let series =
        [of("pass", |week| week.create), of("excepted", |week| week.deactivate), of("other", |week| week.delete)];
    let labels: Vec<String> = weeks.iter().map(|week| week.date.get(5..).unwrap_or_default().to_owned()).collect();
    let body = bars(&series, &labels, 4);
    let sum = |of: fn(&CalendarDay) -> usize| weeks.iter().map(of).sum::<usize>();
    let words = format!(
        "A bar a week from {} to {}: {} keys will be created, {} deactivated and {} deleted.",
        calendar.from,
        calendar.until,
        sum(|week| week.create),
        sum(|week| week.deactivate),
        sum(|week| week.delete)
    );
    figure("calendar", "What scheduled runs will do, by week", &words, &body)
}

/// The days of the calendar summed up by weeks, each named by its first day.
pub fn weeks(calendar: &Calendar) -> Vec<CalendarDay> {
    let date = |text: &str| text.parse::<NaiveDate>().ok();
    let (Some(from), Some(until)) = (date(&calendar.from), date(&calendar.until)) else { return Vec::new() };
    let week = |day: NaiveDate| usize::try_from((day - from).num_days() / 7).ok();
    let count = week(until).map_or(0, |last| last + 1);
    let mut weeks: Vec<CalendarDay> = (from.iter_days().step_by(7))
        .take(count)
        .map(|first| CalendarDay { date: first.to_string(), ..CalendarDay::default() })
        .collect();
    for day in &calendar.days {
        if let Some(week) = date(&day.date).and_then(week).and_then(|week| weeks.get_mut(week)) {
            week.create += day.create;
            week.deactivate += day.deactivate;
            week.delete += day.delete;
        }
    }
    weeks
}

/// Bars on top of each other, with every so manieth place named and each bar's sum above it.
fn bars(series: &[Series], labels: &[String], every: usize) -> String {
    let sums: Vec<usize> = (0..labels.len()).map(|at| series.iter().map(|one| one.heights[at]).sum()).collect();
    let (mut body, scale) = axis(ceiling(sums.iter().copied().max().unwrap_or(0)));
    let step = plot_width() / count(labels.len().max(1));
    let width = (step * 0.76).max(2.0);
    for (at, label) in labels.iter().enumerate() {
        let x = LEFT + step * count(at) + (step - width) / 2.0;
        let mut y = HEIGHT - BOTTOM;
        for Series { class, heights } in series.iter().filter(|one| one.heights[at] > 0) {
            let height = scale * count(heights[at]);
            y -= height;
            let _ = write!(body, "<rect class={class} x={x:.1} y={y:.1} width={width:.1} height={height:.1} />");
        }
        let middle = x + width / 2.0;
        if sums[at] > 0 && step > 24.0 {
            let _ = write!(body, "<text x={middle:.1} y={:.1} text-anchor=middle>{}</text>", y - 4.0, sums[at]);
        }
        if at.is_multiple_of(every) {
            // The first day of a class, or of a week, stands where it begins.
            let (at, anchor) = if every > 1 { (middle, "middle") } else { (LEFT + step * count(at), "middle") };
            let _ = write!(body, "<text x={at:.1} y={:.1} text-anchor={anchor}>{label}</text>", HEIGHT - BOTTOM + 18.0);
        }
    }
    body
}

/// Lines with their numbers, and how high one is.
fn axis(ceiling: usize) -> (String, f64) {
    let scale = (HEIGHT - TOP - BOTTOM) / count(ceiling);
    let mut body = String::new();
    let lines = if ceiling.is_multiple_of(4) { 4 } else { 2 };
    for line in 0..=lines {
        let value = ceiling * line / lines;
        let y = HEIGHT - BOTTOM - scale * count(value);
        let _ = write!(
            body,
            "<path class=grid d=\"M{LEFT} {y:.1}H{:.1}\"/><text x={:.1} y={:.1} text-anchor=end>{value}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    }
    (body, scale)
}

/// The next number that an axis ends with.
fn ceiling(most: usize) -> usize {
    let mut power = 1;
    loop {
        for step in [2, 4, 8, 12, 16] {
            if step * power >= most {
                return step * power;
            }
        }
        power *= 10;
    }
}

/// Every so many places the first of a month: six at most.
fn months<'a>(dates: impl Iterator<Item = &'a str>) -> Vec<(usize, &'a str)> {
    let firsts: Vec<(usize, &str)> = dates
        .enumerate()
        .filter(|(_, date)| date.ends_with("-01"))
        .filter_map(|(at, date)| Some((at, date.get(..7)?)))
        .collect();
    let every = firsts.len().div_ceil(6).max(1);
    firsts.into_iter().step_by(every).collect()
}

/// The figures of a report that has them.
pub fn of(evidence: &Evidence) -> (String, String, Option<String>) {
    (ages(&evidence.ages), oldest(&evidence.oldest), evidence.calendar.as_ref().map(calendar))
}

fn figure(id: &str, title: &str, words: &str, body: &str) -> String {
    format!(
        "<svg role=img viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-labelledby=\"{id}-title {id}-words\"><title id={id}-title>{title}</title>\
         <desc id={id}-words>{words}</desc>{body}</svg>"
    )
}

fn plot_width() -> f64 {
    WIDTH - LEFT - RIGHT
}

#[expect(clippy::cast_precision_loss, reason = "a figure has fewer points than that")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_with_a_number_that_people_read() {
        let ends = [0, 1, 3, 5, 9, 21, 90, 401, 5_000, 81_000].map(ceiling);
        assert_eq!(ends, [2, 2, 4, 8, 12, 40, 120, 800, 8_000, 120_000]);
    }

    #[test]
    fn days_are_summed_up_by_weeks() {
        let day = |date: &str, create| CalendarDay { date: date.to_owned(), create, ..CalendarDay::default() };
        let calendar = Calendar {
            from: "2026-11-23".to_owned(),
            until: "2026-12-09".to_owned(),
            days: vec![day("2026-11-23", 1), day("2026-11-29", 2), day("2026-11-30", 4), day("2026-12-09", 8)],
            late: Vec::new(),
            assumption: String::new(),
        };
        let weeks: Vec<_> = weeks(&calendar).into_iter().map(|week| (week.date, week.create)).collect();
        let expected = [("2026-11-23", 3), ("2026-11-30", 4), ("2026-12-07", 8)];
        assert_eq!(weeks, expected.map(|(date, create)| (date.to_owned(), create)));
    }
}
