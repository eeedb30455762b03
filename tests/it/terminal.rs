//! What a terminal shows, at each width: python3 gives the binary a terminal of its own.

use std::{process::Command, time::Duration};

use chrono::{TimeDelta, Utc};

use crate::{
    binary,
    command::{Folder, KEYROTA},
    emulator::{Emulator, Fault, TestAccount},
};

const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
columns, silent, folder, stop_at, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4].encode(), sys.argv[5:]
pid, terminal = pty.fork()
if pid == 0:
    os.chdir(folder)
    os.dup2(os.open("/dev/null", os.O_WRONLY), silent)
    fcntl.ioctl(3 - silent, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    os.execv(command[0], command)
out = b""
while True:
    try: part = os.read(terminal, 65536)
    except OSError: break
    if not part: break
    out += part
    if stop_at and stop_at in out:
        os.write(terminal, b"\x03")
        stop_at = b""
os.waitpid(pid, 0)
sys.stdout.buffer.write(out.replace(b"\r\n", b"\n"))
"#;

fn shown(columns: usize, color: bool, arguments: &[&str]) -> String {
    let arguments = [arguments, &["--sandbox", "sandbox.toml"]].concat();
    in_terminal(&binary::folder(), columns, 2, color, &arguments)
}

/// What the binary writes into a terminal, but for one of its two streams.
fn in_terminal(folder: &Folder, columns: usize, silent: u8, color: bool, arguments: &[&str]) -> String {
    let mut command = Command::new("python3");
    if !color {
        command.env("NO_COLOR", "1");
    }
    written(command, folder, (columns, silent, ""), arguments)
}

/// The same, by a command that runs python3. Presses Ctrl-C as soon as a text is shown, if there is one.
fn written(
    mut python: Command,
    folder: &Folder,
    (columns, silent, stop_at): (usize, u8, &str),
    arguments: &[&str],
) -> String {
    python.args(["-c", TERMINAL, &columns.to_string(), &silent.to_string()]);
    python.arg(folder.path(".")).args([stop_at, KEYROTA]).args(arguments).env("TERM", "xterm-256color");
    String::from_utf8(python.output().expect("python3 runs").stdout).expect("text")
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn text_fits_the_terminal_and_no_word_breaks() {
    for arguments in [&["plan"][..], &["status"], &["status", "--unmanaged"], &["explain", "ci-full"], &["forecast"]] {
        let whole = plain(&shown(1000, false, arguments));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for columns in [80, 100, 160] {
            let (plainly, coloured) = (shown(columns, false, arguments), shown(columns, true, arguments));
            assert!(!plainly.contains('\u{1b}'), "{plainly}");
            assert_eq!(plain(&coloured), plainly, "{arguments:?} at {columns}");
            let mut all = words(&plainly);
            let mut expected = words(&whole);
            if arguments[0] == "explain" {
                // A value that wraps goes on below its place.
                all.sort();
                expected.sort();
            }
            assert_eq!(all, expected, "{arguments:?} at {columns}");
            for line in plainly.lines() {
                assert!(line.chars().count() <= columns, "{arguments:?} at {columns}: {line}");
            }
        }
    }
}

#[test]
fn a_long_reason_goes_on_below_its_column() {
    let plan = shown(100, false, &["plan"]);
    let lines: Vec<&str> = plan.lines().collect();
    let full = lines.iter().position(|line| line.starts_with("! ci-full")).expect("a line");
    let column = lines[full].find("overdue").expect("its reason");
    let next = lines[full + 1];
    assert_eq!(next.len() - next.trim_start().len(), column, "{plan}");
}

/// The longest name that IAM allows takes a line of its own, and no room of others.
#[test]
fn a_long_name_takes_no_room_of_others() {
    let name = "n".repeat(64);
    let user = |name: &str, number: usize| {
        format!(
            "[[users]]\nname = \"{name}\"\ntags.email = \"x@example.com\"\n[[users.keys]]\n\
             id = \"AKIAEXAMPLE00000000{number}\"\ncreated = 2026-06-01T08:00:00Z\n"
        )
    };
    let sandbox = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n".to_owned();
    let manifest =
        "version = 1\n[mail]\nfrom = \"s@example.com\"\n[[rotate]]\nusers = [\"*\"]\nnotify = [\"tag:email\"]\n";
    let without =
        Folder::new(&[("sandbox.toml", &(sandbox.clone() + &user("a,b", 1))), ("manifests/keyrota.toml", manifest)]);
    let with = Folder::new(&[
        ("sandbox.toml", &(sandbox + &user("a,b", 1) + &user(&name, 2))),
        ("manifests/keyrota.toml", manifest),
    ]);
    for (command, columns) in [("plan", 80), ("plan", 100), ("status", 80)] {
        let on = |folder| in_terminal(folder, columns, 2, false, &[command, "--sandbox", "sandbox.toml"]);
        let (text, alone) = (on(&with), on(&without));
        let rows = |text: &str| {
            text.lines().skip_while(|line| !line.contains("a,b")).take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(rows(&text)[0], rows(&alone)[0], "{command} at {columns}: {text}");
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{command} at {columns}: {text}");
        let line =
            text.lines().position(|line| line.trim_start_matches(['+', ' ']) == name).expect("a line of its own");
        let next = text.lines().nth(line + 1).expect("the rest of its row");
        assert!(
            next.starts_with("     ") && next.contains(if command == "plan" { "create" } else { "AKIA" }),
            "{text}"
        );
    }
}

/// What is said of the manifests fits as well, with what they say beside it.
#[test]
fn mistakes_fit_the_terminal() {
    let users: Vec<String> = (0..9).map(|number| format!("\"payments-service-{number}\"")).collect();
    let users = users.join(", ");
    let folder = Folder::new(&[
        ("manifests/a.toml", &format!("version = 1\n[[rotate]]\nusers = [{users}]\nnotify = []\n")),
        ("manifests/b.toml", &format!("version = 1\n[[rotate]]\nusers = [{users}]\nnotify = []\nmax-age = \"400d\"\n")),
        (
            "manifests/c.toml",
            "version = 1\n[[rotate]]\nusers = [\"x\"]\nnotify = []\nsecret = \"a\"\nmax-age = \"1d\"\noverlap = \"90d\"\nhold = \"5x\"\n",
        ),
    ]);
    let words = |text: &str| text.split_whitespace().filter(|word| *word != "|").map(str::to_owned).collect::<Vec<_>>();
    let is_source = |line: &&str| line.split_once(" | ").is_none_or(|(number, _)| number.parse::<usize>().is_err());
    let sentences = |text: &str| text.lines().filter(is_source).map(|line| format!("{line}\n")).collect::<String>();
    let whole = in_terminal(&folder, 1000, 1, false, &["check"]);
    assert!(whole.contains("error[") && whole.lines().any(|line| line.chars().count() > 100), "{whole}");
    for columns in [60, 100] {
        let text = in_terminal(&folder, columns, 1, false, &["check"]);
        for line in text.lines() {
            assert!(line.chars().count() <= columns, "at {columns}: {line}\n{text}");
        }
        assert_eq!(words(&sentences(&text)), words(&sentences(&whole)), "at {columns}: {text}");
        assert_eq!(plain(&in_terminal(&folder, columns, 1, true, &["check"])), text, "at {columns}");
    }
}

const INTERRUPTED: &str = r#"
import os, pty, select, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.chdir(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
out, sent, start = b"", False, time.time()
while time.time() - start < 20:
    if select.select([terminal], [], [], 0.1)[0]:
        try: part = os.read(terminal, 65536)
        except OSError: break
        if not part: break
        out += part
    if b"Only `yes` is accepted" in out and not sent:
        os.write(terminal, b"\x03")
        sent = True
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(out)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

/// Ctrl-C at the question ends the command, and changes nothing.
#[test]
fn who_is_asked_can_leave() {
    let folder = binary::folder();
    let before = folder.read("sandbox.toml");
    let mut command = Command::new("python3");
    command.args(["-c", INTERRUPTED, &folder.path(".").display().to_string(), KEYROTA, "apply"]);
    let output = command.args(["--sandbox", "sandbox.toml"]).env("TERM", "xterm").output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("Apply these changes?"), "{said}");
    assert_eq!(folder.read("sandbox.toml"), before);
}

/// Users who are read one after the other: each drawing of the bar has its turn.
async fn slow_account() -> TestAccount {
    let account = Emulator::shared().account();
    for number in 0..12 {
        account.create_user(&format!("ci-{number}"), "/", &[], &[]).await;
        account.create_key(&format!("ci-{number}"), Utc::now() - TimeDelta::days(10)).await;
    }
    account.set_clock(Utc::now());
    account.add_fault(Fault::delay("ListAccessKeys", Duration::from_millis(150)).forever());
    account
}

#[tokio::test]
async fn progress_never_passes_its_end_and_leaves_nothing() {
    const SHARED: &str = "version = 1\n[defaults]\nnotify = []\n[[rotate]]\nusers = [\"ci-*\"]\n";
    let account = slow_account().await;
    let folder = Folder::new(&[("manifests/keyrota.toml", SHARED)]);
    let shown = |stop_at, arguments: &[&str]| written(account.command("python3"), &folder, (80, 1, stop_at), arguments);
    // The last part of what is written before the cursor goes back, or on.
    let last = |text: &str| text.rsplit(['\r', '\n']).next().map(plain).unwrap_or_default();
    for command in ["plan", "status"] {
        let whole = shown("", &[command]);
        let text = plain(&whole).replace('\r', "\n");
        let bars = text.lines().filter(|line| line.starts_with("Reading keys"));
        let counts: Vec<(u64, u64)> = bars
            .map(|line| line.rsplit_once(' ').and_then(|(_, count)| count.split_once('/')).expect("a count"))
            .map(|(done, all)| (done.trim().parse().expect("a number"), all.trim().parse().expect("a number")))
            .collect();
        assert!(counts.iter().any(|(done, all)| (1..12).contains(done) && *all == 12), "{command}: {whole:?}");
        assert!(counts.iter().all(|(done, all)| done <= all), "{command}: {counts:?}");
        assert!(counts.is_sorted(), "{command}: it goes back: {counts:?}");
        assert_eq!(last(&whole), "", "{command} leaves {whole:?}");
        assert!(whole.contains("\u{1b}[2K"), "{command}: the bar is not cleared: {whole:?}");
    }
    let stopped = shown("Reading keys", &["plan"]);
    let (before, after) = stopped.rsplit_once("\u{1b}[2K").expect("it is cleared");
    assert!(before.contains("Reading keys"), "{stopped:?}");
    assert_eq!(after, "\n", "{stopped:?}");
}
