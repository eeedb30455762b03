//! Verdicts: of a key by each criterion, and of criteria and controls by the rows behind them.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    controls::{CONTROLS, Control, Criterion},
    model::{ControlVerdict, CriterionVerdict, Decision, KeyRow, Verdict},
};
use crate::inventory::LastUse;

/// What a verdict of an active key rests on.
pub struct Facts<'a> {
    /// `None`: whether there is a key is not known.
    pub key: Option<KeyFacts<'a>>,
    /// How old it may get.
    pub limit: TimeDelta,
    /// Whether its user is in scope.
    pub is_managed: bool,
    /// Whether the manifests exempt its user.
    pub is_exempt: bool,
}

/// An active key.
#[derive(Clone, Copy)]
pub struct KeyFacts<'a> {
    /// When it was created, at the latest.
    pub created: DateTime<Utc>,
    /// When it was used last.
    pub last_use: &'a LastUse,
}

impl Facts<'_> {
    /// What the key is by each criterion.
    pub fn judged(&self, now: DateTime<Utc>) -> Vec<(Criterion, Verdict)> {
        Criterion::ALL.into_iter().map(|criterion| (criterion, self.judge(criterion, now))).collect()
    }

    fn judge(&self, criterion: Criterion, now: DateTime<Utc>) -> Verdict {
        let Some(key) = &self.key else { return Verdict::Unknown };
        // As plans have it: a key is too old from the instant on at which it is as old as its limit.
        let is_younger = |limit: TimeDelta| now - key.created < limit;
        let is_met = match criterion {
            Criterion::Age90 => is_younger(TimeDelta::days(90)),
            Criterion::OwnLimit => is_younger(self.limit),
            Criterion::Managed => self.is_managed && !self.is_exempt,
            Criterion::Unused45 | Criterion::Unused90 => {
                let time = TimeDelta::days(if criterion == Criterion::Unused45 { 45 } else { 90 });
                match key.last_use {
                    _ if is_younger(time) => true,
                    LastUse::At { time: used, .. } => now - *used < time,
                    LastUse::Never => false,
                    LastUse::Unread => return Verdict::Unknown,
                }
            }
        };
        match is_met {
            true => Verdict::Pass,
            false if self.is_exempt => Verdict::Excepted,
            false => Verdict::Fail,
        }
    }
}

/// What the criteria say of a row, control by control: the worst of those that decide it.
pub fn by_control(judged: &[(Criterion, Verdict)]) -> impl Iterator<Item = (&'static str, Verdict)> {
    CONTROLS.iter().filter_map(|control| Some((control.id, worst(judged, control.decided_by)?)))
}

fn worst(judged: &[(Criterion, Verdict)], deciding: &[Criterion]) -> Option<Verdict> {
    judged.iter().filter(|(criterion, _)| deciding.contains(criterion)).map(|(_, verdict)| *verdict).min()
}

/// The verdict of each criterion. `is_whole`: no account is missing.
pub fn criteria(rows: &[KeyRow], is_whole: bool) -> Vec<CriterionVerdict> {
    let of = |criterion: Criterion| CriterionVerdict {
        criterion,
        title: criterion.title(),
        decision: decide(rows, &[criterion], is_whole),
    };
    Criterion::ALL.into_iter().map(of).collect()
}

/// The verdict of each control.
pub fn controls(rows: &[KeyRow], is_whole: bool) -> Vec<ControlVerdict> {
    let of = |control: &Control| {
        let Control { id, framework, version, number, title, decided_by, leaves_out, source } = *control;
        ControlVerdict {
            control: id,
            framework,
            framework_version: version,
            number,
            title,
            decided_by: decided_by.to_vec(),
            leaves_out,
            source,
            decision: decide(rows, decided_by, is_whole),
        }
    };
    CONTROLS.iter().map(of).collect()
}

