//! The controls and what decides them, with the rows that do not pass.

use serde::Serialize;

use super::names::{MOST_NAMED, row_name};
use crate::evidence::model::{ControlVerdict, CriterionVerdict, Decision, KeyRow, Verdict};

#[derive(Serialize)]
pub struct ControlView<'a> {
    framework: &'a str,
    version: &'a str,
    number: &'a str,
    title: &'a str,
    source: &'a str,
    verdict: &'static str,
    pass: usize,
    of: usize,
    decided_by: Vec<(&'static str, &'static str)>,
    leaves_out: &'a str,
}

#[derive(Serialize)]
pub struct CriterionView<'a> {
    id: &'static str,
    title: &'a str,
    verdict: &'static str,
    pass: usize,
    of: usize,
    pub groups: Vec<Group>,
}

/// The rows of a criterion that have one verdict.
#[derive(Serialize)]
pub struct Group {
    verdict: &'static str,
    count: usize,
    pub rows: Vec<(usize, String)>,
    more: usize,
}

pub fn control(control: &ControlVerdict) -> ControlView<'_> {
    let ControlVerdict {
        framework, framework_version, number, title, decided_by, leaves_out, source, decision, ..
    } = control;
    ControlView {
        framework,
        version: framework_version,
        number,
        title,
        source,
        verdict: decision.verdict.as_str(),
        pass: decision.pass,
        of: decision.of,
        decided_by: decided_by.iter().map(|it| (it.as_str(), it.short())).collect(),
        leaves_out,
    }
}

pub fn criterion<'a>(criterion: &'a CriterionVerdict, keys: &[KeyRow]) -> CriterionView<'a> {
    let CriterionVerdict { criterion, title, decision } = criterion;
    let Decision { verdict, of, pass, fail, excepted, unknown } = decision;
    let group = |verdict: Verdict, rows: &[usize]| Group {
        verdict: verdict.as_str(),
        count: rows.len(),
        rows: rows.iter().take(MOST_NAMED).map(|row| (*row, row_name(keys, *row))).collect(),
        more: rows.len().saturating_sub(MOST_NAMED),
    };
    let groups = [(Verdict::Fail, fail), (Verdict::Unknown, unknown), (Verdict::Excepted, excepted)];
    CriterionView {
        id: criterion.as_str(),
        title,
        verdict: verdict.as_str(),
        pass: *pass,
        of: *of,
        groups: groups.into_iter().filter(|(_, rows)| !rows.is_empty()).map(|(it, rows)| group(it, rows)).collect(),
    }
}
