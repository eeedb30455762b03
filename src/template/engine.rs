//! Fills in templates: the words once as plain text and once as HTML, with the same functions in both.
//!
//! A template's first line is `Subject: …`. Below it, an empty line ends a paragraph, as in Markdown; the functions
//! `notice`, `heading`, `fact`, `code`, `command` and `button` and the filter `strong` stand for what looks different in the two.

use std::{io, sync::LazyLock};

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, HtmlEscape, UndefinedBehavior, Value, context,
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

use super::{
    content::Content,
    languages::Language,
    library::{LAYOUT, Templates},
};

const SUBJECT: &str = "Subject:";

const CODE: &str = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px";

/// A finished mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{template}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TemplateError {
    /// The name of the template.
    pub template: String,
    /// Counted from 1.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub message: String,
}

/// What a team's template may use up. It is text that anyone may propose: loops within loops and strings that double
/// must end, in the check and in the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// With examples, when the manifests are loaded: about 10 MB of data.
    Example,
    /// With real data, of which there may be more: about 100 MB.
    Mail,
}

impl Limit {
    /// In minijinja's measure: an instruction, or 64 bytes of data.
    fn fuel(self) -> u64 {
        match self {
            Self::Example => 200_000,
            Self::Mail => 2_000_000,
        }
    }
}

/// No mail is longer, in bytes: SES takes no larger ones.
const LONGEST: usize = 4 << 20;

/// No template has more parts than this: names, marks and stretches of text. keyrota's own have a few hundred.
const MOST_TOKENS: usize = 5_000;

/// Looks at a team's template before it is filled in: fuel bounds what most operations take, but not adding lists, which
/// is put off until the list is read and may have doubled forty times by then.
pub fn inspect(template: &str) -> Result<(), TemplateError> {
    for (count, token) in tokenize(template, false, syntax()).enumerate() {
        // What is no token is told when the template is filled in, with its place.
        let Ok((token, span)) = token else { return Ok(()) };
        let message = match token {
            _ if count >= MOST_TOKENS => format!("it has more than {MOST_TOKENS} parts"),
            Token::Plus => "`+` can't be used: `~` joins texts".to_owned(),
            _ => continue,
        };
        return Err(TemplateError { template: String::new(), line: Some(span.start_line as usize), message });
    }
    Ok(())
}

/// Fills in the templates of a mail. The limit is for a team's own; keyrota's are known to end.
pub fn render(
    templates: &Templates,
    language: Language,
    content: &Content,
    limit: Limit,
) -> Result<Text, TemplateError> {
    let kind = content.kind();
    let (name, template) = templates.mail(kind, language);
    let (subject, body) = split(template).ok_or_else(|| TemplateError {
        template: name.clone(),
        line: Some(1),
        message: format!("the first line must be the subject: `{SUBJECT} …`"),
    })?;
    let values = content.values(language);
    let (mut plain, mut html) = (PLAIN.clone(), HTML.clone());
    let fuel = (!templates.are_built_in()).then(|| limit.fuel());
    plain.set_fuel(fuel);
    html.set_fuel(fuel);
    let fill = |environment: &Environment, text: &str| fill(environment, &name, text, values.clone());
    let subject = one_line(&fill(&plain, subject)?);
    if subject.is_empty() {
        return Err(TemplateError { template: name, line: Some(1), message: "the subject is empty".to_owned() });
    }
    let text = paragraphs(&fill(&plain, &body)?).join("\n\n") + "\n";
    let body: String = paragraphs(&fill(&html, &body)?).iter().map(|chunk| block(chunk)).collect();
    let page = context! {
        subject => &subject,
        body => Value::from_safe_string(body),
        kind => kind.as_str(),
        language => language.as_str(),
        foot => language.foot(),
    };
    let html = self::fill(&html, LAYOUT, templates.layout(), page)?;
    Ok(Text { subject, text, html })
}

fn fill(environment: &Environment, name: &str, template: &str, values: Value) -> Result<String, TemplateError> {
    let mut text = Bounded(Vec::new());
    let filled =
        environment.template_from_named_str(name, template).and_then(|t| t.render_captured_to(values, &mut text));
    filled.map_err(|error| flaw(name, &error))?;
    Ok(String::from_utf8_lossy(&text.0).into_owned())
}

/// Takes no more than a mail may hold.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other(format!("the mail would be longer than {LONGEST} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The subject's template, and the rest with an empty line in its place, so that errors tell the right line.
fn split(template: &str) -> Option<(&str, String)> {
    let template = template.trim_start_matches('\u{feff}');
    let (first, rest) = template.split_once('\n').unwrap_or((template, ""));
    Some((first.strip_prefix(SUBJECT)?.trim(), format!("\n{rest}")))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What empty lines divide. Values can't: they hold no line breaks.
fn paragraphs(text: &str) -> Vec<String> {
    let mut chunks: Vec<String> = vec![String::new()];
    for line in text.lines().map(str::trim_end) {
        match chunks.last_mut() {
            Some(chunk) if line.is_empty() && !chunk.is_empty() => chunks.push(String::new()),
            Some(chunk) if line.is_empty() => chunk.clear(),
            Some(chunk) if chunk.is_empty() => chunk.push_str(line),
            Some(chunk) => chunk.extend(["\n", line]),
            None => {}
        }
    }
    chunks.retain(|chunk| !chunk.is_empty());
    chunks
}

/// A paragraph of HTML in what it needs around it. Values are escaped, so only functions and templates make tags.
fn block(chunk: &str) -> String {
    if chunk.starts_with("<tr") {
        let style = "width:100%;margin:0 0 20px;border-collapse:collapse";
        return format!(
            "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" style=\"{style}\">\n{chunk}\n</table>\n"
        );
    }
    match chunk.starts_with('<') && !chunk.starts_with("<strong") {
        true => format!("{chunk}\n"),
        false => format!("<p style=\"margin:0 0 16px\">{chunk}</p>\n"),
    }
}

fn environment(is_html: bool) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| if is_html { AutoEscape::Html } else { AutoEscape::None });
    // A line that holds nothing but `{% … %}` leaves no empty line, which would end a paragraph.
    environment.set_syntax(syntax());
    // Puts off what it adds, as `+` does.
    environment.remove_filter("chain");
    environment
}