fn decide(rows: &[KeyRow], deciding: &[Criterion], is_whole: bool) -> Decision {
    let mut decision = Decision {
        verdict: Verdict::Pass,
        of: 0,
        pass: 0,
        fail: Vec::new(),
        excepted: Vec::new(),
        unknown: Vec::new(),
    };
    for row in rows {
        let Some(verdict) = worst(&row.criteria, deciding) else { continue };
        decision.of += 1;
        match verdict {
            Verdict::Pass => decision.pass += 1,
            Verdict::Fail => decision.fail.push(row.row),
            Verdict::Excepted => decision.excepted.push(row.row),
            Verdict::Unknown => decision.unknown.push(row.row),
        }
    }
    decision.verdict = match &decision {
        Decision { fail, .. } if !fail.is_empty() => Verdict::Fail,
        Decision { unknown, .. } if !unknown.is_empty() || !is_whole => Verdict::Unknown,
        Decision { excepted, .. } if !excepted.is_empty() => Verdict::Excepted,
        _ => Verdict::Pass,
    };
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T08:00:00Z".parse().expect("a time")
    }

    /// Of a key so many days old, used so many days ago.
    fn verdict(criterion: Criterion, age: i64, used: Option<i64>, change: impl Fn(&mut Facts<'_>)) -> Verdict {
        let last_use = used.map_or(LastUse::Never, |days| LastUse::At {
            time: now() - TimeDelta::days(days),
            service: None,
            region: None,
        });
        let key = KeyFacts { created: now() - TimeDelta::days(age), last_use: &last_use };
        let mut facts = Facts { key: Some(key), limit: TimeDelta::days(60), is_managed: true, is_exempt: false };
        change(&mut facts);
        facts.judge(criterion, now())
    }

    #[test]
    fn a_key_is_too_old_as_soon_as_plans_say_so() {
        let of = |criterion, age| verdict(criterion, age, Some(0), |_| {});
        assert_eq!(of(Criterion::Age90, 89), Verdict::Pass);
        assert_eq!(of(Criterion::Age90, 90), Verdict::Fail);
        assert_eq!(of(Criterion::OwnLimit, 59), Verdict::Pass);
        assert_eq!(of(Criterion::OwnLimit, 60), Verdict::Fail);
    }

    #[test]
    fn a_key_that_nobody_used_yet_may_be_young() {
        let of = |age, used| verdict(Criterion::Unused45, age, used, |_| {});
        assert_eq!(of(44, None), Verdict::Pass);
        assert_eq!(of(45, None), Verdict::Fail);
        assert_eq!(of(200, Some(44)), Verdict::Pass);
        assert_eq!(of(200, Some(45)), Verdict::Fail);
        assert_eq!(verdict(Criterion::Unused90, 200, Some(45), |_| {}), Verdict::Pass);
        let unread = |facts: &mut Facts<'_>| facts.key.as_mut().expect("a key").last_use = &LastUse::Unread;
        assert_eq!(verdict(Criterion::Unused45, 200, None, unread), Verdict::Unknown);
        // Whenever it was used: it is younger than that.
        assert_eq!(verdict(Criterion::Unused45, 10, None, unread), Verdict::Pass);
    }

    #[test]
    fn an_exemption_excepts_what_fails_and_nothing_else() {
        let exempt = |facts: &mut Facts<'_>| facts.is_exempt = true;
        assert_eq!(verdict(Criterion::Age90, 200, Some(0), exempt), Verdict::Excepted);
        assert_eq!(verdict(Criterion::Age90, 10, Some(0), exempt), Verdict::Pass);
        assert_eq!(verdict(Criterion::Managed, 10, Some(0), exempt), Verdict::Excepted);
        assert_eq!(verdict(Criterion::Managed, 10, Some(0), |facts| facts.is_managed = false), Verdict::Fail);
        let unread = |facts: &mut Facts<'_>| {
            facts.is_exempt = true;
            facts.key = None;
        };
        for criterion in Criterion::ALL {
            assert_eq!(verdict(criterion, 10, Some(0), unread), Verdict::Unknown);
        }
    }
}
