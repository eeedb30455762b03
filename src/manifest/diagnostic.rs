//! What is wrong with a manifest: where, why, and what to write instead.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{code::Code, committed::without_secrets, source::Source};
use crate::{
    counted,
    untrusted::{self, printable},
};

pub(crate) use crate::untrusted::quote;

/// Labels further apart than this many lines are shown as two excerpts, so that a diagnostic stays short.
const EXCERPT_LINES: usize = 12;
/// How many mistakes are shown at once: more are no help, and a file can be made to have a hundred thousand.
const MOST_SHOWN: usize = 500;

/// Whether a diagnostic stops keyrota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does.
    Error,
    /// It is only said.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable: `KR0007`.
    pub code: Code,
    /// Whether it stops anything.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The places it is about; the first is where the mistake is.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in a manifest, and what is to be said of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Label {
    file: Arc<SourceFile>,
    /// Bytes of the file's text.
    pub span: Range<usize>,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// May be empty.
    pub text: String,
}

/// The text of a manifest; empty if it could not be read.
#[derive(PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// The path as the user would write it.
    pub path: Arc<str>,
    pub text: String,
    /// The offset at which each line starts.
    line_starts: Vec<usize>,
}

/// The texts of all manifests by path: what diagnostics about a loaded manifest are shown with.
#[derive(Clone, Default)]
pub(crate) struct Sources(BTreeMap<Arc<str>, Arc<SourceFile>>);

impl Diagnostic {
    pub(crate) fn error(code: Code, message: impl Into<String>, label: Label) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: without_secrets(&message.into()),
            labels: vec![label],
            help: None,
        }
    }

    pub(crate) fn warning(code: Code, message: impl Into<String>, label: Label) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message, label) }
    }

    pub(crate) fn label(mut self, label: Label) -> Self {
        self.labels.push(label);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(without_secrets(&help.into()));
        self
    }

    /// Whether nothing may run with this manifest. An exemption that has ended does not stop a run: it counts as
    /// absent: time alone must not keep keys from being rotated. `keyrota check` fails on it.
    pub fn stops_a_run(&self) -> bool {
        self.severity == Severity::Error && self.code != Code::ExemptionEnded
    }

    /// The path of the manifest that the mistake is in.
    pub fn file(&self) -> &str {
        self.labels.first().map_or("", Label::file)
    }

    /// Counted from 1.
    pub fn line(&self) -> usize {
        self.labels.first().map_or(1, |label| label.line)
    }

    /// In characters, counted from 1.
    pub fn column(&self) -> usize {
        self.labels.first().map_or(1, |label| label.column)
    }

    /// Whether two are of the same mistake, however grave it is.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.code, &self.message, self.position()) == (other.code, &other.message, other.position())
    }

    /// Where it is in the order of files and lines.
    pub(crate) fn position(&self) -> (&str, usize) {
        (self.file(), self.labels.first().map_or(0, |label| label.span.start))
    }

    /// As rustc would show it, without a final newline.
    pub fn render(&self, color: bool) -> String {
        self.render_in(color, None)
    }

    /// The same, with lines of manifests cut to the columns of a terminal; without them, as long as they are in most editors.
    pub fn render_in(&self, color: bool, columns: Option<usize>) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(untrusted::lines(&self.message)).id(self.code.as_str()));
        for excerpt in excerpts(&self.labels) {
            group = excerpt.add_to(group);
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(untrusted::lines(help)));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = columns.map_or(renderer.clone(), |columns| renderer.term_width(columns));
        // The mark of a second file looks like a command of GitHub's runner, and would be escaped in its log.
        let text = renderer.render(&[group]);
        text.split('\n').map(with_one_mark).collect::<Vec<_>>().join("\n")
    }
}

