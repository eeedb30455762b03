//! What a release has beside its archives: their sums, a formula for Homebrew, and notes with a line to copy for each
//! archive. The owner's name comes from `Cargo.toml`, as everywhere.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

use crate::release_asset::Crate;

/// The file of sums, which `action/install` and `keyrota package` read.
const SUMS: &str = "SHA256SUMS";
const FORMULA: &str = "keyrota.rb";
const NOTES: &str = "NOTES.md";

#[derive(Debug, Args)]
pub struct Options {
    /// The tag of the release, such as `v0.1.0`
    tag: String,
    /// The folder of its archives
    #[arg(long, value_name = "DIR")]
    assets: PathBuf,
}

/// Writes the files into the folder, but for the notes, which go beside it: they are no file of the release.
pub fn run(root: &Path, Options { tag, assets }: &Options) -> Result<()> {
    let own = Crate::read(root, tag)?;
    let sums = sums(assets)?;
    let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    fs::write(assets.join(SUMS), lines).context(SUMS)?;
    fs::write(assets.join(FORMULA), formula(&own, tag, &sums)?).context(FORMULA)?;
    let notes = assets.parent().unwrap_or(Path::new(".")).join(NOTES);
    fs::write(&notes, self::notes(&own, tag, &sums)).with_context(|| notes.display().to_string())?;
    for path in [assets.join(SUMS), assets.join(FORMULA), notes] {
        println!("{}", path.display());
    }
    Ok(())
}

/// Of every archive, by name.
fn sums(assets: &Path) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for entry in fs::read_dir(assets).with_context(|| assets.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().expect("it is in a folder").to_string_lossy().into_owned();
        if [".tar.gz", ".zip", ".deb"].iter().any(|end| name.ends_with(end)) {
            let content = fs::read(&path).with_context(|| path.display().to_string())?;
            let sum = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
            sums.insert(name, sum);
        }
    }
    ensure!(!sums.is_empty(), "there are no archives in {}", assets.display());
    Ok(sums)
}

fn formula(own: &Crate, tag: &str, sums: &BTreeMap<String, String>) -> Result<String> {
    let Crate { version, description, repository } = own;
    let archive = |target: &str| {
        let name = format!("keyrota-{tag}-{target}.tar.gz");
        let sum = sums.get(&name).with_context(|| format!("the release has no {name}"))?;
        anyhow::Ok(format!("      url \"{repository}/releases/download/{tag}/{name}\"\n      sha256 \"{sum}\"\n"))
    };
    let on = |system: &str, arm: &str, intel: &str| {
        anyhow::Ok(format!(
            "  on_{system} do\n    on_arm do\n{}    end\n    on_intel do\n{}    end\n  end\n\n",
            archive(arm)?,
            archive(intel)?
        ))
    };
    let description: String = description.split(':').next().unwrap_or_default().replace('"', "'");
    Ok(format!(
        "# Made by the release; `brew install ./{FORMULA}` or a tap takes it.\n\
         class Keyrota < Formula\n  desc \"{description}\"\n  homepage \"{repository}\"\n  version \"{version}\"\n  \
         license any_of: [\"MIT\", \"Apache-2.0\"]\n\n\
         {}{}  def install\n    bin.install \"keyrota\"\n    man1.install Dir[\"man/*.1\"]\n    \
         bash_completion.install \"completions/keyrota.bash\" => \"keyrota\"\n    \
         fish_completion.install \"completions/keyrota.fish\"\n    \
         zsh_completion.install \"completions/_keyrota\"\n  end\n\n  \
         test do\n    assert_match version.to_s, shell_output(\"#{{bin}}/keyrota --version\")\n  end\nend\n",
        on("macos", "aarch64-apple-darwin", "x86_64-apple-darwin")?,
        on("linux", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl")?,
    ))
}

fn notes(own: &Crate, tag: &str, sums: &BTreeMap<String, String>) -> String {
    let url = format!("{}/releases/download/{tag}", own.repository);
    let mut text = "## Install\n\nEach block downloads one file and checks it.\n".to_owned();
    for (name, sum) in sums {
        text += &format!("\n```sh\ncurl -fsSLO {url}/{name}\necho \"{sum}  {name}\" | sha256sum --check\n```\n");
    }
    text + "\nOn macOS, `shasum -a 256 --check` takes the place of `sha256sum --check`.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [&str; 4] =
        ["aarch64-apple-darwin", "x86_64-apple-darwin", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl"];

    #[test]
    fn sums_and_formula_and_notes_name_what_is_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        let fields = "name = \"keyrota\"\nversion = \"1.2.3\"\ndescription = \"Rotates keys: all of them\"\n\
                      repository = \"https://github.com/acme/keyrota\"\n";
        fs::write(root.join("Cargo.toml"), format!("[package]\n{fields}")).expect("a file");
        let assets = root.join("assets");
        fs::create_dir(&assets).expect("a folder");
        let options = Options { tag: "v1.2.3".to_owned(), assets: assets.clone() };
        assert!(run(root, &options).expect_err("there is nothing").to_string().contains("no archives"));
        for target in TARGETS {
            let error = format!("{:#}", run(root, &options).expect_err("one is missing"));
            assert!(error.contains("no archives") || error.contains("the release has no "), "{error}");
            fs::write(assets.join(format!("keyrota-v1.2.3-{target}.tar.gz")), target).expect("a file");
        }
        fs::write(assets.join("keyrota_1.2.3-1_amd64.deb"), "deb").expect("a file");
        run(root, &options).expect("files");
        let read = |path: PathBuf| fs::read_to_string(path).expect("a file");
        let sums = read(assets.join(SUMS));
        let sum: String = Sha256::digest("deb").iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(sums.contains(&format!("{sum}  keyrota_1.2.3-1_amd64.deb\n")), "{sums}");
        let (formula, notes) = (read(assets.join(FORMULA)), read(root.join(NOTES)));
        for target in TARGETS {
            let name = format!("keyrota-v1.2.3-{target}.tar.gz");
            let sum =
                sums.lines().find(|line| line.ends_with(&name)).and_then(|line| line.split(' ').next()).expect("a sum");
            let url = format!("https://github.com/acme/keyrota/releases/download/v1.2.3/{name}");
            assert!(formula.contains(&format!("url \"{url}\"\n      sha256 \"{sum}\"")), "{formula}");
            assert!(
                notes.contains(&format!("curl -fsSLO {url}\necho \"{sum}  {name}\" | sha256sum --check")),
                "{notes}"
            );
        }
        assert!(formula.contains("desc \"Rotates keys\"\n") && !notes.contains("keyrota.rb"), "{formula}");
        // Every block that opens ends.
        let word = |word: &str| formula.split_whitespace().filter(|own| *own == word).count();
        assert_eq!(word("do") + word("class") + word("def"), word("end"), "{formula}");
    }
}
