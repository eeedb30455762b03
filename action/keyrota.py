#!/usr/bin/env python3
"""The steps of action.yml that need thought. Python 3.9 and its standard library only.

Everything comes in through the environment, nothing through the text of a shell command. Names are GitHub's own
(GITHUB_*, RUNNER_TEMP) or inputs of the action (INPUT_*).
"""

import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request

AUTHOR = "github-actions[bot]"  # who github.token comments as; no person's login can hold brackets
MOST_SUMMARY = 1_000_000  # bytes; GitHub drops a summary above 1 MiB
MOST_COMMENT = 65_000  # characters; GitHub refuses 65,536
MOST_PAGES = 100
TARGETS = {
    ("Linux", "x86_64"): "x86_64-unknown-linux-gnu",
    ("Linux", "aarch64"): "aarch64-unknown-linux-gnu",
    ("Linux", "arm64"): "aarch64-unknown-linux-gnu",
    ("Darwin", "arm64"): "aarch64-apple-darwin",
}


class Problem(Exception):
    """Something that the person who set the workflow up must know."""


def main():
    steps = {"install": install, "run": run, "publish": publish, "verdict": verdict}
    try:
        return steps[sys.argv[1]]()
    except Problem as problem:
        command("error", str(problem), title="keyrota")
        return 1


# Step 1: the binary.


def install():
    """Takes the given binary, or downloads a release asset and checks it."""
    given = os.environ.get("INPUT_BINARY", "")
    if given:
        binary = pathlib.Path(given).resolve()
        if not (binary.is_file() and os.access(binary, os.X_OK)):
            raise Problem(f"`binary: {given}` is no executable file")
    else:
        binary = download(os.environ.get("INPUT_VERSION", ""))
    output("binary", binary)
    return 0


def download(wanted):
    version, _, expected = wanted.partition("@")
    version = version.removeprefix("v") or own_version()
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?", version):
        raise Problem(f"`version: {wanted}`: write a release such as `0.1.0`, or `0.1.0@sha256:` and the asset's SHA-256")
    target = TARGETS.get((platform.system(), platform.machine()))
    if target is None:
        system, machine = platform.system(), platform.machine()
        raise Problem(f"there is no release for {system} on {machine}: build keyrota and pass its path as `binary`")
    repository = environment("ACTION_REPOSITORY")
    asset = f"keyrota-v{version}-{target}.tar.gz"
    base = f"{environment('GITHUB_SERVER_URL')}/{repository}/releases/download/v{version}"
    archive = fetch(f"{base}/{asset}")
    if expected:
        source = "the workflow"
        expected = expected.removeprefix("sha256:").lower()
    else:
        # Over TLS from the same release: this finds damage, and not a release that was replaced as a whole.
        source = "SHA256SUMS of the release"
        lines = [line.split() for line in fetch(f"{base}/SHA256SUMS").decode().splitlines()]
        expected = next((sum for sum, name in (line for line in lines if len(line) == 2) if name.lstrip("*") == asset), "")
    if not re.fullmatch(r"[0-9a-f]{64}", expected):
        raise Problem(f"{source} gives no SHA-256 for {asset}")
    actual = hashlib.sha256(archive).hexdigest()
    if actual != expected:
        raise Problem(f"{asset} has the SHA-256 {actual}, but {source} says {expected}: it is not used")
    folder = scratch() / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    packed = scratch() / asset
    packed.write_bytes(archive)
    binary = folder / "keyrota"
    with tarfile.open(packed) as tar:
        members = [member for member in tar if member.isfile() and pathlib.PurePosixPath(member.name).name == "keyrota"]
        if len(members) != 1:
            raise Problem(f"{asset} does not hold one file `keyrota`")
        with tar.extractfile(members[0]) as packed_binary, open(binary, "wb") as unpacked:
            shutil.copyfileobj(packed_binary, unpacked)
    binary.chmod(0o755)
    return binary


def own_version():
    """The version of the action at the commit that the workflow uses."""
    manifest = pathlib.Path(environment("GITHUB_ACTION_PATH")) / "Cargo.toml"
    found = re.search(r'^version = "([^"]+)"', manifest.read_text(), re.MULTILINE)
    if not found:
        raise Problem("this copy of the action has no version: set `version`")
    return found.group(1)


def fetch(url):
    try:
        with opened(urllib.request.Request(url)) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Problem(f"{url}: {error.code} {error.reason}") from error


# Step 2: check, and plan where there are credentials.


