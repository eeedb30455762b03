//! Golden cases: a text file in sections, the last of which holds what is expected. `BLESS=1 cargo test` rewrites it.
//!
//! ```text
//! # What this case is about.
//! === some/input
//! …
//! === expect
//! …
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

const MARK: &str = "=== ";

/// One file of a folder of cases.
pub struct Case {
    pub path: PathBuf,
    /// What precedes the first section.
    pub comment: String,
    /// Names and texts, in order. A text ends with a newline unless it is empty.
    pub sections: Vec<(String, String)>,
}

impl Case {
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut case = Self { path: path.to_owned(), comment: String::new(), sections: Vec::new() };
        for line in text.split_inclusive('\n') {
            if let Some(name) = line.strip_prefix(MARK) {
                case.sections.push((name.trim().to_owned(), String::new()));
            } else {
                case.sections.last_mut().map_or(&mut case.comment, |(_, text)| text).push_str(line);
            }
        }
        case
    }

    pub fn section(&self, name: &str) -> Option<&str> {
        self.sections.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str())
    }

    fn write(&self) {
        let sections = self.sections.iter().map(|(name, text)| format!("{MARK}{name}\n{text}"));
        let text = self.comment.clone() + &sections.collect::<String>();
        fs::write(&self.path, text).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
    }
}

/// All cases of a folder below `tests/cases`, in order.
pub fn cases(folder: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder's entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "case"));
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no cases", folder.display());
    paths.iter().map(|path| Case::read(path)).collect()
}

/// Whether goldens are to be rewritten.
pub fn is_blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Compares a section with what came out, and says how they differ; rewrites the section when blessing.
pub fn check(case: &mut Case, section: &str, actual: &str) -> Result<(), String> {
    let mut actual = actual.to_owned();
    if !actual.is_empty() && !actual.ends_with('\n') {
        actual.push('\n');
    }
    if case.section(section) == Some(&actual) {
        return Ok(());
    }
    if is_blessing() {
        match case.sections.iter_mut().find(|(name, _)| name == section) {
            Some((_, text)) => *text = actual,
            None => case.sections.push((section.to_owned(), actual)),
        }
        case.write();
        return Ok(());
    }
    let expected = case.section(section).unwrap_or("(there is no such section)\n");
    Err(format!(
        "{}, section {section} (BLESS=1 rewrites it)\n--- expected\n{expected}--- actual\n{actual}",
        case.path.display()
    ))
}

/// Checks the `expect` section of all cases of a folder, and fails once for all of them.
pub fn check_all(folder: &str, run: impl Fn(&Case) -> String) {
    let wrong = |mut case: Case| {
        let actual = run(&case);
        check(&mut case, "expect", &actual).err()
    };
    let wrong: Vec<String> = cases(folder).into_iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
