//! As much of GitHub as the action talks to, on loopback: the comments of pull requests, and release assets.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use serde_json::{Value, json};

/// Who a workflow's own token comments as.
pub const BOT: &str = "github-actions[bot]";
pub const TOKEN: &str = "ghs_example";

/// A server for one test; its thread ends with the process.
pub struct GitHub {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    comments: Vec<Comment>,
    /// Method and path of each request.
    requests: Vec<String>,
    assets: BTreeMap<String, Vec<u8>>,
    /// Answers to give before any other.
    faults: Vec<u16>,
}

#[derive(Clone, Debug)]
pub struct Comment {
    pub id: u64,
    pub login: String,
    pub body: String,
}

impl GitHub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.expect("a connection"), &shared);
            }
        });
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

    /// The next requests fail with these.
    pub fn fail(&self, codes: &[u16]) {
        self.state().faults = codes.to_owned();
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
        let id = 1_000 + self.comments.len() as u64;
        self.comments.push(Comment { id, login: login.to_owned(), body: body.to_owned() });
        id
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request");
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (mut length, mut token) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().expect("a length"),
            "authorization" => token = value.trim().strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (code, answer) = answer(&method, &target, token.as_deref(), &body, state);
    let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    let mut stream = reader.into_inner();
    // The client may have gone away.
    let _ = stream.write_all(&[head.as_bytes(), &answer].concat());
}

fn answer(method: &str, target: &str, token: Option<&str>, body: &Value, state: &Mutex<State>) -> (u16, Vec<u8>) {
    let mut state = state.lock().expect("no test panics while it holds the lock");
    state.requests.push(format!("{method} {target}"));
    if !state.faults.is_empty() {
        return (state.faults.remove(0), Vec::new());
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Some(asset) = state.assets.get(path) {
        assert_eq!(token, None, "downloads are public");
        return (200, asset.clone());
    }
    if !path.starts_with("/repos/") {
        return (404, Vec::new());
    }
    if token != Some(TOKEN) {
        return (401, Vec::new());
    }
    let json = |code: u16, value: &Value| (code, value.to_string().into_bytes());
    let text = body["body"].as_str().unwrap_or_default().to_owned();
    assert!(text.chars().count() < 65_536, "GitHub refuses longer comments");
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
        ("POST", Some("7/comments")) => {
            let id = state.add(BOT, &text);
            json(201, &json!({ "id": id }))
        }
        ("PATCH", Some(path)) => {
            let id: u64 = path.strip_prefix("comments/").and_then(|id| id.parse().ok()).expect("a comment's id");
            match state.comments.iter_mut().find(|comment| comment.id == id) {
                Some(comment) => comment.body = text,
                None => return (404, Vec::new()),
            }
            json(200, &json!({ "id": id }))
        }
        _ => (404, Vec::new()),
    }
}

fn shown(comment: &Comment) -> Value {
    let Comment { id, login, body } = comment;
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({ "id": id, "user": { "login": login, "type": kind }, "body": body })
}
