//! The effective roster before and after a change as one unified diff, with a "file" for each user that differs.

use similar::TextDiff;

use crate::{
    diff::{Changed, Comparison, Member, review::Template},
    explain::{Line, RULE},
    inventory::Account,
    untrusted::printable,
};

/// What stands in place of a user that is not in scope, as git writes it.
const NOBODY: &str = "/dev/null";

/// Where rules stand is left out: moving them changes nobody's policy. Empty if nobody's differs.
pub fn roster_diff(comparison: &Comparison) -> String {
    let entered =
        comparison.entered.iter().map(|member| (name(&member.account, &member.user), Vec::new(), lines(member)));
    let left = comparison.left.iter().map(|member| (name(&member.account, &member.user), lines(member), Vec::new()));
    let changed = comparison.changed.iter().map(|changed| {
        let Changed { account, user, before, after, .. } = changed;
        (name(account, user), before.iter().collect(), after.iter().collect())
    });
    let mut users: Vec<_> = entered.chain(left).chain(changed).collect();
    users.sort_by(|one, other| one.0.cmp(&other.0));
    users.iter().map(|(name, before, after)| diff(name, before, after)).collect()
}

fn name(account: &Account, user: &str) -> String {
    printable(&format!("{}/{user}", account.short_name()))
}

fn lines(member: &Member) -> Vec<&Line> {
    member.policy.iter().collect()
}

fn diff(name: &str, before: &[&Line], after: &[&Line]) -> String {
    let text = |lines: &[&Line]| -> String {
        let lines = lines.iter().filter(|line| line.name != RULE);
        lines.map(|line| format!("{} = {}\n", line.name, printable(&line.value))).collect()
    };
    let header = |prefix: &str, lines: &[&Line]| match lines.is_empty() {
        true => NOBODY.to_owned(),
        false => format!("{prefix}/{name}"),
    };
    let (old, new) = (header("a", before), header("b", after));
    let (before, after) = (text(before), text(after));
    TextDiff::from_lines(&before, &after).unified_diff().context_radius(1).header(&old, &new).to_string()
}

/// How the texts of templates differ, with a "file" for each.
pub fn template_diff(templates: &[Template]) -> String {
    let one = |Template { name, before, after }: &Template| {
        let (old, new) = (format!("a/templates/{name}"), format!("b/templates/{name}"));
        TextDiff::from_lines(before, after).unified_diff().context_radius(2).header(&old, &new).to_string()
    };
    templates.iter().map(one).collect()
}
