"""Serves moto on a free loopback port for keyrota's tests, with a control API under /_keyrota/.

Prints the port as its first line, and exits when its standard input closes, so that it never outlives its test.
Everything the control API does concerns one account. Credentials whose access key id is twelve digits belong to the
account of that number, so that each test can have accounts of its own on one server.

Control API, POST with JSON; every body names the `account`:
  clock     time: RFC 3339, or null for the real time. The account's clock then stands still there.
  pages     action, size: end the pages of ListUsers, GetAccountAuthorizationDetails, ListAccessKeys, ListUserTags,
            ListGroupsForUser or ListSecrets after so many.
  latency   milliseconds that each call takes.
  date      seconds by which the `Date` of answers is off; 0 for the true one.
  fault     a Fault, below.
  last-use  key, time, service, region: as if the key had been used.
  release   lets the calls go on that a fault holds.
  still     waits a moment for a call that a fault holds, and answers whether one stands still.
  requests  the calls of this account since last asked, in order of arrival, without values. A call that a fault holds
            adds an entry `Held` when it stands still.
  mail      the mail that was accepted.
  calm      takes back all faults.
  watch     user, secret: from now on each entry of `requests` holds their state right after the call. Answers that state.
"""

import gc
import http.client
import io
import json
import logging
import os
import re
import socket
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qs

import lookups
import strict
from moto.iam.models import AccessKeyLastUsed
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

CREDENTIAL = re.compile(r"Credential=([^, ]+), *SignedHeaders=([^, ]+), *Signature=([0-9a-f]+)")


@dataclass
class Fault:
    """What goes wrong with some calls of an account. Without an effect of its own it only waits to be counted."""

    action: str
    # Fields of the log entry that must be equal, e.g. {"user": "ci"}.
    where: dict = field(default_factory=dict)
    # So many matching calls go through first.
    skip: int = 0
    times: int = 1
    # Whether the call takes effect before it is answered with the fault.
    after: bool = False
    # The answer: an error with this status and code,
    status: int = 400
    code: str = ""
    message: str = ""
    # or the connection is closed without one,
    drop: bool = False
    # or this body, with the status above,
    body: str | None = None
    # or the true answer with each match of the first pattern replaced by the second text,
    replace: list | None = None
    # or the true answer after so many milliseconds.
    delay: int = 0
    # or the true answer, once the test says `release`.
    hold: bool = False
    # or the connection stays open so many milliseconds without an answer.
    hang: int = 0

    def strikes(self, entry):
        """Whether it concerns this call; counts it."""
        if self.action != entry["action"] or any(entry.get(k) != v for k, v in self.where.items()):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return self.times >= 0


@dataclass
class Account:
    """What the tests asked of one account."""

    time: datetime | None = None
    pages: dict = field(default_factory=dict)
    latency: float = 0.0
    date: float = 0.0
    faults: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    mail: list = field(default_factory=list)
    watched: dict | None = None
    released: threading.Event = field(default_factory=threading.Event)
    still: threading.Event = field(default_factory=threading.Event)


