//! One page that needs nothing else: no script, no network, no font. It prints, and a screen reader reads it.
//!
//! Its policy (`Content-Security-Policy`) allows its own style by hash, and nothing besides. What came from outside is escaped
//! where it is written, all of it, by the engine's formatter.

mod page;

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, Value, context, escape_formatter, syntax::SyntaxConfig, value::Serde,
};
use sha2::{Digest, Sha256};

use self::page::Page;
use super::{
    controls::{CONTROLS, Control},
    figures,
    model::Evidence,
    shown::visible,
};

const TEMPLATE: &str = include_str!("report.html.jinja");
const STYLE: &str = include_str!("report.css");

/// Renders the report.
pub fn render(evidence: &Evidence) -> String {
    let (ages, oldest, calendar) = figures::of(evidence);
    let figures = context! {
        ages => Value::from_safe_string(ages),
        oldest => Value::from_safe_string(oldest),
        calendar => calendar.map(Value::from_safe_string),
    };
    let style = style();
    let context = context! {
        style => Value::from_safe_string(style.clone()),
        style_hash => format!("sha256-{}", STANDARD.encode(Sha256::digest(style.as_bytes()))),
        figures,
        sources => sources(),
        page => Value::from(Serde(Page::new(evidence))),
    };
    let template = ENGINE.get_template(NAME).expect("it was added below");
    template.render(context).expect("the template asks for what a page has: a test renders every part of it")
}

/// Where the numbers of the controls stand, each once.
fn sources() -> Vec<&'static str> {
    let mut sources: Vec<&str> = Vec::new();
    for Control { source, .. } in &CONTROLS {
        if !sources.contains(source) {
            sources.push(source);
        }
    }
    sources
}

/// As short as it can be: comments and the spaces that set lines in are for who writes it.
fn style() -> String {
    STYLE
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("/*"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Text within an element or a quoted attribute. Slashes stay: ARNs and places are full of them.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

const NAME: &str = "report.html";

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::Html);
    engine.set_formatter(|out, state, value| match value.as_str().filter(|_| !value.is_safe()) {
        Some(text) => Ok(out.write_str(&escaped(&visible(text)))?),
        None => escape_formatter(out, state, value),
    });
    engine.add_function("mark", |verdict: String| {
        let verdict = escaped(&verdict);
        Value::from_safe_string(format!("<span class=\"mark {verdict}\">{verdict}</span>"))
    });
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    engine.set_syntax(syntax.expect("the delimiters are the standard ones"));
    engine.add_template(NAME, TEMPLATE).expect("the template is well-formed: a test renders it");
    engine
});