def run():
    """Never fails on what it finds: the verdict does, after everything was published."""
    wanted = environment("INPUT_COMMAND")
    if wanted not in ("check", "plan"):
        raise Problem(f"`command: {wanted}`: write `check` or `plan`")
    event = read_event()
    name = environment("GITHUB_EVENT_NAME")
    if name == "pull_request_target":
        raise Problem("use the event `pull_request`: `pull_request_target` has the secrets, and runs on a fork's behalf")
    manifests = environment("INPUT_MANIFESTS")
    folder = results()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    common = ["--manifests", manifests, "--format", "github", "--color", "never"]
    code, shown = keyrota(["check", *common, "--markdown-into", folder / "check.md"], set())
    if code != 0:
        return done("invalid" if (folder / "check.md").exists() else "error")
    if wanted == "check":
        return done("checked")
    if name == "pull_request" and is_fork(event):
        command("notice", "a fork has no credentials: only the manifests themselves were checked", title="keyrota")
        return done("checked")
    # What it says is part of the plan.
    (folder / "check.md").unlink()
    arguments = ["plan", *common, "--json-into", folder / "plan.json", "--markdown-into", folder / "plan.md"]
    if name == "pull_request":
        require_merge_commit()
        arguments += ["--base", "HEAD^1"]
    code, annotations = keyrota(arguments, shown)
    if not (folder / "plan.json").exists():
        # Rules may contradict each other for the users that exist.
        is_invalid = any(line.startswith("::error ") for line in annotations)
        return done("invalid" if is_invalid else "error")
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    counts = count(plan)
    output("digest", plan["digest"])
    output("plan-json", folder / "plan.json")
    for name, number in counts.items():
        output(name, number)
    if code == 3:
        return done("limit")
    if code != 0:
        return done("error")
    return done("changes" if counts["changes"] or counts["blocked"] else "no-changes")


def keyrota(arguments, shown):
    """Runs keyrota, with its output in the log; leaves out annotations that were shown before."""
    process = subprocess.run(
        [environment("KEYROTA"), *map(str, arguments)], stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False
    )
    annotations = set()
    for line in process.stdout.splitlines():
        if line.startswith("::"):
            annotations.add(line)
            if line in shown:
                continue
        print(line)
    sys.stdout.flush()
    return process.returncode, annotations


