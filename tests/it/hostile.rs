//! Nothing gets in: names, texts and files that someone made to steer a terminal, a workflow, a page or the machine.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use keyrota::{
    manifest::files::{LARGEST_FILE, LARGEST_FOLDER, MOST_FILES},
    untrusted,
};

use crate::{
    repository::{Ran, Repository, SHARED, binary, ran},
    system::program,
};

const RULE: &str = "[[rotate]]\nusers = [\"day-100\"]\n";
/// What a link leads to, and must never be seen.
const SECRET: &str = "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY";

/// What someone might write into a name, a reason, a tag or an answer.
const HOSTILE: [&str; 24] = [
    "\u{1b}[2J\u{1b}[1;1H",
    "\u{1b}[31mred",
    "\u{1b}]8;;https://example.com\u{7}click\u{1b}]8;;\u{7}",
    "\u{1b}]0;title\u{1b}\\",
    "\u{9b}31m",
    "\u{90}q\u{9c}",
    "a\u{8}\u{8}b",
    "a\rb",
    "a\nb",
    "a\n::error::forged",
    "a\r\n::set-output name=x::y",
    "::add-mask::x",
    "  ::stop-commands::x",
    "a ##[error]forged",
    "##[add-mask]x",
    "a\u{202e}gpj.exe",
    "\u{2066}a\u{2069}",
    "a\u{200b}b\u{feff}c",
    "a\u{2028}::error::forged",
    "a\u{2029}b\u{85}c",
    "a\u{ad}b\u{34f}c\u{3164}d",
    "\u{e0041}\u{e0042}tags",
    "v\u{fe0f}\u{e0100}",
    "\u{0}\u{7f}",
];

/// What the runner obeys in a log, as `ActionCommand.cs` reads it: `::command` where a line begins, `##[command]` anywhere.
fn commands(log: &str) -> Vec<String> {
    let is_command = |line: &&str| {
        let is_new = line.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
        let is_old = line.split_once("##[").is_some_and(|(_, rest)| rest.contains(']'));
        is_new || is_old
    };
    log.split(['\n', '\r']).filter(is_command).map(str::to_owned).collect()
}

/// What the runner obeys when `::stop-commands::` is honoured.
fn obeyed(log: &str) -> Vec<String> {
    let mut stopped: Option<String> = None;
    let mut obeyed = Vec::new();
    for line in log.lines() {
        match (&stopped, line.strip_prefix("::stop-commands::")) {
            (Some(token), _) if line == format!("::{token}::") => stopped = None,
            (Some(_), _) => {}
            (None, Some(token)) => stopped = Some(token.to_owned()),
            (None, None) => obeyed.extend(commands(line)),
        }
    }
    assert_eq!(stopped, None, "commands are on again at the end:\n{log}");
    obeyed
}

#[track_caller]
fn assert_harmless(place: &str, text: &str) {
    let hidden: Vec<char> = text.chars().filter(|c| untrusted::is_hidden(*c) && *c != '\n').collect();
    assert!(hidden.is_empty(), "{place} shows {hidden:?}: {text:?}");
    assert_eq!(commands(text), Vec::<String>::new(), "{place}: {text}");
}

