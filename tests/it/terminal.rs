//! What a terminal shows, at each width: python3 gives the binary a terminal of its own.

use std::process::Command;

use crate::{
    binary,
    command::{Folder, KEYROTA},
};

const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
columns, silent, folder, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
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
    command.args(["-c", TERMINAL, &columns.to_string(), &silent.to_string()]);
    command.arg(folder.path(".")).arg(KEYROTA).args(arguments).env("TERM", "xterm-256color");
    if !color {
        command.env("NO_COLOR", "1");
    }
    String::from_utf8(command.output().expect("python3 runs").stdout).expect("text")
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