def require_merge_commit():
    """HEAD^1 is the base branch on the merge commit that GitHub makes, and on no other."""
    has_parents = ["git", "rev-parse", "--quiet", "--verify", "HEAD^2^{commit}"]
    if subprocess.run(has_parents, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise Problem(
            "HEAD is not the merge commit of the pull request, or its parents were not fetched: "
            "use actions/checkout with `fetch-depth: 2` and without `ref`"
        )


def is_fork(event):
    """Whether the pull request comes from another repository. That of a deleted fork is null."""
    head = event.get("pull_request", {}).get("head", {}).get("repo") or {}
    return head.get("full_name") != event.get("repository", {}).get("full_name")


def count(plan):
    """What the change causes, now or by the next scheduled run; without a base, the whole plan."""
    if "caused" in plan:
        later = plan.get("next-run") or {}
        changes = plan["caused"] + later.get("caused", [])
        waiting = plan["caused-blocked"] + later.get("caused-blocked", [])
    else:
        changes = plan["changes"]
        waiting = [user for user in plan["waiting"] if user["state"] == "blocked"]
    identity = lambda change: tuple(change[field] for field in ("account", "user", "action", "key", "destination"))
    actions = [action for _, _, action, _, _ in {identity(change) for change in changes}]
    numbers = {"changes": len(actions)}
    for action in ("create", "deactivate", "delete"):
        numbers[action] = actions.count(action)
    numbers["blocked"] = len({(user["account"], user["user"]) for user in waiting})
    return numbers


def done(result):
    output("result", result)
    return 0


# Step 3: the job's summary and the comment.


def publish():
    result = environment("RESULT")
    text = page()
    summarize(text)
    event = read_event()
    number = event.get("pull_request", {}).get("number")
    is_wanted = environment("INPUT_COMMENT") == "true" and environment("INPUT_COMMAND") == "plan"
    if is_wanted and environment("GITHUB_EVENT_NAME") == "pull_request" and number and not is_fork(event):
        try:
            comment(int(number), text, is_silent=is_silent(result))
        except urllib.error.HTTPError as error:
            hint = "; the job needs `permissions: pull-requests: write`" if error.code in (401, 403, 404) else ""
            command("warning", f"the comment could not be written: {error.code} {error.reason}{hint}", title="keyrota")
        except (urllib.error.URLError, TimeoutError) as error:
            command("warning", f"the comment could not be written: {error}", title="keyrota")
    return 0


def page():
    """What keyrota wrote, or that there is none."""
    for name in ("plan.md", "check.md"):
        if (results() / name).exists():
            return (results() / name).read_text(encoding="utf-8")
    return "### keyrota: there is no plan\n\nThe log of the job says why; what is wrong in a manifest is annotated there.\n"


def is_silent(result):
    """Whether a first comment would be noise: nothing changes, or the annotations say it."""
    if not (results() / "plan.json").exists():
        return True
    plan = json.loads((results() / "plan.json").read_text(encoding="utf-8"))
    return result == "no-changes" and not plan.get("base", {}).get("differs", False)


def summarize(text):
    path = pathlib.Path(environment("GITHUB_STEP_SUMMARY"))
    used = path.stat().st_size if path.exists() else 0
    if used + len(text.encode()) > MOST_SUMMARY:
        text = "### keyrota\n\nThe summary is full; the log has the plan.\n"
    with open(path, "a", encoding="utf-8") as summary:
        summary.write(text + "\n")


def comment(number, text, is_silent):
    """Edits the comment that this action wrote before; writes one if there is something to say."""
    marker = f"<!-- keyrota:plan {slug()} -->"
    body = f"{marker}\n{text}"
    if len(body) > MOST_COMMENT:
        body = f"{marker}\n### keyrota\n\nThe plan is too long for a comment; the summary of the job has it.\n"
    repository = f"/repos/{environment('GITHUB_REPOSITORY')}"
    own = own_comment(f"{repository}/issues/{number}/comments", marker)
    if own is None and is_silent:
        return
    if own is not None:
        if own["body"].replace("\r\n", "\n") == body:
            return
        try:
            api("PATCH", f"{repository}/issues/comments/{int(own['id'])}", {"body": body})
            return
        except urllib.error.HTTPError as error:
            # Someone deleted it meanwhile.
            if error.code != 404:
                raise
            if is_silent:
                return
    api("POST", f"{repository}/issues/{number}/comments", {"body": body})


def own_comment(path, marker):
    """By its marker and its author: a person can write the marker too."""
    for page_number in range(1, MOST_PAGES + 1):
        comments = api("GET", f"{path}?per_page=100&page={page_number}")
        for found in comments:
            user = found.get("user") or {}
            is_own = user.get("login") == AUTHOR and user.get("type") == "Bot"
            if is_own and (found.get("body") or "").startswith(marker):
                return found
        if len(comments) < 100:
            return None
    return None


def api(method, path, body=None):
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {environment('GITHUB_TOKEN')}",
        "Content-Type": "application/json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "keyrota",
    }
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(environment("GITHUB_API_URL") + path, data=data, headers=headers, method=method)
    for wait in (1, 3, None):
        try:
            with opened(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            # A comment that was written may be answered with a fault, so that only reads and edits are repeated.
            if wait is None or error.code not in (429, 500, 502, 503, 504) or method == "POST":
                raise
            time.sleep(wait)


# Step 4: whether the job fails.


def verdict():
    fail_on = environment("INPUT_FAIL_ON")
    if fail_on not in ("error", "blocked", "changes"):
        raise Problem(f"`fail-on: {fail_on}`: write `error`, `blocked` or `changes`")
    result = os.environ.get("RESULT", "")
    blocked, changes = int(os.environ.get("BLOCKED") or 0), int(os.environ.get("CHANGES") or 0)
    if result not in ("checked", "changes", "no-changes"):
        # Annotated where it is wrong, or told in the log.
        print(f"keyrota: {result or 'there is no result'}")
        return 1
    if fail_on in ("blocked", "changes") and blocked:
        raise Problem(f"{blocked} users are blocked, and `fail-on` is `{fail_on}`")
    if fail_on == "changes" and changes:
        raise Problem(f"{changes} changes are caused, and `fail-on` is `changes`")
    return 0


# What the steps share.


def environment(name):
    value = os.environ.get(name, "")
    if not value:
        raise Problem(f"{name} is not set: this script is run by action.yml")
    return value


def scratch():
    return pathlib.Path(environment("RUNNER_TEMP")) / "keyrota"


def slug():
    """Stands for the folder of manifests where no path may stand; each folder has its own comment."""
    return re.sub(r"[^A-Za-z0-9._]", "_", environment("INPUT_MANIFESTS"))


def results():
    return scratch() / slug()


def read_event():
    return json.loads(pathlib.Path(environment("GITHUB_EVENT_PATH")).read_text(encoding="utf-8"))


def output(name, value):
    text = str(value)
    if "\n" in text or "\r" in text:
        raise Problem(f"the output {name} would have two lines")
    with open(environment("GITHUB_OUTPUT"), "a", encoding="utf-8") as outputs:
        outputs.write(f"{name}={text}\n")


def command(level, message, title):
    text = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{level} title={title}::{text}", flush=True)


def opened(request):
    """Opens a URL over TLS; plain HTTP is for loopback, where tests listen."""
    url = urllib.parse.urlsplit(request.full_url)
    if url.scheme != "https" and url.hostname not in ("127.0.0.1", "::1"):
        raise Problem(f"{request.full_url} is not https")
    return urllib.request.build_opener(SecureRedirects).open(request, timeout=60)


class SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Assets are served from another host. It is not shown the token, and TLS is not left on the way."""

    def redirect_request(self, request, file, code, message, headers, url):
        if urllib.parse.urlsplit(request.full_url).scheme == "https" and not url.startswith("https://"):
            raise Problem(f"{request.full_url} leads to {url}, which is not https")
        redirected = super().redirect_request(request, file, code, message, headers, url)
        if redirected is not None:
            redirected.remove_header("Authorization")
        return redirected


if __name__ == "__main__":
    sys.exit(main())