#[test]
fn every_text_is_harmless_in_every_place() {
    for text in HOSTILE {
        for around in ["", "x", "  "] {
            let text = format!("{around}{text}");
            let cell = untrusted::spreadsheet_cell(&text);
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !cell.contains("##["), "{cell:?}");
            let value = untrusted::printable(&text);
            assert!(!value.contains(char::is_control) && untrusted::is_visible(&value), "{value:?}");
            // A renderer escapes each value; a page does it again for what was forgotten, but for its own colours.
            assert_harmless("a line", &untrusted::page(&format!("{value}\n")));
            let page = untrusted::page(&format!("\u{1b}[31m{text}\u{1b}[0m\n{text}\n"));
            let plain = page.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
            assert_harmless("a page", &plain);
            for sink in [untrusted::code(&text), untrusted::cell(&text), untrusted::words(&text)] {
                assert!(untrusted::is_visible(&sink), "{sink:?}");
            }
            assert!(untrusted::is_visible(&untrusted::mail(&text)), "{text:?}");
            assert!(untrusted::fenced("text", &text, 1_000).chars().all(|c| c == '\n' || !untrusted::is_hidden(c)));
            let message = untrusted::workflow_message(&text);
            assert_harmless("a message", &format!("x{message}"));
            assert!(!message.contains('\n') && !message.replace("%25", "").contains("%2F"), "{message}");
            let property = untrusted::workflow_property(&text);
            assert!(!property.contains([':', ',', '\n', '\r']), "{property}");
            let document = serde_json::json!({ "text": text }).to_string();
            let shown = untrusted::json(&document);
            assert_harmless("JSON", &shown);
            let read: serde_json::Value = serde_json::from_str(&shown).expect("it is JSON still");
            assert_eq!(read["text"], text, "and says the same");
        }
    }
}

/// An excerpt is escaped, and its marks stand below the right characters all the same.
#[test]
fn marks_stay_where_they_belong() {
    let (shown, place) = untrusted::source("a\u{202e}b\u{1b}c\r\nd");
    assert_eq!(shown, "a\\u{202e}b\\u{1b}c\nd");
    let at = |text: &str| shown.find(text).expect("the text");
    assert_eq!([place(0), place(1), place(4), place(6), place(9)], [0, 1, at("b"), at("c"), at("d")]);
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"\u{202e}\u{202e}\"]\nodd = 1\r\n");
    let ran = repository.keyrota(&["check"]);
    assert!(ran.stderr.contains("users = [\"\\u{202e}\\u{202e}\"]"), "{}", ran.stderr);
    assert!(ran.stderr.contains("\n5 | odd = 1\n  | ^^^"), "{}", ran.stderr);
}

