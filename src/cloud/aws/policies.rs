//! The policies that users have: their own, those of their groups, and managed ones.

use std::collections::HashMap;

use aws_sdk_iam::types::{AttachedPolicy, GroupDetail, ManagedPolicyDetail, PolicyDetail, UserDetail};

/// A policy's name, and its document where `GetAccountAuthorizationDetails` tells of it: AWS's own are known by name.
type Named = (String, Option<String>);

/// What the policies of an account say, as `GetAccountAuthorizationDetails` answers.
#[derive(Default)]
pub(super) struct AccountPolicies {
    /// By the name of the group.
    of_groups: HashMap<String, (Vec<PolicyDetail>, Vec<AttachedPolicy>)>,
    /// The documents of the customer's managed policies in force, by ARN.
    managed: HashMap<String, String>,
}

impl AccountPolicies {
    /// Takes in what a page tells of.
    pub fn add(&mut self, groups: Vec<GroupDetail>, managed: Vec<ManagedPolicyDetail>) {
        for GroupDetail { group_name, group_policy_list, attached_managed_policies, .. } in groups {
            let policies = (group_policy_list.unwrap_or_default(), attached_managed_policies.unwrap_or_default());
            self.of_groups.insert(group_name.unwrap_or_default(), policies);
        }
        for ManagedPolicyDetail { arn, policy_version_list, .. } in managed {
            let in_force = policy_version_list.unwrap_or_default().into_iter().find(|one| one.is_default_version);
            if let (Some(arn), Some(document)) = (arn, in_force.and_then(|one| one.document)) {
                self.managed.insert(arn, decoded(&document));
            }
        }
    }

    /// Every policy that the user has.
    pub fn of(&self, user: &UserDetail) -> Vec<Named> {
        let UserDetail { user_policy_list, attached_managed_policies, group_list, .. } = user;
        let groups = group_list.iter().flatten().filter_map(|group| self.of_groups.get(group));
        let (inline, attached): (Vec<_>, Vec<_>) = groups.map(|(own, attached)| (own, attached)).unzip();
        let inline = user_policy_list.iter().chain(inline).flatten().map(|policy| {
            let document = policy.policy_document.as_deref().unwrap_or_default();
            (policy.policy_name.clone().unwrap_or_default(), Some(decoded(document)))
        });
        let attached = attached_managed_policies.iter().chain(attached).flatten().map(|policy| {
            let document = policy.policy_arn.as_ref().and_then(|arn| self.managed.get(arn));
            (policy.policy_name.clone().unwrap_or_default(), document.cloned())
        });
        inline.chain(attached).collect()
    }
}

/// IAM answers policies URL-encoded.
fn decoded(document: &str) -> String {
    percent_encoding::percent_decode_str(document).decode_utf8_lossy().into_owned()
}
