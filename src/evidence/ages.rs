//! How old the active keys are, by classes that people know: 90 days is where one ends.

use super::model::{AgeClass, KeyRow, KeyStatus};

/// Where the classes begin, in days.
const STARTS: [i64; 10] = [0, 15, 30, 45, 60, 75, 90, 120, 180, 365];

/// The classes, with the keys in each.
pub fn classes(rows: &[KeyRow]) -> Vec<AgeClass> {
    let ends = STARTS.iter().skip(1).copied().map(Some).chain([None]);
    let mut classes: Vec<AgeClass> = STARTS
        .iter()
        .zip(ends)
        .map(|(from_days, below_days)| AgeClass {
            from_days: *from_days,
            below_days,
            within_limit: 0,
            over_limit: 0,
            exempt: 0,
            unmanaged: 0,
        })
        .collect();
    for row in rows.iter().filter(|row| row.status == KeyStatus::Active) {
        let Some(age) = row.age_days else { continue };
        // A key whose creation is yet to come, by a clock that is off, is new.
        let class = STARTS.partition_point(|start| *start <= age).saturating_sub(1);
        let class = &mut classes[class];
        *(match row {
            KeyRow { managed: false, .. } => &mut class.unmanaged,
            KeyRow { state: "exempt", .. } => &mut class.exempt,
            KeyRow { over_limit: Some(true), .. } => &mut class.over_limit,
            _ => &mut class.within_limit,
        }) += 1;
    }
    classes
}
