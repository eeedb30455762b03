//! HTTP on loopback, as much of it as the servers that stand in for others need.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// A request, with its whole body.
pub struct Request {
    pub method: String,
    /// The path, with the query.
    pub target: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Serves each connection to a free port on a thread of its own, as long as the process lives. Returns `HOST:PORT`.
pub fn listen<S: Send + Sync + 'static>(state: &Arc<S>, serve: fn(TcpStream, &S)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address").to_string();
    let shared = Arc::clone(state);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let shared = Arc::clone(&shared);
            // Whoever calls may be killed meanwhile.
            thread::spawn(move || stream.map(|stream| serve(stream, &shared)));
        }
    });
    address
}

/// The next request of a connection, if there is one.
pub fn request(reader: &mut BufReader<impl Read>) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        let length = reader.read_line(&mut line).ok()?;
        (length > 0).then_some(line)
    };
    let first = line()?;
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.trim_end().split_once(':') {
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    assert!(!headers.contains_key("transfer-encoding"), "this server reads whole bodies only");
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, headers, body })
}
