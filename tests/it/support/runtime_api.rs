//! Lambda for tests: the runtime API on loopback, and a function's process that asks it for events.

use std::{
    collections::VecDeque,
    io::{self, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use chrono::Utc;
use serde_json::Value;

use super::loopback::{Request, listen, request};

/// How long an invocation may take before its test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running function. Ends when dropped.
pub struct Function {
    process: Child,
    api: RuntimeApi,
    output: Option<[JoinHandle<String>; 2]>,
}

/// The error that an invocation failed with.
#[derive(Debug)]
pub struct Failure {
    pub kind: String,
    pub message: String,
}

impl Function {
    /// Starts the program of a package's folder, and waits until it asks for its first event; `environment` holds
    /// everything but what Lambda itself sets.
    pub fn start(program: &Path, package: &Path, environment: Vec<(&'static str, String)>) -> Self {
        let api = RuntimeApi::serve();
        let mut process = Command::new(program)
            .env_clear()
            .envs(environment)
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "keyrota"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ])
            .env("LAMBDA_TASK_ROOT", package)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the function starts");
        let output = [collect(process.stdout.take().expect("piped")), collect(process.stderr.take().expect("piped"))];
        let function = Self { process, api, output: Some(output) };
        function.api.wait_until_asked();
        function
    }

    /// Sends an event with Lambda's longest deadline, and waits for the answer.
    pub fn invoke(&self, event: &Value) -> Result<Value, Failure> {
        self.invoke_within(Duration::from_secs(900), event)
    }

    /// Sends an event with a deadline so far ahead, and waits for the answer.
    pub fn invoke_within(&self, time: Duration, event: &Value) -> Result<Value, Failure> {
        self.invoke_text(time, event.to_string())
    }

    /// Sends an event as it is written: the same field twice, for example.
    pub fn invoke_text(&self, time: Duration, body: String) -> Result<Value, Failure> {
        let deadline = Utc::now().timestamp_millis() + i64::try_from(time.as_millis()).expect("a deadline in this era");
        self.api.send(Event { body, deadline });
        let (kind, body) = self.api.answers.recv_timeout(PATIENCE).expect("the function answers");
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"));
        match kind.as_str() {
            "response" => Ok(body),
            "error" => {
                let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
                Err(Failure { kind: text("errorType"), message: text("errorMessage") })
            }
            other => panic!("the function posted {body} to {other}"),
        }
    }

    /// Ends the process; yields what it wrote, first to stdout, then to stderr.
    pub fn stop(mut self) -> [String; 2] {
        self.process.kill().expect("a running function");
        let output = self.output.take().expect("it is stopped once");
        output.map(|output| output.join().expect("output in UTF-8"))
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).expect("output in UTF-8");
        text
    })
}

/// The server: `GET …/next` waits for an event, `POST …/response` and `…/error` deliver what became of it.
struct RuntimeApi {
    address: String,
    shared: Arc<Shared>,
    /// The last part of the path that was posted to, and the body.
    answers: mpsc::Receiver<(String, String)>,
}

struct Event {
    body: String,
    /// Milliseconds since 1970.
    deadline: i64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    asked: bool,
    events: VecDeque<Event>,
}

impl RuntimeApi {
    fn serve() -> Self {
        let (sender, answers) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let server = Arc::new((Arc::clone(&shared), sender));
        // Its connections end with the function, which is killed while it waits for its next event.
        let address = listen(&server, |stream, (shared, sender)| {
            let _ = connection(&stream, shared, sender);
        });
        Self { address, shared, answers }
    }

    fn send(&self, event: Event) {
        self.shared.state.lock().expect("no thread panicked").events.push_back(event);
        self.shared.changed.notify_all();
    }

    fn wait_until_asked(&self) {
        let state = self.shared.state.lock().expect("no thread panicked");
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| !state.asked);
        assert!(!waited.expect("no thread panicked").1.timed_out(), "the function asks for no event");
    }
}

/// Answers the requests of one connection until it ends.
fn connection(mut stream: &TcpStream, shared: &Shared, answers: &mpsc::Sender<(String, String)>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(Request { target, body, .. }) = request(&mut reader) {
        let path = target.strip_prefix("/2018-06-01/runtime/").expect("a path of the runtime API");
        if path == "invocation/next" {
            let Event { body, deadline } = next_event(shared);
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
                 Lambda-Runtime-Aws-Request-Id: {REQUEST_ID}\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:111122223333:function:keyrota\r\n\
                 Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793\r\n\r\n{body}"
            )?;
        } else {
            stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
            let last = path.rsplit('/').next().expect("split yields one part at least");
            // Nobody listens any more if the test has failed.
            let _ = answers.send((last.to_owned(), String::from_utf8(body).expect("JSON")));
        }
    }
    Ok(())
}

/// The request id of every invocation.
pub const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

fn next_event(shared: &Shared) -> Event {
    let mut state = shared.state.lock().expect("no thread panicked");
    state.asked = true;
    shared.changed.notify_all();
    let mut state = shared.changed.wait_while(state, |state| state.events.is_empty()).expect("no thread panicked");
    state.events.pop_front().expect("it was waited for")
}
