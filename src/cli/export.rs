//! `keyrota export terraform`: what Terraform must know of the manifests, offline.

use std::path::Path;

use keyrota::export;
use serde_json::json;

use super::{args::Common, check::load, error::CommandError, exit::Exit, output::Output};

/// Prints the variables, or writes them into a file.
pub fn terraform(common: &Common, into: Option<&Path>, output: &Output) -> Result<Exit, CommandError> {
    let loaded = load(common)?;
    output.diagnostics(&loaded.diagnostics);
    // What has errors must not become permissions.
    let Some(manifest) = loaded.manifest.as_ref().filter(|_| !loaded.has_errors()) else {
        return Err(CommandError::Manifests);
    };
    let (variables, broad) = export::terraform(manifest);
    for source in broad {
        output.hint(format!(
            "{source} selects by group alone, which IAM can't tell: the policies cover every user of its accounts; \
             add `users`, `tags` or `path` to narrow them"
        ));
    }
    let text = format!("{:#}\n", json!(variables));
    let Some(path) = into else {
        output.data(&text);
        return Ok(Exit::Done);
    };
    // An unchanged file keeps its time.
    if std::fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(Exit::Done);
    }
    std::fs::write(path, text).map_err(|error| CommandError::new(format!("{}: {error}", path.display())))?;
    Ok(Exit::Done)
}