class Launcher:
    """Answers requests: those of the control API itself, the others as moto does, which is a WSGI application."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.accounts = {}
        # moto is not written for threads, so it answers one call at a time. Latency is spent outside.
        self.lock = threading.Lock()

    def __call__(self, environ):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ["PATH_INFO"].startswith("/_keyrota/"):
            verb, given = environ["PATH_INFO"].removeprefix("/_keyrota/"), json.loads(body)
            if verb == "still":
                # Not under the lock: the call that is waited for needs it.
                answer = self.account(given["account"]).still.wait(0.1)
            else:
                with self.lock:
                    answer = self.control(verb, given)
            return Response(json.dumps(answer), content_type="application/json")
        return self.serve(environ, body)

    def account(self, number):
        return self.accounts.get(number) or self.accounts.setdefault(number, Account())

    def control(self, verb, given):
        number = given.pop("account")
        account = self.account(number)
        match verb:
            case "clock":
                account.time = parse_time(given["time"]) if given["time"] else None
            case "pages":
                account.pages[given["action"]] = given["size"]
            case "latency":
                account.latency = given["milliseconds"] / 1000
            case "date":
                account.date = given["seconds"]
            case "fault":
                account.faults.append(Fault(**given))
            case "release":
                account.released.set()
            case "last-use":
                key = lookups.access_key(given["key"])
                key.last_used = AccessKeyLastUsed(parse_time(given["time"]), given["service"], given["region"])
            case "requests":
                told, account.requests = account.requests, []
                return told
            case "mail":
                return account.mail
            case "calm":
                account.faults.clear()
            case "watch":
                account.watched = given
                return strict.state(number, **given)
            case _:
                raise ValueError(f"no such control: {verb}")
        return None

    def serve(self, environ, body):
        """The answer to one AWS call."""
        caller = read_credential(environ)
        number = caller if re.fullmatch(r"\d{12}", caller) else lookups.account_of(caller)
        entry = describe(environ, body) | {"caller": caller}
        if scope := environ.get("keyrota.credential"):
            entry["region"] = scope.split("/")[2]
        with self.lock:
            account = self.account(number)
            account.requests.append(entry)
            fault = next((fault for fault in account.faults if fault.strikes(entry)), None)
            if fault is not None:
                entry["struck"] = True
        if account.latency:
            time.sleep(account.latency)
        if fault is not None and fault.delay:
            time.sleep(fault.delay / 1000)
            fault = None
        reply = None
        if fault is not None and fault.hold and not fault.after:
            self.hold(account)
        if fault is None or fault.after or fault.replace or fault.hold:
            with self.lock:
                strict.serving.account = account
                reply = self.ask_moto(environ, body, number, caller)
                if entry["action"] == "SendEmail" and reply.status_code == 200:
                    account.mail.append(json.loads(body))
                if account.watched:
                    entry["state"] = strict.state(number, **account.watched)
        if fault is not None and fault.hold:
            if fault.after:
                self.hold(account)
        elif fault is not None:
            if fault.hang:
                time.sleep(fault.hang / 1000)
            if fault.drop or fault.hang:
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
                raise ConnectionResetError("dropped, as a fault rule said")
            reply = distort(fault, environ, reply)
        entry["status"], entry["code"] = reply.status_code, error_code(reply)
        reply.headers["Date"] = formatdate(time.time() + account.date, usegmt=True)
        return reply

    def hold(self, account):
        with self.lock:
            account.requests.append({"action": "Held"})
            account.still.set()
        account.released.wait()

    def ask_moto(self, environ, body, number, caller):
        try:
            strict.authenticate(environ, body, caller)
        except strict.Refused as refused:
            return error(environ, 403, refused.query_code, refused.json_code, refused.message)
        environ["wsgi.input"] = io.BytesIO(body)
        if caller == number:
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = number
        chunks, status, headers = run_wsgi_app(self.moto, environ, buffered=True)
        return Response(b"".join(chunks), status=status, headers=headers)


def read_credential(environ):
    """The caller's access key id; leaves the parts of the signature in the environment."""
    match = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if match is None:
        return "unsigned"
    environ["keyrota.credential"], environ["keyrota.signed-headers"], environ["keyrota.signature"] = match.groups()
    return match[1].split("/")[0]