/// The line with the mark of the first file, if it begins with that of another; what colours it may come before.
fn with_one_mark(line: &str) -> String {
    let mut rest = line.trim_start_matches(' ');
    while let Some(escape) = rest.strip_prefix('\u{1b}') {
        rest = escape.split_once('m').map_or("", |(_, rest)| rest).trim_start_matches(' ');
    }
    if rest.starts_with("::: ") { line.replacen(":::", "-->", 1) } else { line.to_owned() }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Label {
    pub(crate) fn new(file: &Arc<SourceFile>, span: Range<usize>, text: impl Into<String>) -> Self {
        let (line, column) = file.line_and_column(span.start);
        Self { file: file.clone(), span, line, column, text: text.into() }
    }

    /// The path of the manifest.
    pub fn file(&self) -> &str {
        &self.file.path
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{} {:?}", self.file.path, self.line, self.column, self.text)
    }
}

impl SourceFile {
    pub fn new(path: &str, text: String) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path: Arc::from(path), text, line_starts }
    }

    /// The line at an offset, counted from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The bytes of a line, without its newline.
    pub fn line_span(&self, line: usize) -> Range<usize> {
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or_default();
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        start..end.max(start)
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = self.text.get(self.line_span(line).start..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

impl Sources {
    /// The text of a file, as it was read.
    pub fn text(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(|file| file.text.as_str())
    }

    pub fn insert(&mut self, file: Arc<SourceFile>) {
        self.0.insert(file.path.clone(), file);
    }

    /// Labels a line. For a manifest that was not loaded from text, the line's number is all there is.
    pub fn label(&self, source: &Source, text: impl Into<String>) -> Label {
        match self.0.get(&source.file) {
            Some(file) => {
                let mut span = file.line_span(source.line);
                let line = &file.text[span.clone()];
                span.start += line.len() - line.trim_start().len();
                let code = line.split('#').next().unwrap_or(line).trim();
                Label::new(file, span.start..span.start + code.len(), text)
            }
            None => {
                let file = Arc::new(SourceFile::new(&source.file, String::new()));
                Label { line: source.line, ..Label::new(&file, 0..0, text) }
            }
        }
    }
}

impl Sources {
    /// Labels a part of a file, or the line if it is not known which part.
    pub fn label_part(&self, source: &Source, span: &Range<usize>, text: impl Into<String>) -> Label {
        match self.0.get(&source.file).filter(|_| !span.is_empty()) {
            Some(file) => Label::new(file, span.clone(), text),
            None => self.label(source, text),
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Those that are shown, errors before warnings where not all can be, in order; and how many are not.
pub fn shown(diagnostics: &[Diagnostic]) -> (Vec<&Diagnostic>, usize) {
    let mut shown: Vec<&Diagnostic> = diagnostics.iter().collect();
    let more = shown.len().saturating_sub(MOST_SHOWN);
    if more > 0 {
        shown.sort_by_key(|diagnostic| diagnostic.severity);
        shown.truncate(MOST_SHOWN);
        shown.sort_by(|a, b| a.position().cmp(&b.position()));
    }
    (shown, more)
}

/// `a`, `b` or `c`.
pub(crate) fn any_of<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    counted::any_of(&names.into_iter().map(|name| quote(name.as_ref())).collect::<Vec<_>>())
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (likeness(written, name), name))
        .filter(|(likeness, _)| *likeness >= LIKELY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// From this likeness on a name was probably meant.
pub(crate) const LIKELY: f64 = 0.85;

/// How alike two names are, from 0 to 1.
pub(crate) fn likeness(written: &str, name: &str) -> f64 {
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    strsim::jaro_winkler(&plain(written), &plain(name))
}

/// Neighbouring lines of one file with the labels on them.
struct Excerpt<'a> {
    file: &'a SourceFile,
    first: usize,
    last: usize,
    labels: Vec<(AnnotationKind, &'a Label)>,
}

fn excerpts(labels: &[Label]) -> Vec<Excerpt<'_>> {
    let mut excerpts: Vec<Excerpt> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let near = excerpts.iter_mut().find(|excerpt| {
            excerpt.file.path == label.file.path
                && label.line + EXCERPT_LINES >= excerpt.last
                && label.line <= excerpt.first + EXCERPT_LINES
        });
        match near {
            Some(excerpt) => {
                excerpt.first = excerpt.first.min(label.line);
                excerpt.last = excerpt.last.max(label.line);
                excerpt.labels.push((kind, label));
            }
            None => excerpts.push(Excerpt {
                file: &label.file,
                first: label.line,
                last: label.line,
                labels: vec![(kind, label)],
            }),
        }
    }
    excerpts
}

impl<'a> Excerpt<'a> {
    /// Only the excerpt's own lines are handed to the renderer: it reads all it is given, and files may be long.
    fn add_to(self, group: Group<'a>) -> Group<'a> {
        if self.file.text.is_empty() {
            let origin = Origin::path(printable(&self.file.path));
            // A line that is known without its text is worth showing; line 1 of nothing is not.
            let line = self.first;
            return group.element(if line > 1 { origin.line(line) } else { origin });
        }
        let (start, end) = (self.file.line_span(self.first).start, self.file.line_span(self.last).end);
        let (text, place) = untrusted::source(&without_secrets(&self.file.text[start..end]));
        let mut snippet = Snippet::source(text).line_start(self.first).path(printable(&self.file.path));
        for (kind, label) in self.labels {
            // A span of several lines is shown by its first: what is wrong is said in words.
            let line_end = self.file.line_span(label.line).end.max(label.span.start);
            let end = label.span.end.clamp(label.span.start, line_end);
            let annotation = kind.span(place(label.span.start - start)..place(end - start));
            snippet = snippet.annotation(match label.text.as_str() {
                "" => annotation,
                text => annotation.label(untrusted::lines(text)),
            });
        }
        group.element(snippet)
    }
}
