//! A team's own templates of mails, from `templates/` in the folder of the manifests.

use std::{path::Path, sync::Arc};

use super::{
    code::Code,
    diagnostic::{Diagnostic, Label, SourceFile, nearest, quote},
};
use crate::template::Templates;

/// The folder, beside the manifests.
pub(super) const FOLDER: &str = "templates";

pub(super) const EXTENSION: &str = "jinja";

pub(super) fn is_template(path: &str) -> bool {
    has_extension(Path::new(path))
}

/// Checks each template by filling it in with examples.
pub(super) fn load(files: Vec<(String, Vec<u8>)>, diagnostics: &mut Vec<Diagnostic>) -> Templates {
    let mut templates = Templates::default();
    for (path, bytes) in files {
        if let Err(diagnostic) = one(&path, bytes, &mut templates) {
            diagnostics.push(diagnostic);
        }
    }
    templates
}

fn one(path: &str, bytes: Vec<u8>, templates: &mut Templates) -> Result<(), Diagnostic> {
    let whole = || Label::new(&Arc::new(SourceFile::new(path, String::new())), 0..0, "");
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !Templates::names().any(|known| known == name) {
        let message = format!("{} is not the template of a mail", quote(&name));
        let names: Vec<_> = Templates::names().collect();
        let help = match nearest(&name, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean {}?", quote(meant)),
            None => "name it after a kind and a language, e.g. `rotated.es.jinja`, or `layout.html.jinja`".to_owned(),
        };
        return Err(Diagnostic::error(Code::TemplateName, message, whole()).help(help));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(Diagnostic::error(Code::NotUtf8, "the template is not UTF-8", whole()).help("save it as UTF-8"));
    };
    templates.replace(&name, text.clone()).map_err(|error| {
        let source = Arc::new(SourceFile::new(path, text));
        let label = Label::new(&source, source.line_span(error.line.unwrap_or(1)), "");
        let help =
            format!("`keyrota mail preview` shows what it makes; without the file, keyrota's own {name} is used");
        Diagnostic::error(Code::Template, format!("the template can't be filled in: {}", error.message), label)
            .help(help)
    })
}

fn has_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}
