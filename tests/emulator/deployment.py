"""Serves ministack on a free loopback port: it runs the packages of Lambda functions, and EventBridge fires them.

Prints the port as its first line, and exits when its standard input closes, so that it never outlives its test. Each
line of the input is a time (RFC 3339) to put the clock of IAM, EventBridge and its Scheduler to, from which it goes on;
each is answered with a line. With `AUTH=true` in its environment, it enforces policies, and functions work with their roles.
"""

import asyncio
import json
import os
import socket
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
# Calls wait from now on.
listener.listen()
port = listener.getsockname()[1]
os.environ |= {
    "GATEWAY_PORT": str(port),
    # What functions call.
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    "LOG_LEVEL": "ERROR",
    # Where packages are unpacked; removed at the end.
    "TMPDIR": (folder := tempfile.TemporaryDirectory()).name,
}
tempfile.tempdir = None

# They read the environment.
from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app  # noqa: E402
from ministack.core import lambda_runtime  # noqa: E402
from ministack.services import eventbridge, iam, lambda_svc, scheduler  # noqa: E402

ahead = 0.0


class Clock:
    """The module `time`, but for the time."""

    def __getattr__(self, name):
        return getattr(time, name)

    @staticmethod
    def time():
        return now()


def now():
    return time.time() + ahead


def install_clock():
    iam._now = lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now()))
    eventbridge._now_ts = now
    eventbridge._SCHEDULER_TICK_INTERVAL = 0.1
    scheduler.time = Clock()
    scheduler._SCHEDULE_TICK_INTERVAL = 0.1


def wait_for_logs():
    """On a busy machine, what a function wrote before it answered may take longer to arrive than the 5 ms that are waited for."""
    first_line, quiet, longest = 0.05, 0.05, 2.0
    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (first_line, quiet, longest)


def keep_events():
    """AWS keeps an event that finds no free environment and tries it again, and ministack drops it. Both schedules fire at 08:00 on the
    first of a month, and one run goes on at a time."""

    def dispatch(arn, payload):
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        record, event = lambda_svc._execution_record_for_config(function, config), json.loads(payload)

        def run():
            while lambda_svc._execute_function_with_config_scope(record, event).get("throttle"):
                time.sleep(0.05)

        threading.Thread(target=run, daemon=True).start()

    eventbridge._dispatch_to_lambda = dispatch


def follow_orders():
    global ahead
    for line in sys.stdin:
        ahead = datetime.fromisoformat(line.strip()).astimezone(UTC).timestamp() - time.time()
        print("set", flush=True)
    folder.cleanup()
    os._exit(0)


def main():
    install_clock()
    wait_for_logs()
    keep_events()
    if os.environ.get("AUTH") == "true":
        import enforcement

        enforcement.install()
    print(port, flush=True)
    threading.Thread(target=follow_orders, daemon=True).start()
    config = Config()
    config.loglevel = "ERROR"
    config.bind = [f"fd://{listener.fileno()}"]
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
