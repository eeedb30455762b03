//! AWS Organizations: which accounts there are, and where.
//!
//! With units, they are walked from the root down, and the accounts of those listed that matter: as many calls as there are units and
//! pages of twenty accounts. `ListParents` would be one a account.

use std::{fmt, sync::Arc};

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_organizations::{
    Client,
    config::retry::RetryPartition,
    types::{Account, OrganizationalUnit, Root, Tag},
};
use futures::{StreamExt, TryStreamExt, future::LocalBoxFuture, stream};

use super::{
    answer::Answers,
    client::patiently,
    connect::{Caller, ConnectError, Problem},
    error::Failure,
    meter::Meter,
    read::pages_or,
    retries::NotThrottled,
};
use crate::{
    cloud::throttle::{Throttle, Unanswered},
    inventory::{ErrorKind, Membership, Unit},
    organization::{Listed, Member, Question},
};

/// So many units or accounts are asked about at a time, if AWS lets it.
const CONCURRENT: usize = 16;

/// Of AWS: five levels below the root.
const DEEPEST: usize = 16;

impl Caller {
    /// The accounts of the organisation, and as much of where they are as is asked for.
    ///
    /// # Errors
    /// Not all of them could be listed: then nothing is known, for who is missing would be taken for gone.
    pub fn organization<'a>(&'a self, question: &'a Question) -> LocalBoxFuture<'a, Result<Listed, ConnectError>> {
        Box::pin(async move {
            let organizations = Organizations::new(self);
            match organizations.list(question).await {
                Ok(listed) => Ok(listed),
                Err(refusal) => Err(ConnectError { problems: vec![organizations.problem(self, refusal).await] }),
            }
        })
    }

    /// The 12 digits of the account that manages the organisation.
    ///
    /// # Errors
    /// There is none, or it may not be described.
    pub fn management_account(&self) -> LocalBoxFuture<'_, Result<String, ConnectError>> {
        Box::pin(async move {
            let organizations = Organizations::new(self);
            match organizations.management_account().await {
                Ok(account) => Ok(account),
                Err(refusal) => Err(ConnectError { problems: vec![organizations.problem(self, refusal).await] }),
            }
        })
    }
}

/// A call that failed.
struct Refusal {
    operation: &'static str,
    failure: Failure,
}

struct Organizations {
    client: Client,
    throttle: Throttle,
}

/// A unit with all that is above it, from the root down.
type Chain = Vec<Unit>;

impl Organizations {
    fn new(caller: &Caller) -> Self {
        let config = aws_sdk_organizations::config::Builder::from(&caller.config)
            .interceptor(Answers(Meter::default()))
            .retry_classifier(NotThrottled)
            .retry_partition(RetryPartition::custom("organizations").build());
        Self { client: Client::from_conf(config.build()), throttle: Throttle::new(caller.settings.patience) }
    }

    async fn list(&self, question: &Question) -> Result<Listed, Refusal> {
        let (units, mut members) = match question.units {
            false => (Vec::new(), self.members(None, &Arc::default()).await?),
            true => {
                let chains = self.chains().await?;
                let places = chains.iter().filter(|chain| question.includes(chain)).map(|chain| async move {
                    let membership = Membership { units: chain.clone(), ..Membership::default() };
                    self.members(chain.last(), &Arc::new(membership)).await
                });
                let members: Vec<Vec<Member>> = stream::iter(places).buffered(CONCURRENT).try_collect().await?;
                let units = chains.into_iter().filter_map(|mut chain| chain.pop()).collect();
                (units, members.concat())
            }
        };
        if members.is_empty() && question.within.is_empty() {
            // There is one at least, which manages it; or no organisation.
            self.management_account().await?;
            return Err(malformed("organizations:ListAccounts", "it has no account, not even the one that manages it"));
        }
        // One that was moved meanwhile may be met twice.
        members.sort_by(|a, b| a.id.cmp(&b.id));
        members.dedup_by(|one, other| one.id == other.id);
        if question.tags {
            let tagged = members.into_iter().map(|member| self.with_tags(member));
            members = stream::iter(tagged).buffered(CONCURRENT).try_collect().await?;
        }
        Ok(Listed { units, members, is_whole: true })
    }

