//! The controls that the ages and the use of access keys decide: a table with its sources. A version of a framework whose number
//! no source tells has no row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked of every active key. Each control names the ones that decide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// It is younger than 90 days, whatever the manifests say.
    #[serde(rename = "age-90")]
    Age90,
    /// It is younger than the `max-age` that holds for its user.
    OwnLimit,
    /// It was used within 45 days, or is younger.
    #[serde(rename = "unused-45")]
    Unused45,
    /// It was used within 90 days, or is younger.
    #[serde(rename = "unused-90")]
    Unused90,
    /// A rule of the manifests selects its user, and no exemption leaves it alone.
    Managed,
}

impl Criterion {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Age90, Self::OwnLimit, Self::Unused45, Self::Unused90, Self::Managed];

    /// As JSON writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Age90 => "age-90",
            Self::OwnLimit => "own-limit",
            Self::Unused45 => "unused-45",
            Self::Unused90 => "unused-90",
            Self::Managed => "managed",
        }
    }

    /// What is asked, of every active key.
    pub fn title(self) -> &'static str {
        match self {
            Self::Age90 => "Younger than 90 days",
            Self::OwnLimit => "Younger than its own limit, which the manifests set",
            Self::Unused45 => "Used within 45 days, or younger than that",
            Self::Unused90 => "Used within 90 days, or younger than that",
            Self::Managed => "Of a user that a rule of the manifests selects and no exemption leaves alone",
        }
    }

    /// The same in a word or two.
    pub fn short(self) -> &'static str {
        match self {
            Self::Age90 => "90 days",
            Self::OwnLimit => "own limit",
            Self::Unused45 => "unused 45 days",
            Self::Unused90 => "unused 90 days",
            Self::Managed => "managed",
        }
    }
}

/// One control of one version of a framework.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// Unique and stable: `framework-version/number`.
    pub id: &'static str,
    /// Whose it is.
    pub framework: &'static str,
    /// Of which version.
    pub version: &'static str,
    /// How it is numbered there.
    pub number: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What decides it: a key must meet all of these.
    pub decided_by: &'static [Criterion],
    /// What it asks beside, which nothing here looks at.
    pub leaves_out: &'static str,
    /// Where its number stands.
    pub source: &'static str,
}

const CIS: &str = "CIS AWS Foundations Benchmark";
const ROTATED: &str = "Ensure access keys are rotated every 90 days or less";
const UNUSED: &str = "Ensure credentials unused for 45 days or more are disabled";
const ROOT: &str = "the keys of the root user";
const PASSWORDS: &str = "passwords, and the keys of the root user";

const IAM_CONTROLS: &str = "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html";
const CIS_6: &str = "https://github.com/prowler-cloud/prowler/blob/master/prowler/compliance/aws/cis_6.0_aws.json";
const CIS_7: &str = "https://www.tenable.com/audits/CIS_Amazon_Web_Services_Foundations_v7.0.0_L1";

