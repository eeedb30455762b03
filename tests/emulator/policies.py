"""ministack, which enforces IAM policies, on a free port of loopback. Prints the port; ends when its input does.

A user's first key is a hundred days old: there is no clock to set here. What else is corrected is in enforcement.py.
"""

import os
import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
os.environ.update(AUTH="true", BIND_HOST="127.0.0.1", GATEWAY_PORT=str(PORT), IOT_MTLS_PORT="0", LOG_LEVEL="ERROR")
sys.argv = sys.argv[:1]
output, sys.stdout = sys.stdout, sys.stderr

import enforcement  # noqa: E402: what it imports reads the environment
from ministack import app  # noqa: E402
from ministack.services import iam  # noqa: E402

enforcement.install()
create = iam._IAM_HANDLERS["CreateAccessKey"]


def create_access_key(request):
    before = set(iam._access_keys)
    answer = create(request)
    for new in set(iam._access_keys) - before:
        key = iam._access_keys[new]
        if sum(other["UserName"] == key["UserName"] for other in iam._access_keys.values()) == 1:
            key["CreateDate"] = (datetime.now(UTC) - timedelta(days=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return answer


iam._IAM_HANDLERS["CreateAccessKey"] = create_access_key


def watch():
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                break
        time.sleep(0.02)
    print(PORT, file=output, flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=watch, daemon=True).start()
app.main()