    /// The root and every unit.
    async fn chains(&self) -> Result<Vec<Chain>, Refusal> {
        let operation = "organizations:ListRoots";
        let roots = |token| async move {
            let request = self.client.list_roots().set_next_token(token);
            let page = self.call(operation, || request.clone().send()).await?;
            Ok((page.roots.unwrap_or_default(), following(page.next_token)))
        };
        let root = |root: Root| {
            let (id, name) = (present(operation, "id", root.id)?, root.name.unwrap_or_else(|| "Root".to_owned()));
            Ok(vec![Unit { id, path: name }])
        };
        let mut level = pages_or(roots, |what| malformed(operation, what))
            .await?
            .into_iter()
            .map(root)
            .collect::<Result<Vec<_>, Refusal>>()?;
        if level.is_empty() {
            return Err(malformed(operation, "it has no root"));
        }
        let mut chains = Vec::new();
        for _ in 0..DEEPEST {
            let below = level.iter().map(|chain| self.units_below(chain));
            let below: Vec<Vec<Chain>> = stream::iter(below).buffered(CONCURRENT).try_collect().await?;
            chains.append(&mut level);
            level = below.concat();
            if level.is_empty() {
                return Ok(chains);
            }
        }
        Err(malformed("organizations:ListOrganizationalUnitsForParent", "units are nested without end"))
    }

    async fn units_below(&self, chain: &Chain) -> Result<Vec<Chain>, Refusal> {
        let operation = "organizations:ListOrganizationalUnitsForParent";
        let Some(parent) = chain.last() else { return Ok(Vec::new()) };
        let prefix = if chain.len() == 1 { String::new() } else { format!("{}/", parent.path) };
        let units = |token| async move {
            let request =
                self.client.list_organizational_units_for_parent().parent_id(&parent.id).set_next_token(token);
            let page = self.call(operation, || request.clone().send()).await?;
            Ok((page.organizational_units.unwrap_or_default(), following(page.next_token)))
        };
        let below = |OrganizationalUnit { id, name, .. }| {
            let (id, name) = (present(operation, "id", id)?, present(operation, "name", name)?);
            let unit = Unit { id, path: format!("{prefix}{name}") };
            Ok(chain.iter().cloned().chain([unit]).collect())
        };
        pages_or(units, |what| malformed(operation, what)).await?.into_iter().map(below).collect()
    }

    /// The accounts directly in a unit, or of the whole organisation.
    async fn members(&self, unit: Option<&Unit>, membership: &Arc<Membership>) -> Result<Vec<Member>, Refusal> {
        let operation = match unit {
            Some(_) => "organizations:ListAccountsForParent",
            None => "organizations:ListAccounts",
        };
        let accounts = |token| async move {
            let (accounts, next) = match unit {
                Some(unit) => {
                    let request = self.client.list_accounts_for_parent().parent_id(&unit.id).set_next_token(token);
                    let page = self.call(operation, || request.clone().send()).await?;
                    (page.accounts, page.next_token)
                }
                None => {
                    let request = self.client.list_accounts().set_next_token(token);
                    let page = self.call(operation, || request.clone().send()).await?;
                    (page.accounts, page.next_token)
                }
            };
            Ok((accounts.unwrap_or_default(), following(next)))
        };
        let accounts = pages_or(accounts, |what| malformed(operation, what)).await?;
        accounts.into_iter().map(|account| member(operation, account, membership)).collect()
    }

    async fn with_tags(&self, member: Member) -> Result<Member, Refusal> {
        if member.inactive.is_some() {
            return Ok(member);
        }
        let (operation, id) = ("organizations:ListTagsForResource", member.id.as_str());
        let tags = |token| async move {
            let request = self.client.list_tags_for_resource().resource_id(id).set_next_token(token);
            let page = self.call(operation, || request.clone().send()).await?;
            Ok((page.tags.unwrap_or_default(), following(page.next_token)))
        };
        let tags = pages_or(tags, |what| malformed(operation, what))
            .await?
            .into_iter()
            .map(|Tag { key, value, .. }| (key, value))
            .collect();
        let membership = Membership { tags, ..(*member.membership).clone() };
        Ok(Member { membership: Arc::new(membership), ..member })
    }

    async fn management_account(&self) -> Result<String, Refusal> {
        let operation = "organizations:DescribeOrganization";
        let answer = self.call(operation, || self.client.describe_organization().send()).await?;
        present(operation, "id of the management account", answer.organization.and_then(|it| it.master_account_id))
    }

