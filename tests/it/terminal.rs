//! What a terminal shows, at each width: python3 gives the binary a terminal of its own.

use std::process::Command;

use crate::{binary, command::KEYROTA};

const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
columns, folder, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.chdir(folder)
    os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
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
    let folder = binary::folder();
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, &columns.to_string(), &folder.path(".").display().to_string(), KEYROTA]);
    command.args(arguments).args(["--sandbox", "sandbox.toml"]).env("TERM", "xterm-256color");
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