/// Values of manifests and of the account, in every format, on stdout and stderr.
#[test]
fn no_value_steers_the_log() {
    for hostile in HOSTILE {
        let repository = Repository::with_rule(RULE);
        let text = toml::Value::String(hostile.to_owned()).to_string();
        let manifest = format!(
            "version = 1\n\n[[rotate]]\nusers = [\"spare*\", \"day-10\"]\n\n[[exempt]]\nuser = \"day-10\"\nreason = {text}\n"
        );
        repository.write("manifests/hostile.toml", &manifest);
        let sandbox = fs::read_to_string(repository.path().join("sandbox.toml")).expect("the sandbox");
        let used = "last-used = 2026-11-23, last-used-service = ";
        repository.write("sandbox.toml", &sandbox.replacen("last-used = 2026-11-23", &format!("{used}{text}"), 1));
        for format in ["text", "json", "markdown", "github"] {
            for command in [&["plan"][..], &["plan", "--base", "HEAD"], &["status"], &["explain", "day-10"], &["check"]]
            {
                let ran = repository.keyrota(&[command, &["--sandbox", "sandbox.toml", "--format", format]].concat());
                let place = format!("{command:?} as {format}");
                assert_harmless(&place, &ran.stderr);
                let data: String = ran.stdout.lines().filter(|line| !is_own(line)).map(|l| format!("{l}\n")).collect();
                assert_harmless(&place, &data);
                for command in obeyed(&ran.stdout) {
                    assert!(is_own(&command), "{place}: {command}");
                }
            }
        }
        // The same as part of a mistake.
        repository
            .write("manifests/hostile.toml", &format!("version = 1\n{text} = {text}\n[[rotate]]\nusers = [{text}]\n"));
        let ran = repository.keyrota(&["check", "--format", "github", "-v"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_harmless("a mistake", &ran.stderr);
        assert!(obeyed(&ran.stdout).iter().all(|command| is_own(command)), "{hostile:?}: {ran:?}");
    }
}

/// The annotations that keyrota means, and the switch around them.
fn is_own(line: &str) -> bool {
    let is_token = |token: &str| token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_switch = line.strip_prefix("::stop-commands::").is_some_and(is_token)
        || line.strip_prefix("::").and_then(|rest| rest.strip_suffix("::")).is_some_and(is_token);
    is_switch || line.starts_with("::warning file=manifests/") || line.starts_with("::error file=manifests/")
}

#[test]
fn a_token_is_never_the_same() {
    let repository = Repository::with_rule(RULE);
    let token = || {
        let ran = repository.keyrota(&["check", "--format", "github"]);
        ran.stdout.lines().next().and_then(|line| line.strip_prefix("::stop-commands::")).map(str::to_owned)
    };
    let (first, second) = (token().expect("a token"), token().expect("a token"));
    assert_ne!(first, second);
    assert!(repository.keyrota(&["check"]).stdout.lines().all(|line| !line.starts_with("::")));
}

/// A name that does not show what it is is refused, and shown escaped.
#[test]
fn names_of_files() {
    for name in HOSTILE.iter().filter(|name| !name.contains(['/', '\0'])) {
        let repository = Repository::with_rule(RULE);
        repository.write(&format!("manifests/{name}.toml"), "version = 1\nodd = 1\n");
        let ran = repository.keyrota(&["check", "--format", "github"]);
        assert_eq!(ran.code, Some(1), "{name:?}: {ran:?}");
        assert_harmless("stderr", &ran.stderr);
        let (errors, others): (Vec<_>, Vec<_>) =
            obeyed(&ran.stdout).into_iter().partition(|command| command.starts_with("::error file=manifests"));
        assert_eq!(errors.len(), 1, "{name:?}: {errors:?}");
        assert!(others.iter().all(|command| is_own(command)), "{name:?}: {others:?}");
        // The base side says so as well.
        repository.commit();
        repository.git(&["rm", "--quiet", "-r", "--force", "manifests"]);
        repository.write("manifests/keyrota.toml", SHARED);
        repository.write("manifests/team.toml", &format!("version = 1\n\n{RULE}"));
        let ran = repository.plan(&["--base", "HEAD", "--format", "github"]);
        assert_harmless("stderr", &ran.stderr);
        if !untrusted::is_visible(name) {
            assert!(ran.code == Some(1) && ran.stderr.contains("characters that can't be seen"), "{name:?}: {ran:?}");
        }
    }
    let repository = Repository::with_rule(RULE);
    let name = OsStr::from_bytes(b"manifests/\xff.toml");
    fs::write(repository.path().join(name), "version = 1\n").expect("a file");
    let ran = repository.keyrota(&["check"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("or are not UTF-8"), "{ran:?}");
    repository.commit();
    fs::remove_file(repository.path().join(name)).expect("a removed file");
    let ran = repository.plan(&["--base", "HEAD"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("or are not UTF-8"), "{ran:?}");
}

/// Runs a command with little memory and little time.
fn confined(repository: &Repository, arguments: &[&str]) -> Ran {
    let script = "ulimit -v 1500000; exec timeout 20 \"$0\" \"$@\"";
    let mut command = Command::new(program(&["bash"], "bash"));
    command.arg("-c").arg(script).arg(binary()).args(arguments).current_dir(repository.path());
    ran(&command.env_clear().env("HOME", "/nonexistent").output().expect("bash"))
}

#[track_caller]
fn refused(ran: &Ran, sentences: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for sentence in sentences {
        assert!(ran.stderr.contains(sentence), "{sentence:?} is not in\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET), "{ran:?}");
}

/// Every command that loads manifests, as far as it gets.
#[track_caller]
fn refused_by_all(repository: &Repository, sentences: &[&str]) {
    for command in [
        &["check"][..],
        &["check", "--format", "json"],
        &["check", "--format", "github", "--markdown-into", "summary.md"],
        &["plan", "--sandbox", "sandbox.toml"],
        &["export", "terraform"],
        &["mail", "preview", "rotated", "--into", "out"],
    ] {
        let is_json = command.contains(&"json");
        let ran = confined(repository, command);
        if is_json {
            assert_eq!(ran.code, Some(1), "{ran:?}");
            assert!(!ran.stdout.contains(SECRET), "{ran:?}");
        } else {
            refused(&ran, sentences);
        }
    }
    let summary = fs::read_to_string(repository.path().join("summary.md")).expect("a summary");
    assert!(!summary.contains(SECRET), "{summary}");
}

#[test]
fn what_is_no_file() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let credentials = outside.path().join("credentials");
    fs::write(&credentials, format!("[default]\naws_secret_access_key = {SECRET}\n")).expect("a file");
    let link = |path: &Path, to: &Path| symlink(to, path).expect("a link");
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    for name in ["zz.toml", "templates/rotated.en.jinja"] {
        type Make<'a> = &'a dyn Fn(&Path);
        let cases: [(Make, &str); 6] = [
            (&|path| link(path, &credentials), "is a symbolic link, which is not followed"),
            (&|path| link(path, Path::new("/dev/zero")), "is a symbolic link"),
            (&|path| link(path, Path::new("keyrota.toml")), "is a symbolic link"),
            (&|path| link(path, Path::new("missing")), "is a symbolic link"),
            (&|path| pipe(path), "is a pipe, a socket or a device, and no file"),
            (&|path| fs::create_dir(path).expect("a folder"), "is a folder, and no file"),
        ];
        for (make, sentence) in cases {
            let repository = Repository::with_rule(RULE);
            let path = repository.path().join("manifests").join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            make(&path);
            refused_by_all(&repository, &[sentence, name]);
        }
    }
    // A folder of templates that is a link, and a folder of manifests behind one.
    let repository = Repository::with_rule(RULE);
    link(&repository.path().join("manifests/templates"), outside.path());
    refused_by_all(&repository, &["the folder of templates is a symbolic link", "manifests/templates"]);
    let repository = Repository::with_rule(RULE);
    fs::create_dir(repository.path().join("real")).expect("a folder");
    fs::rename(repository.path().join("manifests"), repository.path().join("real/manifests")).expect("moved");
    link(&repository.path().join("manifests"), Path::new("real/manifests"));
    refused_by_all(&repository, &["behind a symbolic link"]);
    link(&repository.path().join("linked"), Path::new("real"));
    let absolute = repository.path().join("linked/manifests");
    for folder in ["linked/manifests", "./linked/manifests/", absolute.to_str().expect("UTF-8")] {
        refused(&confined(&repository, &["check", "--manifests", folder]), &["behind a symbolic link"]);
    }
    // How one gets to the repository makes no difference.
    let link_to_repository = outside.path().join("repository");
    link(&link_to_repository, repository.path());
    let folder = link_to_repository.join("real/manifests");
    let ran = confined(&repository, &["check", "--manifests", folder.to_str().expect("UTF-8")]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn what_is_too_large() {
    let repository = Repository::with_rule(RULE);
    let path = repository.path().join("manifests/large.toml");
    // 100 MB that take no room on the disk.
    fs::File::create(&path).and_then(|file| file.set_len(100_000_000)).expect("a file");
    refused_by_all(&repository, &["the manifest is larger than", "manifests/large.toml"]);
    let size = |bytes: u64| {
        let comment = "# 0123456789012345678901234567890123456789012345678901234567890\n";
        let mut text = comment.repeat((bytes / comment.len() as u64) as usize);
        text.truncate(bytes as usize - 12);
        format!("version = 1\n{}", &text[..text.len()])
    };
    repository.write("manifests/large.toml", &size(LARGEST_FILE));
    assert_eq!(confined(&repository, &["check"]).code, Some(0));
    repository.write("manifests/large.toml", &size(LARGEST_FILE + 1));
    refused(&confined(&repository, &["check"]), &["the manifest is larger than"]);
    // Committed, it is refused on the base side too.
    repository.commit();
    repository.git(&["rm", "--quiet", "manifests/large.toml"]);
    let base = |repository: &Repository| confined(repository, &["plan", "--sandbox", "sandbox.toml", "--base", "HEAD"]);
    refused(&base(&repository), &["at `HEAD`, `manifests/large.toml` is larger than"]);
    // Many that are small enough each.
    for number in 0..=LARGEST_FOLDER / LARGEST_FILE {
        repository.write(&format!("manifests/large-{number}.toml"), &size(LARGEST_FILE));
    }
    refused(&confined(&repository, &["check"]), &["are together larger than"]);
    repository.commit();
    repository.git(&["rm", "--quiet", "manifests/large-0.toml", "manifests/large-1.toml"]);
    refused(&base(&repository), &["at `HEAD`, the manifests and templates are together larger than"]);
    let repository = Repository::with_rule(RULE);
    (0..MOST_FILES).for_each(|number| repository.write(&format!("manifests/many-{number}.toml"), "version = 1\n"));
    refused(&confined(&repository, &["check"]), &["the folder holds more than 1000 manifests"]);
    repository.commit();
    repository.git(&["rm", "--quiet", "manifests/many-0.toml", "manifests/many-1.toml", "manifests/many-2.toml"]);
    refused(&base(&repository), &["at `HEAD`, the folder holds more than 1000 manifests"]);
}

/// A megabyte that is made to be slow.
#[test]
fn what_takes_long() {
    let fill = |unit: &dyn Fn(usize) -> String| {
        let mut text = "version = 1\n".to_owned();
        for number in 0.. {
            let unit = unit(number);
            if text.len() + unit.len() > LARGEST_FILE as usize {
                break;
            }
            text += &unit;
        }
        text
    };
    let cases = [
        ("unknown keys", fill(&|number| format!("k{number} = 1\n"))),
        ("one long line", format!("version = 1\nodd = \"{}\"\n", "x".repeat(1_000_000))),
        ("nesting", format!("version = 1\nodd = {}\n", "[".repeat(1_000_000))),
        ("rules that are nothing", fill(&|_| "[[rotate]]\n".to_owned())),
        ("rules that collide", fill(&|_| "[[rotate]]\nusers=[\"a\"]\n".to_owned())),
        ("patterns", format!("version = 1\n[[rotate]]\nusers = [\"{}\"]\n", "*a".repeat(400_000))),
        ("names", format!("version = 1\n[[rotate]]\nusers = [{}]\n", "\"day-*\",".repeat(120_000))),
        ("dotted", format!("version = 1\n{} = 1\n", vec!["a"; 400_000].join("."))),
    ];
    for (what, text) in cases {
        let repository = Repository::with_rule(RULE);
        repository.write("manifests/slow.toml", &text);
        let begun = Instant::now();
        let ran = confined(&repository, &["plan", "--sandbox", "sandbox.toml", "--format", "github"]);
        let took = begun.elapsed();
        assert!(matches!(ran.code, Some(0 | 1 | 3 | 5)), "{what}: {:?} after {took:?}", ran.code);
        assert!(took < Duration::from_secs(20), "{what} takes {took:?}");
        assert!(ran.stdout.len() + ran.stderr.len() < 4_000_000, "{what} is told at length");
    }
}

/// Templates that never end or grow without bound.
#[test]
fn templates_that_take_too_much() {
    let nested = "{% for a in range(9999) %}".repeat(6) + "x" + &"{% endfor %}".repeat(6);
    let doubling = "{% set s = \"x\" %}".to_owned() + &"{% set s = s ~ s %}".repeat(40) + "{{ s }}";
    let lists = "{% set s = [1] %}".to_owned() + &"{% set s = s + s %}".repeat(40) + "{{ s | length }}";
    let quiet = "{% set s = \"x\" %}".to_owned() + &"{% set s = s ~ s %}".repeat(40);
    for (what, text) in [
        ("loops in loops", nested.as_str()),
        ("doubling", &doubling),
        ("doubling that is not shown", &quiet),
        ("lists", &lists),
        ("repetition", "{{ \"x\" * 4000000000 }}"),
        ("chained", &("{% set s = [1] %}".to_owned() + &"{% set s = s | chain(s) %}".repeat(40) + "{{ s | length }}")),
        (
            "a list repeated",
            &("{% set s = [1] %}".to_owned() + &"{% set s = s * 99999 %}".repeat(3) + "{% for a in s %}x{% endfor %}"),
        ),
        ("many slices", &("{% set s = [1, 2] %}".to_owned() + &"{% set s = s[0:] %}".repeat(50_000) + "{{ s }}")),
        (
            "a namespace",
            "{% set n = namespace(s=[1]) %}{% for a in range(40) %}{% set n.s = n.s * 2 %}{% endfor %}{% for a in n.s %}x{% endfor %}",
        ),
        (
            "replacing",
            &("{% set s = \"xxxxxxxxxxxxxxxxxxxx\" %}".to_owned()
                + &"{% set s = s | replace(\"x\", s) %}".repeat(9)
                + "{{ s }}"),
        ),
        ("a range", "{% for a in range(99999999) %}{{ a }}{% endfor %}"),
        ("depth", &"{% if true %}".repeat(50_000)),
        ("brackets", &format!("{{{{ {} }}}}", "(".repeat(50_000))),
    ] {
        for name in ["rotated.en.jinja", "layout.html.jinja"] {
            let repository = Repository::with_rule(RULE);
            let text = if name.starts_with("layout") { text.to_owned() } else { format!("Subject: x\n{text}\n") };
            repository.write(&format!("manifests/templates/{name}"), &text);
            let begun = Instant::now();
            let ran = confined(&repository, &["check"]);
            assert!(begun.elapsed() < Duration::from_secs(20), "{what} in {name} takes {:?}", begun.elapsed());
            refused(&ran, &["[KR0039]", name]);
        }
    }
    // What is long on purpose, but no longer than a mail, passes.
    let repository = Repository::with_rule(RULE);
    let long = "Subject: x\n{% for a in range(2000) %}{{ user }} {% endfor %}\n";
    repository.write("manifests/templates/rotated.en.jinja", long);
    assert_eq!(confined(&repository, &["check"]).code, Some(0));
}

/// Links, submodules and folders on the other side of the comparison.
#[test]
fn a_base_with_links_and_submodules() {
    let other = Repository::with_rule(RULE);
    let url = other.path().to_str().expect("UTF-8").to_owned();
    let with_submodule = |folder: &str| {
        let repository = Repository::new();
        repository.write("README.md", "x");
        repository.commit();
        repository.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, folder]);
        repository.commit();
        repository
    };
    let repository = with_submodule("keys");
    let ran = repository.plan(&["--manifests", "keys/manifests", "--base", "HEAD"]);
    refused(&ran, &["`keys/manifests` is in a submodule"]);
    // Within it, it is a repository like any other.
    let sandbox = repository.path().join("sandbox.toml");
    let inside = repository.path().join("keys");
    let arguments = ["plan", "--sandbox", sandbox.to_str().expect("UTF-8"), "--base", "HEAD"];
    assert_eq!(crate::repository::keyrota(&inside, &arguments).code, Some(0));
    // The pull request replaces a submodule by a folder, and a link by a folder.
    let repository = with_submodule("manifests");
    repository.git(&["rm", "--quiet", "--force", "manifests"]);
    repository.write("manifests/keyrota.toml", SHARED);
    refused(&repository.plan(&["--base", "HEAD"]), &["`manifests` is a submodule"]);
    let repository = Repository::with_rule(RULE);
    repository.git(&["mv", "manifests", "real"]);
    symlink("real", repository.path().join("manifests")).expect("a link");
    repository.commit();
    fs::remove_file(repository.path().join("manifests")).expect("a removed link");
    repository.git(&["mv", "real", "manifests"]);
    refused(&repository.plan(&["--base", "HEAD"]), &["`manifests` is a symbolic link, and no folder"]);
    // Templates are read there under the same rules.
    let repository = Repository::with_rule(RULE);
    fs::create_dir(repository.path().join("manifests/templates")).expect("a folder");
    symlink("/etc/passwd", repository.path().join("manifests/templates/rotated.en.jinja")).expect("a link");
    repository.commit();
    fs::remove_dir_all(repository.path().join("manifests/templates")).expect("a removed folder");
    refused(&repository.plan(&["--base", "HEAD"]), &["`manifests/templates/rotated.en.jinja` is a symbolic link"]);
}