def describe(environ, body):
    """The log entry of a call: what it is about, never a value that it carries."""
    if environ["PATH_INFO"] == "/v2/email/outbound-emails":
        given = json.loads(body)
        return {"action": "SendEmail", "to": ",".join(given["Destination"]["ToAddresses"])}
    if environ.get("keyrota.credential", "").split("/")[-2:-1] == ["s3"]:
        _, _, key = environ["PATH_INFO"].removeprefix("/").partition("/")
        is_list = "list-type=2" in environ["QUERY_STRING"]
        action = {"PUT": "PutObject", "GET": "ListObjectsV2" if is_list else "GetObject"}.get(environ["REQUEST_METHOD"])
        return {"action": action if key or is_list else "of a bucket"}
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        given = json.loads(body or b"{}")
        entry = {
            "action": target.split(".")[-1],
            "secret": given.get("SecretId", given.get("Name")),
            "version": given.get("MoveToVersionId"),
            "label": given.get("VersionStage"),
        }
        # For other actions the token is a random number of the SDK.
        if entry["action"] == "PutSecretValue":
            entry["version"] = given.get("ClientRequestToken")
    else:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        entry = {
            "action": form.get("Action", environ["PATH_INFO"]),
            "user": form.get("UserName"),
            "key": form.get("AccessKeyId"),
            "role": form.get("RoleArn"),
        }
    return {name: value for name, value in entry.items() if value is not None}


def distort(fault, environ, reply):
    if fault.replace:
        text = reply.get_data(as_text=True)
        pattern, replacement = fault.replace
        changed, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
        if count == 0:
            raise ValueError(f"the answer has nothing like {pattern}: {text}")
        return Response(changed, status=reply.status, content_type=reply.content_type)
    if fault.body is not None:
        return Response(fault.body, status=fault.status, content_type=content_type(environ))
    return error(environ, fault.status, fault.code, fault.code, fault.message)


def error(environ, status, query_code, json_code, message):
    """An error in the protocol of the call."""
    kind = content_type(environ)
    if kind == "text/xml":
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{query_code}</Code><Message>{message}</Message></Error>"
            "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
        )
        return Response(text, status=status, content_type=kind)
    headers = {"x-amzn-errortype": json_code}
    text = json.dumps({"__type": json_code, "message": message})
    return Response(text, status=status, headers=headers, content_type=kind)


def content_type(environ):
    if "HTTP_X_AMZ_TARGET" in environ:
        return "application/x-amz-json-1.1"
    is_rest = environ["PATH_INFO"].startswith(("/v2/", "/2015-03-31/"))
    return "application/json" if is_rest else "text/xml"


def error_code(reply):
    if reply.status_code == 200:
        return None
    found = re.search(r"<Code>([^<]*)</Code>|\"__type\": *\"([^\"]*)\"", reply.get_data(as_text=True))
    return next((code for code in found.groups() if code), None) if found else None


def parse_time(text):
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


class Handler(MotoRequestHandler):
    """Keeps connections, as AWS does. With werkzeug's own handler each call has a connection and a thread of its own."""

    protocol_version = "HTTP/1.1"
    # Headers and body are one write, and wait for no acknowledgement of the one before.
    wbufsize = -1
    disable_nagle_algorithm = True

    def run_wsgi(self):
        try:
            reply = self.server.app(self.make_environ())
        except ConnectionResetError:
            self.close_connection = True
            return
        except Exception:
            traceback.print_exc()
            reply = Response("the launcher failed; its errors are above", status=500)
        # Without the server's own `Date`: the launcher says one.
        self.send_response_only(reply.status_code)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.get_data())


class Server(ThreadedWSGIServer):
    """Gives a connection to a thread that another one has done with; a new thread takes as long as a call."""

    threads = ThreadPoolExecutor(max_workers=1000)

    def process_request(self, request, client_address):
        self.threads.submit(self.process_request_thread, request, client_address)


def read_headers(lines, _class=None):
    """Those of a request, without the parser for mail that `http.client` gives them to: it takes as long as moto's answer."""
    headers = http.client.HTTPMessage()
    while (line := lines.readline(65537)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("iso-8859-1").partition(":")
        headers.set_raw(name, value.strip())
    return headers


def main():
    http.client.parse_headers = read_headers
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    lookups.install()
    strict.install()
    # What is loaded stays: there is nothing to collect of it, and little of what one call leaves.
    gc.freeze()
    gc.set_threshold(20_000)
    server = Server("127.0.0.1", 0, Launcher(), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
