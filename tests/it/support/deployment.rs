//! A ministack that runs the packages of functions, with a clock to set; and calls to it with a true signature.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{LazyLock, Mutex, PoisonError},
    time::SystemTime,
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::emulator::{REGION, ROOTS, python};

/// A running ministack. Ends when dropped, with the functions that it runs.
pub struct Deployment {
    process: Child,
    /// `None` once it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub url: String,
}

impl Deployment {
    /// With `enforces`, policies are enforced, and functions work with their roles.
    pub fn start(enforces: bool) -> Self {
        let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/deployment.py");
        let mut process = Command::new(python("ministack.txt"))
            .arg(&launcher)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AUTH", enforces.to_string())
            .env("SSL_CERT_FILE", ROOTS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} did not start: {error}", launcher.display()));
        let orders = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut port = String::new();
        answers.read_line(&mut port).expect("readable");
        let port: u16 = port.trim().parse().expect("the launcher prints its port first; see its errors above");
        Self { process, orders, answers, url: format!("http://127.0.0.1:{port}") }
    }

    /// The processes of the functions that it runs now, by their ids, as Linux tells.
    pub fn functions(&self) -> Vec<u32> {
        let is_own = |id: u32| {
            let program = fs::read_link(format!("/proc/{id}/exe")).unwrap_or_default();
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
            program.ends_with("bootstrap") && parent.is_some_and(|id| id.trim() == self.process.id().to_string())
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter(|id| is_own(*id)).collect()
    }

    pub fn set_clock(&mut self, time: DateTime<Utc>) {
        let orders = self.orders.as_mut().expect("it runs");
        writeln!(orders, "{}", time.to_rfc3339()).expect("the launcher listens");
        self.answers.read_line(&mut String::new()).expect("the launcher answers");
    }

    /// Whoever has these credentials.
    pub fn caller(&self, credentials: Credentials) -> Caller {
        Caller { url: self.url.clone(), credentials }
    }

    /// The root of an account.
    pub fn root(&self, account: &str) -> Caller {
        self.caller(Credentials::new(account, "any", None, None, "test"))
    }

    /// The lines of a function's log so far.
    pub fn log(&self, account: &str, function: &str) -> Vec<String> {
        let root = self.root(account);
        let group = format!("/aws/lambda/{function}");
        let groups = root.json("logs", "Logs_20140328.DescribeLogGroups", &[("logGroupNamePrefix", &group)]);
        if groups.expect("groups")["logGroups"].as_array().is_none_or(Vec::is_empty) {
            return Vec::new();
        }
        let answer = root.json("logs", "Logs_20140328.FilterLogEvents", &[("logGroupName", &group)]).expect("events");
        let events = answer["events"].as_array().expect("events");
        let messages = events.iter().map(|event| event["message"].as_str().expect("text"));
        messages.flat_map(str::lines).map(str::to_owned).collect()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        // Not killed, so that it removes what it has unpacked.
        self.orders = None;
        // It may have ended already.
        let _ = self.process.wait();
    }
}

/// The zip file of a function: the program, and the folder `manifests` in `folder`.
pub fn package(program: &Path, folder: &Path) -> Vec<u8> {
    // To compress a program takes seconds, and more than half of it only tells of its lines.
    static PROGRAMS: LazyLock<Mutex<BTreeMap<PathBuf, Vec<u8>>>> = LazyLock::new(Mutex::default);
    let mut programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    let packed = programs.entry(program.to_owned()).or_insert_with(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = Command::new("strip").arg("-o").arg(folder.path().join("bootstrap")).arg(program).output();
        assert!(output.expect("strip, which comes with a linker").status.success(), "{}", program.display());
        zip(folder.path(), "bootstrap");
        fs::read(folder.path().join("keyrota.zip")).expect("a zip file")
    });
    fs::write(folder.join("keyrota.zip"), packed).expect("a writable package");
    zip(folder, "manifests");
    fs::read(folder.join("keyrota.zip")).expect("a zip file")
}

/// Adds a file or a folder to `keyrota.zip`, with its mode.
fn zip(folder: &Path, name: &str) {
    const ZIP: &str = "
import os, sys, zipfile
with zipfile.ZipFile('keyrota.zip', 'a', zipfile.ZIP_DEFLATED, compresslevel=1) as file:
    for name in [sys.argv[1], *(f'{at}/{name}' for at, _, names in os.walk(sys.argv[1]) for name in names)]:
        file.write(name)
";
    let output = Command::new(python("ministack.txt")).args(["-c", ZIP, name]).current_dir(folder).output();
    let output = output.expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Somebody who calls APIs for which these tests have no client.
#[derive(Clone)]
pub struct Caller {
    url: String,
    credentials: Credentials,
}

/// What is wrong with an answer.
pub type Refusal = String;

impl Caller {
    pub fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// A call that is named by its target; text values only.
    pub fn json(&self, service: &str, target: &str, fields: &[(&str, &str)]) -> Result<Value, Refusal> {
        let fields: BTreeMap<_, _> = fields.iter().copied().collect();
        self.target(service, target, &serde_json::json!(fields))
    }

    /// A call that is named by its target.
    pub fn target(&self, service: &str, target: &str, body: &Value) -> Result<Value, Refusal> {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")];
        self.send(service, "POST", "/", &headers, &body.to_string())
    }

    /// A call that is named by its path.
    pub fn rest(&self, service: &str, method: &str, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.send(service, method, path, &[("content-type", "application/json")], &body.to_string())
    }

    /// A call that is named by its path, and hands over a text.
    pub fn put_text(&self, service: &str, path: &str, text: &str) -> Result<Value, Refusal> {
        self.send(service, "PUT", path, &[("content-type", "text/plain")], text)
    }

    /// A call that is named by a field.
    pub fn query(&self, service: &str, action: &str, fields: &[(&str, &str)]) -> Result<Value, Refusal> {
        let mut all = vec![("Action", action), ("Version", "2010-03-31")];
        all.extend(fields);
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body: Vec<_> = all.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.send(service, "POST", "/", &[("content-type", "application/x-www-form-urlencoded")], &body.join("&"))
    }

    fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Value, Refusal> {
        let url = format!("{}{path}", self.url);
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .expect("all parameters");
        let signable =
            SignableRequest::new(method, &url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
        let signed = sign(signable.expect("a request"), &parameters.into()).expect("a signature");
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        for (name, value) in headers.iter().copied().chain(signed.output().headers()) {
            request = request.header(name, value);
        }
        let agent = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build().new_agent();
        let mut answer = agent.run(request.body(body).expect("a request")).expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        match answer.status().is_success() {
            true => Ok(serde_json::from_str(&text).unwrap_or(Value::String(text))),
            false => Err(format!("{service} {method} {path} {headers:?}: {} {text}", answer.status())),
        }
    }
}
