//! Slack's incoming webhooks on loopback, as strict as its documentation: what is no message is refused, and so is text that
//! holds what Slack would read as more than text.

use std::{
    collections::VecDeque,
    io::{BufReader, Write},
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::Value;

use super::loopback::{Request, listen, request};

/// What stands at the end of the URL, which nothing may show.
pub const TOKEN: &str = "XXXXhushhushXXXX";

/// A server for one test; its threads end with the process.
pub struct Slack {
    /// The URL of the webhook.
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The texts that were taken.
    texts: Vec<String>,
    requests: usize,
    faults: VecDeque<Answer>,
    /// What happens to all others.
    always: Option<Answer>,
}

/// What is answered instead.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// A status, a word, and how long to wait.
    Said(u16, &'static str, Option<u64>),
    /// The connection is closed instead.
    Dropped,
}

impl Slack {
    pub fn start() -> Self {
        let state = Arc::default();
        let url = format!("http://{}/services/T00000000/B00000000/{TOKEN}", listen(&state, serve));
        Self { url, state }
    }

    /// The texts that it took, in order.
    pub fn texts(&self) -> Vec<String> {
        self.state().texts.clone()
    }

    /// How often it was asked since this was last asked.
    pub fn take_requests(&self) -> usize {
        std::mem::take(&mut self.state().requests)
    }

    /// What happens to the next requests.
    pub fn fail(&self, faults: &[Answer]) {
        self.state().faults = faults.iter().copied().collect();
    }

    /// What happens to all requests from now on.
    pub fn always(&self, answer: Option<Answer>) {
        self.state().always = answer;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    while let Some(request) = request(&mut reader) {
        let answer = {
            let mut state = state.lock().expect("no test panics with it");
            state.requests += 1;
            let answer = state.faults.pop_front().or(state.always).unwrap_or_else(|| judge(&request));
            if let (Answer::Said(200, "ok", _), Ok(payload)) = (answer, serde_json::from_slice::<Value>(&request.body))
            {
                state.texts.push(payload["text"].as_str().unwrap_or_default().to_owned());
            }
            answer
        };
        let Answer::Said(status, word, wait) = answer else { return };
        let wait = wait.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
        let location = if status == 302 { "Location: https://example.com/\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: text/html\r\n{wait}{location}Content-Length: {}\r\n\r\n",
            word.len()
        );
        if (&stream).write_all((head + word).as_bytes()).is_err() {
            return;
        }
    }
}

/// What Slack says to a request.
fn judge(Request { method, target, headers, body }: &Request) -> Answer {
    let is_json =
        headers.get("content-type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"));
    if method != "POST" || *target != format!("/services/T00000000/B00000000/{TOKEN}") {
        return Answer::Said(404, "no_service", None);
    }
    let Ok(Value::Object(payload)) = serde_json::from_slice(body) else {
        return Answer::Said(400, "invalid_payload", None);
    };
    let text = payload.get("text").and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() {
        return Answer::Said(400, "no_text", None);
    }
    let plain = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    let is_plain = !plain.contains(['<', '>', '&']) && text.chars().count() <= 40_000;
    match is_json && is_plain {
        true => Answer::Said(200, "ok", None),
        false => Answer::Said(400, "invalid_payload", None),
    }
}
