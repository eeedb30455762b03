//! As much of GitHub as the action talks to, on loopback: the comments of pull requests, and release assets. It fails in
//! the ways in which the real one does, and proxies before it.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufReader, Write},
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};

use super::loopback::{Request, listen, request};

/// Who a workflow's own token comments as.
pub const BOT: &str = "github-actions[bot]";
pub const TOKEN: &str = "ghs_example";
/// The token of an app that is not GitHub's own.
pub const APP_TOKEN: &str = "ghs_app";
/// The commit that the pull request's head is, unless a test says otherwise.
pub const NO_HEAD: &str = "";

/// A server for one test; its threads end with the process.
pub struct GitHub {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    comments: Vec<Comment>,
    next_id: u64,
    /// Method and path of each request.
    requests: Vec<String>,
    assets: BTreeMap<String, Vec<u8>>,
    /// What happens to the next requests.
    faults: VecDeque<Fault>,
    /// The head of the pull request as GitHub knows it; empty: it does not tell.
    head: String,
    /// Nobody gets the list of comments before so many have asked for it.
    barrier: Option<Arc<std::sync::Barrier>>,
    is_locked: bool,
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// An answer without a body.
    Code(u16),
    /// The answer of GitHub.
    Said(u16, &'static str),
    /// Too many calls; so many seconds to wait.
    Limited(u64),
    /// The page of a proxy, with this code.
    Html(u16),
    /// The connection is closed instead of an answer.
    Dropped,
    /// It has its effect, and the connection is closed instead of an answer.
    DroppedAfter,
    /// It has its effect, and half of the answer arrives.
    Truncated,
}

#[derive(Clone, Debug)]
pub struct Comment {
    pub id: u64,
    pub login: String,
    pub body: String,
}

impl GitHub {
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State { next_id: 1_000, ..State::default() }));
        let url = format!("http://{}", listen(&state, serve));
        Self { url, state }
    }

    /// Someone comments.
    pub fn comment(&self, login: &str, body: &str) {
        self.state().add(login, body);
    }

    pub fn comments(&self) -> Vec<Comment> {
        self.state().comments.clone()
    }

    pub fn remove_comments(&self) {
        self.state().comments.clear();
    }

    pub fn add_asset(&self, path: &str, content: &[u8]) {
        self.state().assets.insert(path.to_owned(), content.to_owned());
    }

    /// What happens to the next requests.
    pub fn fail(&self, faults: &[Fault]) {
        self.state().faults = faults.iter().cloned().collect();
    }

    pub fn lock(&self) {
        self.state().is_locked = true;
    }

    /// Someone has pushed.
    pub fn set_head(&self, head: &str) {
        self.state().head = head.to_owned();
    }

    /// The next lists of comments are answered when so many runs have asked, so that none sees what another writes.
    pub fn hold_lists(&self, runs: usize) {
        self.state().barrier = Some(Arc::new(std::sync::Barrier::new(runs)));
    }

    /// The requests since this was last asked.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }
}

impl State {
    fn add(&mut self, login: &str, body: &str) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.comments.push(Comment { id, login: login.to_owned(), body: body.to_owned() });
        id
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let Some(Request { method, target, headers, body }) = request(&mut reader) else { return };
    let token = headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (fault, barrier) = {
        let mut state = state.lock().expect("no test panics while it holds the lock");
        state.requests.push(format!("{method} {target}"));
        let is_list = method == "GET" && target.contains("/comments?");
        let barrier = state.barrier.clone().filter(|_| is_list);
        (state.faults.pop_front().unwrap_or(Fault::None), barrier)
    };
    let mut stream = reader.into_inner();
    // The client may have gone away.
    let mut reply = |code: u16, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {code} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(&[head.as_bytes(), body].concat());
    };
    let said = |text: &str| json!({ "message": text }).to_string().into_bytes();
    match fault {
        Fault::Code(code) => return reply(code, "", b""),
        Fault::Said(code, text) => return reply(code, "", &said(text)),
        Fault::Limited(wait) => {
            let text = said("You have exceeded a secondary rate limit.");
            return reply(403, &format!("Retry-After: {wait}\r\n"), &text);
        }
        Fault::Html(code) => {
            return reply(code, "Content-Type: text/html\r\n", b"<!DOCTYPE html><title>Sign in</title>");
        }
        Fault::Dropped => return,
        Fault::None | Fault::DroppedAfter | Fault::Truncated => {}
    }
    let (code, answer) = answer(&method, &target, token, &body, state);
    if let Some(barrier) = barrier {
        barrier.wait();
        state.lock().expect("no test panics while it holds the lock").barrier = None;
    }
    match fault {
        Fault::DroppedAfter => {}
        Fault::Truncated => {
            let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\n\r\n", answer.len());
            let _ = stream.write_all(&[head.as_bytes(), &answer[..answer.len() / 2]].concat());
        }
        _ => reply(code, "", &answer),
    }
}

fn answer(method: &str, target: &str, token: Option<&str>, body: &Value, state: &Mutex<State>) -> (u16, Vec<u8>) {
    let mut state = state.lock().expect("no test panics while it holds the lock");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Some(asset) = state.assets.get(path) {
        assert_eq!(token, None, "downloads are public");
        return (200, asset.clone());
    }
    let json = |code: u16, value: &Value| (code, value.to_string().into_bytes());
    let refused = |code: u16, text: &str| json(code, &json!({ "message": text }));
    let login = match token {
        Some(TOKEN) => BOT,
        Some(APP_TOKEN) => "keyrota-app[bot]",
        _ if path.starts_with("/repos/") || path == "/user" => return refused(401, "Bad credentials"),
        _ => return (404, Vec::new()),
    };
    if path == "/user" {
        return refused(403, "Resource not accessible by integration");
    }
    let text = body["body"].as_str().unwrap_or_default().to_owned();
    assert!(text.chars().count() < 65_536, "GitHub refuses longer comments");
    if path == "/repos/example/access-keys/pulls/7" {
        return match state.head.as_str() {
            NO_HEAD => refused(404, "Not Found"),
            head => json(200, &json!({ "head": { "sha": head } })),
        };
    }
    match (method, path.strip_prefix("/repos/example/access-keys/issues/")) {
        ("GET", Some("7/comments")) => {
            let parameter = |name: &str| {
                let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
                value.and_then(|value| value.parse::<usize>().ok()).expect("a number")
            };
            let (size, page) = (parameter("per_page"), parameter("page"));
            let shown = state.comments.iter().skip(size * (page - 1)).take(size).map(shown);
            json(200, &shown.collect())
        }
        ("POST" | "PATCH", _) if state.is_locked => refused(403, "Unable to create comment because issue is locked."),
        ("POST", Some("7/comments")) => {
            let id = state.add(login, &text);
            json(201, &json!({ "id": id }))
        }
        ("PATCH" | "DELETE", Some(path)) => {
            let id: u64 = path.strip_prefix("comments/").and_then(|id| id.parse().ok()).expect("a comment's id");
            let Some(position) = state.comments.iter().position(|comment| comment.id == id) else {
                return refused(404, "Not Found");
            };
            if method == "DELETE" {
                state.comments.remove(position);
                return (204, Vec::new());
            }
            state.comments[position].body = text;
            json(200, &json!({ "id": id }))
        }
        _ => refused(404, "Not Found"),
    }
}

fn shown(comment: &Comment) -> Value {
    let Comment { id, login, body } = comment;
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({ "id": id, "user": { "login": login, "type": kind }, "body": body })
}