    async fn call<T, E, F>(&self, operation: &'static str, request: impl Fn() -> F) -> Result<T, Refusal>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        let answer = patiently(&self.throttle, operation, request).await.map_err(|unanswered| match unanswered {
            Unanswered::Failed(error) | Unanswered::Refused(Some(error)) => Failure::of(operation, &error),
            Unanswered::Refused(None) => Failure::throttled(),
        });
        match &answer {
            Ok(_) => tracing::debug!(target: "keyrota::aws", operation, outcome = "ok"),
            Err(failure) => {
                tracing::debug!(target: "keyrota::aws", operation, outcome = ?failure.kind, error = failure.message);
            }
        }
        answer.map_err(|failure| Refusal { operation, failure })
    }

    /// Why the organisation can't be listed, and what to do: who may is decided by the account, more than by its policies.
    async fn problem(&self, caller: &Caller, refusal: Refusal) -> Problem {
        let own = caller.account();
        let Refusal { operation, failure } = &refusal;
        let general = || {
            let region = caller.config.region().map(ToString::to_string).unwrap_or_default();
            caller.origin.hint(failure, &region)
        };
        let hint = match failure.code.as_str() {
            NOT_IN_USE => format!(
                "account {own} is in no organisation: use credentials of the one that manages it, or declare accounts in \
                 `[accounts]` and remove `[organization]`"
            ),
            // A policy says no: as AWS words it, the account may, or could be made one that may.
            _ if failure.kind == ErrorKind::Denied && failure.message.contains("not authorized to perform") => {
                let allow = format!("allow {} to `{operation}`", caller.identity.arn);
                match self.management_account().await {
                    Ok(management) if management == own => {
                        format!("{allow}: this is the management account, so a policy of its own is enough")
                    }
                    _ => format!(
                        "{allow}, by a policy of its own; and see to it that account {own} is a delegated administrator of the \
                         organisation, if it does not manage it"
                    ),
                }
            }
            // AWS says no, whatever it says: to whom it would not is worth knowing.
            code if !code.is_empty() && failure.kind != ErrorKind::Throttled => match self.management_account().await {
                Ok(management) if management != own => format!(
                    "only the management account ({management}) and delegated administrators list accounts: run keyrota there, \
                     or make {own} one in {management} (`aws organizations register-delegated-administrator --account-id {own} \
                     --service-principal member.org.stacksets.cloudformation.amazonaws.com`), and allow {} to `{operation}`",
                    caller.identity.arn
                ),
                Ok(_) if failure.kind == ErrorKind::Denied => format!(
                    "allow {} to `{operation}`: this is the management account, so a policy of its own is enough",
                    caller.identity.arn
                ),
                Err(_) if failure.kind == ErrorKind::Denied => format!(
                    "run keyrota in the management account or a delegated administrator's, and allow {} to `{operation}` and \
                     `organizations:DescribeOrganization`",
                    caller.identity.arn
                ),
                Ok(_) | Err(_) => general(),
            },
            _ => general(),
        };
        let is_throttled = failure.kind == ErrorKind::Throttled;
        Problem { is_throttled, ..Problem::of_caller(refusal.to_string(), hint) }
    }
}

/// The error code of an account that is in no organisation.
const NOT_IN_USE: &str = "AWSOrganizationsNotInUseException";

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, failure } = self;
        write!(f, "the accounts of the organisation could not be listed: {operation}: {}", failure.message)
    }
}

fn member(operation: &'static str, account: Account, membership: &Arc<Membership>) -> Result<Member, Refusal> {
    // AWS leaves the second out since September 2026, and older endpoints have it alone.
    let state = account.state.as_ref().map(|it| it.as_str().to_owned());
    let status = account.status.as_ref().map(|it| it.as_str().to_owned());
    let states: Vec<String> = state.into_iter().chain(status).collect();
    let id = present(operation, "id of an account", account.id)?;
    if states.is_empty() {
        return Err(malformed(operation, &format!("account {id} has no state")));
    }
    // The ARN is that of the account which manages the organisation.
    let manages = account.arn.as_deref().and_then(|arn| arn.split(':').nth(4)) == Some(&id);
    let membership = match manages {
        true => Arc::new(Membership { is_management: true, ..(**membership).clone() }),
        false => Arc::clone(membership),
    };
    Ok(Member {
        // An account has a name; where none is told, its id is one.
        name: account.name.filter(|name| !name.is_empty()).unwrap_or_else(|| id.clone()),
        inactive: states.into_iter().find(|state| state != "ACTIVE"),
        membership,
        id,
    })
}

fn present(operation: &'static str, what: &str, value: Option<String>) -> Result<String, Refusal> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| malformed(operation, &format!("it has no {what}")))
}

/// The last page may have an empty token.
fn following(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

fn malformed(operation: &'static str, what: &str) -> Refusal {
    let failure = Failure::new(ErrorKind::Malformed, "", format!("AWS's answer makes no sense: {what}"));
    Refusal { operation, failure }
}