/// The rows, by framework, the latest version first.
pub const CONTROLS: [Control; 19] = [
    Control {
        id: "cis-aws-7.0.0/2.12",
        framework: CIS,
        version: "7.0.0",
        number: "2.12",
        title: ROTATED,
        decided_by: &[Criterion::Age90],
        leaves_out: ROOT,
        source: CIS_7,
    },
    Control {
        id: "cis-aws-7.0.0/2.11",
        framework: CIS,
        version: "7.0.0",
        number: "2.11",
        title: UNUSED,
        decided_by: &[Criterion::Unused45],
        leaves_out: PASSWORDS,
        source: CIS_7,
    },
    Control {
        id: "cis-aws-6.0.0/2.13",
        framework: CIS,
        version: "6.0.0",
        number: "2.13",
        title: ROTATED,
        decided_by: &[Criterion::Age90],
        leaves_out: ROOT,
        source: CIS_6,
    },
    Control {
        id: "cis-aws-6.0.0/2.11",
        framework: CIS,
        version: "6.0.0",
        number: "2.11",
        title: UNUSED,
        decided_by: &[Criterion::Unused45],
        leaves_out: PASSWORDS,
        source: CIS_6,
    },
    Control {
        id: "cis-aws-5.0.0/1.13",
        framework: CIS,
        version: "5.0.0",
        number: "1.13",
        title: ROTATED,
        decided_by: &[Criterion::Age90],
        leaves_out: ROOT,
        source: IAM_CONTROLS,
    },
    Control {
        id: "cis-aws-5.0.0/1.11",
        framework: CIS,
        version: "5.0.0",
        number: "1.11",
        title: UNUSED,
        decided_by: &[Criterion::Unused45],
        leaves_out: PASSWORDS,
        source: IAM_CONTROLS,
    },
    Control {
        id: "cis-aws-3.0.0/1.14",
        framework: CIS,
        version: "3.0.0",
        number: "1.14",
        title: ROTATED,
        decided_by: &[Criterion::Age90],
        leaves_out: ROOT,
        source: IAM_CONTROLS,
    },
    Control {
        id: "cis-aws-3.0.0/1.12",
        framework: CIS,
        version: "3.0.0",
        number: "1.12",
        title: "Ensure credentials unused for 45 days or greater are disabled",
        decided_by: &[Criterion::Unused45],
        leaves_out: PASSWORDS,
        source: IAM_CONTROLS,
    },
    Control {
        id: "cis-aws-1.4.0/1.14",
        framework: CIS,
        version: "1.4.0",
        number: "1.14",
        title: ROTATED,
        decided_by: &[Criterion::Age90],
        leaves_out: ROOT,
        source: IAM_CONTROLS,
    },
    Control {
        id: "cis-aws-1.4.0/1.12",
        framework: CIS,
        version: "1.4.0",
        number: "1.12",
        title: "Ensure credentials unused for 45 days or greater are disabled",
        decided_by: &[Criterion::Unused45],
        leaves_out: PASSWORDS,
        source: IAM_CONTROLS,
    },
    Control {
        id: "cis-aws-1.2.0/1.4",
        framework: CIS,
        version: "1.2.0",
        number: "1.4",
        title: ROTATED,
        decided_by: &[Criterion::Age90],
        leaves_out: ROOT,
        source: IAM_CONTROLS,
    },
    Control {
        id: "cis-aws-1.2.0/1.3",
        framework: CIS,
        version: "1.2.0",
        number: "1.3",
        title: "Ensure credentials unused for 90 days or greater are disabled",
        decided_by: &[Criterion::Unused90],
        leaves_out: PASSWORDS,
        source: IAM_CONTROLS,
    },
    Control {
        id: "pci-dss-4.0.1/8.3.9",
        framework: "PCI DSS",
        version: "4.0.1",
        number: "8.3.9",
        title: "Passwords/passphrases that are the only factor are changed at least once every 90 days",
        decided_by: &[Criterion::Age90],
        leaves_out: "passwords, and accounts whose posture is analysed dynamically instead",
        source: IAM_CONTROLS,
    },
    Control {
        id: "pci-dss-4.0.1/8.6.3",
        framework: "PCI DSS",
        version: "4.0.1",
        number: "8.6.3",
        title: "Passwords/passphrases of application and system accounts are changed periodically",
        decided_by: &[Criterion::OwnLimit],
        leaves_out: "the targeted risk analysis by which the limit was chosen",
        source: IAM_CONTROLS,
    },
    Control {
        id: "nist-800-53-r5/AC-2(1)",
        framework: "NIST SP 800-53",
        version: "Rev. 5",
        number: "AC-2(1)",
        title: "Account Management: Automated System Account Management",
        decided_by: &[Criterion::Managed],
        leaves_out: "creating and removing the accounts themselves",
        source: IAM_CONTROLS,
    },
    Control {
        id: "nist-800-53-r5/AC-2(3)",
        framework: "NIST SP 800-53",
        version: "Rev. 5",
        number: "AC-2(3)",
        title: "Account Management: Disable Accounts",
        decided_by: &[Criterion::Unused90],
        leaves_out: "passwords, and accounts that are nobody's any more",
        source: IAM_CONTROLS,
    },
    Control {
        id: "nist-800-53-r5/IA-5(1)",
        framework: "NIST SP 800-53",
        version: "Rev. 5",
        number: "IA-5(1)",
        title: "Authenticator Management: Password-based Authentication",
        decided_by: &[Criterion::OwnLimit],
        leaves_out: "everything it asks of passwords that people choose",
        source: "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final",
    },
    Control {
        id: "soc2-2017/CC6.1",
        framework: "SOC 2 (Trust Services Criteria)",
        version: "2017",
        number: "CC6.1",
        title: "Logical access security over protected information assets",
        decided_by: &[Criterion::Managed, Criterion::OwnLimit],
        leaves_out: "all logical access but long-lived access keys",
        source: "https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022",
    },
    Control {
        id: "iso-27001-2022/A.5.17",
        framework: "ISO/IEC 27001",
        version: "2022",
        number: "A.5.17",
        title: "Authentication information",
        decided_by: &[Criterion::Managed, Criterion::OwnLimit],
        leaves_out: "authentication information of people",
        source: "https://www.iso.org/standard/27001",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_end_with_the_number() {
        let ids: BTreeSet<&str> = CONTROLS.iter().map(|control| control.id).collect();
        assert_eq!(ids.len(), CONTROLS.len());
        for Control { id, number, decided_by, source, .. } in &CONTROLS {
            assert!(id.ends_with(&format!("/{number}")), "{id}");
            assert!(!decided_by.is_empty() && source.starts_with("https://"), "{id}");
        }
        let used: BTreeSet<Criterion> = CONTROLS.iter().flat_map(|control| control.decided_by).copied().collect();
        assert_eq!(used, Criterion::ALL.into_iter().collect(), "a criterion that decides nothing");
    }
}
