//! AWS Organizations on loopback, as AWS documents who may ask it what: the management account and delegated administrators read
//! everything, any other member only what organisation it is in, and who is in none gets an error of its own. Emulators answer a
//! management account alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufReader, Write},
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};

use super::loopback::{Request, listen, request};

/// A page of a list has so many entries at most.
const PAGE: usize = 20;

/// An organisation for one test; its threads end with the process.
pub struct Organizations {
    pub url: String,
    state: Arc<Mutex<State>>,
}

/// What there is, and what happened.
#[derive(Clone, Default)]
pub struct State {
    pub management: String,
    pub delegated: BTreeSet<String>,
    /// By id: the parent and the name. The root has none above it.
    pub units: BTreeMap<String, (Option<String>, String)>,
    /// By id.
    pub accounts: BTreeMap<String, Member>,
    /// Whom a policy of IAM denies which operation.
    pub denied: BTreeSet<(String, String)>,
    /// So many calls of an operation are refused for coming too fast.
    pub throttled: BTreeMap<String, usize>,
    /// Lists begin with a page without entries, as they may.
    pub begins_empty: bool,
    /// Who called what, in order.
    pub calls: Vec<(String, String)>,
}

/// An account of the organisation.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub unit: String,
    pub state: &'static str,
    pub tags: Vec<(&'static str, &'static str)>,
}

