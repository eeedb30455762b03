//! The log: a JSON object a line on stdout, where Lambda expects it, or text if the function is configured so.

use std::{env, io, str::FromStr};

use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

/// Starts logging as the function's logging configuration says (`AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_LOG_LEVEL`).
pub fn init() {
    let format = env::var("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default();
    let level = match level.to_ascii_lowercase().as_str() {
        "" => LevelFilter::INFO,
        // Lambda's word for what is an error here.
        "fatal" => LevelFilter::ERROR,
        level => LevelFilter::from_str(level).unwrap_or(LevelFilter::INFO),
    };
    // Named one by one, because at the lowest levels the SDK writes whole requests, secrets included. The runtime's span
    // holds the request id, which every line shall have.
    let filter = Targets::new()
        .with_target("keyrota", level)
        .with_target("bootstrap", level)
        .with_target("lambda_runtime", LevelFilter::INFO);
    let lines = fmt::layer().with_writer(io::stdout);
    let lines = match format.eq_ignore_ascii_case("text") {
        true => lines.with_ansi(false).without_time().boxed(),
        false => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    registry().with(lines.with_filter(filter)).init();
}