fn syntax() -> SyntaxConfig {
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    syntax.expect("the delimiters are the standard ones")
}

/// Made once: to make them takes as long as to fill in a template. Their clones share what they hold.
static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(plain);
static HTML: LazyLock<Environment<'static>> = LazyLock::new(html);

fn plain() -> Environment<'static> {
    let mut environment = environment(false);
    environment.add_filter("strong", |text: String| text);
    environment.add_function("notice", |text: String| format!("* {text} *"));
    environment.add_function("heading", |text: String| format!("{text}\n{}", "-".repeat(text.chars().count())));
    environment.add_function("fact", |label: String, value: String| format!("{label}: {value}"));
    environment.add_function("code", |label: String, value: String| format!("{label}: {value}"));
    environment.add_function("command", |command: String| format!("    {command}"));
    environment.add_function("button", |label: String, url: String| format!("{label}:\n{url}"));
    environment
}

fn html() -> Environment<'static> {
    let mut environment = environment(true);
    let safe = Value::from_safe_string;
    environment.add_filter("strong", move |text: Value| safe(format!("<strong>{}</strong>", escaped(&text))));
    environment.add_function("notice", move |text: Value| {
        let style = "margin:0 0 20px;padding:12px 16px;border-left:4px solid #b45309;background:#fef3c7;color:#713f12;\
                     border-radius:4px";
        safe(format!("<div class=\"notice\" style=\"{style}\">{}</div>", escaped(&text)))
    });
    environment.add_function("heading", move |text: Value| {
        let style = "margin:28px 0 8px;font-size:16px;line-height:24px;font-weight:600";
        safe(format!("<h2 style=\"{style}\">{}</h2>", escaped(&text)))
    });
    environment.add_function("fact", |label: Value, value: Value| row(&label, &value, ""));
    environment.add_function("code", |label: Value, value: Value| row(&label, &value, CODE));
    environment.add_function("command", move |command: Value| {
        // Lines break between words only: within an option they would be hard to read.
        let words: Vec<_> = command
            .to_string()
            .split(' ')
            .map(|word| format!("<span style=\"white-space:nowrap\">{}</span>", HtmlEscape(word)))
            .collect();
        let style = "margin:0 0 20px;padding:12px 14px;background:#f3f4f6;border:1px solid #e5e7eb;border-radius:6px;\
                     line-height:20px;white-space:pre-wrap;word-break:break-word";
        safe(format!("<pre class=\"code\" style=\"{style};{CODE}\">{}</pre>", words.join(" ")))
    });
    environment.add_function("button", move |label: Value, url: Value| {
        let style = "display:inline-block;padding:10px 18px;color:#ffffff;text-decoration:none;font-weight:600";
        let (label, url) = (escaped(&label), escaped(&url));
        safe(format!(
            "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" style=\"margin:4px 0 20px\"><tr>\
             <td class=\"button\" bgcolor=\"#1d4ed8\" style=\"background:#1d4ed8;border-radius:6px\">\
             <a href=\"{url}\" style=\"{style}\">{label}</a></td></tr></table>"
        ))
    });
    environment
}

/// A row of a table: what something is called, and what it is.
fn row(label: &Value, value: &Value, style: &str) -> Value {
    let (label, value) = (escaped(label), escaped(value));
    let cell = "padding:7px 0;border-bottom:1px solid #e5e7eb;vertical-align:top";
    Value::from_safe_string(format!(
        "<tr><td class=\"quiet line\" width=\"34%\" style=\"{cell};color:#5b6472;padding-right:16px\">{label}</td>\
         <td class=\"line\" style=\"{cell};word-break:break-word;{style}\">{value}</td></tr>"
    ))
}

/// What a filter like `strong` made is HTML already.
fn escaped(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if value.is_safe() { text } else { HtmlEscape(&text).to_string() }
}

fn flaw(template: &str, error: &Error) -> TemplateError {
    let template = error.name().unwrap_or(template).to_owned();
    let message = match error.kind() {
        ErrorKind::OutOfFuel => "it takes too much: loops within loops, or text that grows without end".to_owned(),
        ErrorKind::WriteFailure => format!("it makes a mail of more than {LONGEST} bytes"),
        kind => format!("{kind}{}", error.detail().map_or_else(String::new, |detail| format!(": {detail}"))),
    };
    TemplateError { template, line: error.line(), message }
}