impl Organizations {
    pub fn start(state: State) -> Self {
        let state = Arc::new(Mutex::new(state));
        Self { url: format!("http://{}", listen(&state, serve)), state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }

    /// The operations that an account has called since this was last asked.
    pub fn take_calls(&self, account: &str) -> BTreeSet<String> {
        let calls = std::mem::take(&mut self.state().calls);
        calls.into_iter().filter(|(caller, _)| caller == account).map(|(_, operation)| operation).collect()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    while let Some(request) = request(&mut reader) {
        let answer = state.lock().expect("no test panics with it").answer(&request);
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err((code, message)) => (400, json!({ "__type": code, "Message": message })),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\nDate: {}\r\nContent-Length: {}\r\n\r\n",
            chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT"),
            body.len()
        );
        if (&stream).write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

type Answer = Result<Value, (&'static str, String)>;

fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, (&'static str, String)> {
    Err((code, message.into()))
}

impl State {
    fn answer(&mut self, Request { method, target, headers, body }: &Request) -> Answer {
        let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
        let operation = match header("x-amz-target").split_once('.') {
            Some(("AWSOrganizationsV20161128", operation)) => operation.to_owned(),
            _ => return refuse("UnknownOperationException", "no such operation"),
        };
        if method != "POST" || target != "/" || !header("content-type").starts_with("application/x-amz-json-1.1") {
            return refuse("UnknownOperationException", "not the JSON protocol 1.1");
        }
        // Of an emulator's account, the access key of its root is its id.
        let Some((caller, scope)) = header("authorization")
            .strip_prefix("AWS4-HMAC-SHA256 Credential=")
            .and_then(|rest| rest.split_once(','))
            .and_then(|(credential, _)| credential.split_once('/'))
        else {
            return refuse("MissingAuthenticationTokenException", "Missing Authentication Token");
        };
        if !scope.ends_with("/organizations/aws4_request") {
            return refuse("SignatureDoesNotMatch", format!("Credential should be scoped to correct service: {scope}"));
        }
        let Ok(Value::Object(input)) = serde_json::from_slice(body) else {
            return refuse("SerializationException", "no JSON object");
        };
        self.calls.push((caller.to_owned(), operation.clone()));
        if let Some(left) = self.throttled.get_mut(&operation).filter(|left| **left > 0) {
            *left -= 1;
            return refuse(
                "TooManyRequestsException",
                "AWS Organizations can't complete your request: too many requests",
            );
        }
        if self.denied.contains(&(caller.to_owned(), operation.clone())) {
            let resource = "because no identity-based policy allows the action";
            let who = format!("User: arn:aws:sts::{caller}:user/moto is not authorized to perform");
            return refuse("AccessDeniedException", format!("{who}: organizations:{operation} {resource}"));
        }
        if !self.accounts.contains_key(caller) {
            return refuse("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.");
        }
        let reads = caller == self.management || self.delegated.contains(caller);
        if operation != "DescribeOrganization" && !reads {
            return refuse("AccessDeniedException", "You don't have permissions to access this resource.");
        }
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let takes = |names: &[&str]| match input.keys().find(|key| !names.contains(&key.as_str())) {
            Some(key) => refuse("SerializationException", format!("no such member: {key}")),
            None => Ok(()),
        };
        let paged = |name: &str, all: Vec<Value>| self.page(name, all, &text("NextToken"));
        match operation.as_str() {
            "DescribeOrganization" => {
                takes(&[])?;
                Ok(json!({ "Organization": {
                    "Id": "o-exampleorg", "FeatureSet": "ALL", "MasterAccountId": self.management,
                    "Arn": format!("arn:aws:organizations::{}:organization/o-exampleorg", self.management),
                } }))
            }
            "ListRoots" => {
                takes(&["NextToken", "MaxResults"])?;
                let roots = self.units.iter().filter(|(_, (parent, _))| parent.is_none());
                paged("Roots", roots.map(|(id, (_, name))| json!({ "Id": id, "Name": name })).collect())
            }
            "ListOrganizationalUnitsForParent" => {
                takes(&["ParentId", "NextToken", "MaxResults"])?;
                let parent = self.parent(text("ParentId"))?;
                let below = self.units.iter().filter(|(_, (above, _))| above.as_ref() == Some(&parent));
                paged("OrganizationalUnits", below.map(|(id, (_, name))| json!({ "Id": id, "Name": name })).collect())
            }
            "ListAccounts" => {
                takes(&["NextToken", "MaxResults"])?;
                paged("Accounts", self.accounts.iter().map(|(id, member)| self.account(id, member)).collect())
            }
            "ListAccountsForParent" => {
                takes(&["ParentId", "NextToken", "MaxResults"])?;
                let parent = self.parent(text("ParentId"))?;
                let here = self.accounts.iter().filter(|(_, member)| member.unit == parent);
                paged("Accounts", here.map(|(id, member)| self.account(id, member)).collect())
            }
            "ListTagsForResource" => {
                takes(&["ResourceId", "NextToken"])?;
                let id = text("ResourceId");
                let Some(member) = self.accounts.get(&id) else {
                    return refuse("TargetNotFoundException", format!("no root, unit, account or policy {id}"));
                };
                let tags = member.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
                paged("Tags", tags.collect())
            }
            _ => refuse("AccessDeniedException", "keyrota asks for nothing else"),
        }
    }

    fn parent(&self, id: String) -> Result<String, (&'static str, String)> {
        if self.units.contains_key(&id) { Ok(id) } else { refuse("ParentNotFoundException", format!("no parent {id}")) }
    }

    /// Since September 2026 there is no `Status`.
    fn account(&self, id: &str, member: &Member) -> Value {
        json!({
            "Id": id, "Name": member.name, "State": member.state, "Email": format!("{id}@example.com"),
            "Arn": format!("arn:aws:organizations::{}:account/o-exampleorg/{id}", self.management),
            "JoinedMethod": "CREATED", "JoinedTimestamp": 1_700_000_000,
        })
    }

    fn page(&self, name: &str, all: Vec<Value>, token: &str) -> Answer {
        let from = match token {
            "" if self.begins_empty => return Ok(json!({ name: [], "NextToken": "from-0" })),
            "" => 0,
            token => match token.strip_prefix("from-").and_then(|from| from.parse::<usize>().ok()) {
                Some(from) => from,
                None => return refuse("InvalidInputException", "INVALID_NEXT_TOKEN"),
            },
        };
        let to = all.len().min(from + PAGE);
        let mut answer = json!({ name: all.get(from..to).unwrap_or_default() });
        if to < all.len() {
            answer["NextToken"] = json!(format!("from-{to}"));
        }
        Ok(answer)
    }
}
