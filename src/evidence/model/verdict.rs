//! What is judged: criteria and controls, each with its verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::controls::Criterion;

/// What is said of a control, a criterion or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is not met.
    Fail,
    /// Something that decides it could not be read, and nothing that was read fails it.
    Unknown,
    /// It is met, but for users that the manifests exempt.
    Excepted,
    /// It is met.
    Pass,
}

impl Verdict {
    /// The worst first.
    pub const ALL: [Self; 4] = [Self::Fail, Self::Unknown, Self::Excepted, Self::Pass];

    /// As JSON writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Excepted => "excepted",
            Self::Pass => "pass",
        }
    }
}

/// A verdict, and the rows behind it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// The worst of all rows; at best `unknown` while an account could not be read.
    pub verdict: Verdict,
    /// How many rows it is about: active keys, and users whose keys are not known.
    pub of: usize,
    /// How many of them pass.
    pub pass: usize,
    /// The numbers of the rows that fail.
    pub fail: Vec<usize>,
    /// The numbers of the rows that are excepted.
    pub excepted: Vec<usize>,
    /// The numbers of the rows of which it is not known.
    pub unknown: Vec<usize>,
}

/// What is asked of every active key, and what came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CriterionVerdict {
    /// Its id.
    pub criterion: Criterion,
    /// What is asked.
    pub title: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub decision: Decision,
}

/// A control of a framework, and what came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ControlVerdict {
    /// `framework-version/number`, as rows name it.
    pub control: &'static str,
    /// Whose it is.
    pub framework: &'static str,
    /// Of which version.
    pub framework_version: &'static str,
    /// How it is numbered there.
    pub number: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What decides it.
    pub decided_by: Vec<Criterion>,
    /// What it asks beside, which nothing here looks at.
    pub leaves_out: &'static str,
    /// Where its number stands.
    pub source: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub decision: Decision,
}
