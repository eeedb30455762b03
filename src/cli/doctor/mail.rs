//! Whether mail leaves, and arrives.

use keyrota::{
    cloud::{MailAccount, Probes},
    counted::counted,
    manifest::Manifest,
    plan::{Plan, WaitingOn},
};

use super::finding::Finding;

/// How many users are named.
const SHOWN: usize = 5;

/// The sender's identity, and what SES lets the account send.
pub async fn sender<C: Probes>(cloud: &C, manifest: &Manifest, plan: Option<&Plan>) -> Vec<Finding> {
    let mail = &manifest.mail;
    let Some(from) = &mail.from else {
        if !manifest.channels().is_empty() {
            return vec![Finding::fine("ses identity", "none is needed: people are told by channels alone")];
        }
        let message = "nobody is told of anything: `[mail] from` is not set";
        return vec![Finding::doubt(
            "ses identity",
            message,
            "set it in keyrota.toml, if owners are to hear of rotations",
        )];
    };
    let region = mail.region.as_deref();
    vec![identity(cloud, from, mail.from_arn.as_deref(), region).await, account(cloud, region, plan).await]
}

async fn identity<C: Probes>(cloud: &C, from: &str, from_arn: Option<&str>, region: Option<&str>) -> Finding {
    const CHECK: &str = "ses identity";
    if let Some(arn) = from_arn {
        let message = format!("can't tell whether {arn} may be used: it is of another account");
        return Finding::doubt(
            CHECK,
            message,
            "look there: the identity is verified, and its policy names this account",
        );
    }
    let address = address(from);
    let mut waiting = None;
    for name in identities(address) {
        match cloud.mail_identity(name, region).await {
            Ok(Some(true)) => return Finding::fine(CHECK, format!("{name} is verified, and {address} may send")),
            Ok(Some(false)) => waiting = waiting.or(Some(name)),
            Ok(None) => {}
            Err(error) => return Finding::unknown(CHECK, &format!("whether {address} may send"), &error),
        }
    }
    let place = region.map_or_else(String::new, |region| format!(" --region {region}"));
    match waiting {
        Some(name) if name.contains('@') => {
            Finding::wrong(CHECK, format!("{name} is not verified"), "click the link in the mail that SES sent there")
        }
        Some(name) => {
            let fix =
                format!("add the DKIM records to its DNS: aws sesv2 get-email-identity --email-identity {name}{place}");
            Finding::wrong(CHECK, format!("{name} is not verified"), fix)
        }
        None => {
            let fix = format!(
                "verify it (Terraform does: `create_mail_identity`), or correct `[mail] from`: \
                 aws sesv2 create-email-identity --email-identity {address}{place}"
            );
            Finding::wrong(CHECK, format!("SES knows neither {address} nor its domain"), fix)
        }
    }
}

async fn account<C: Probes>(cloud: &C, region: Option<&str>, plan: Option<&Plan>) -> Finding {
    const CHECK: &str = "ses account";
    let MailAccount { has_production_access, may_send, quota, sent } = match cloud.mail_account(region).await {
        Ok(account) => account,
        Err(error) => return Finding::unknown(CHECK, "how much SES sends, and to whom", &error),
    };
    let left = quota.map(|quota| (quota - sent).max(0.0));
    let budget =
        left.map_or_else(|| "no bound".to_owned(), |left| format!("{} left today", counted(left as usize, "message")));
    // A rotation tells one person at least.
    let needed = plan.map_or(0, |plan| plan.changes.len());
    if !may_send {
        return Finding::wrong(
            CHECK,
            "SES has paused sending",
            "ask AWS support why: the reputation dashboard of SES says more",
        );
    }
    if left.is_some_and(|left| left < needed as f64) {
        let due = if needed == 1 { "1 user is".to_owned() } else { format!("{needed} users are") };
        let message = format!("{budget}, and {due} due: who is not told keeps the old key");
        return Finding::doubt(CHECK, message, "wait a day, or ask AWS for a higher quota");
    }
    if !has_production_access {
        let message = format!("in the SES sandbox: mail reaches verified addresses only; {budget}");
        return Finding::doubt(CHECK, message, "ask AWS for production access, or verify each recipient");
    }
    Finding::fine(CHECK, format!("out of the SES sandbox, {budget}"))
}

/// Users whom nobody can be told of.
pub fn recipients(plan: &Plan) -> Option<Finding> {
    let without: Vec<&str> = plan
        .waiting
        .iter()
        .filter(|waiting| matches!(waiting.wait, WaitingOn::NoRecipient { .. }))
        .map(|waiting| waiting.user.as_str())
        .collect();
    if without.is_empty() {
        return None;
    }
    let shown = without.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let more = if without.len() > SHOWN { ", …" } else { "" };
    let message = format!("{} blocked: {shown}{more}", users(without.len()));
    Some(Finding::wrong("recipients", message, "tag them, or set `[mail] fallback`"))
}

fn users(count: usize) -> String {
    if count == 1 {
        "1 user has no address, and is".to_owned()
    } else {
        format!("{count} users have no address, and are")
    }
}

/// The bare address of `Name <address>`.
fn address(from: &str) -> &str {
    let bracketed = from.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    bracketed.unwrap_or(from).trim()
}

/// The address, its domain, and the domains above: SES lets the subdomains of a verified domain send.
fn identities(address: &str) -> Vec<&str> {
    let mut names = vec![address];
    let mut domain = address.rsplit_once('@').map(|(_, domain)| domain);
    while let Some(name) = domain.filter(|name| name.contains('.')) {
        names.push(name);
        domain = name.split_once('.').map(|(_, above)| above);
    }
    names
}
