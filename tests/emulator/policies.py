"""ministack, which enforces IAM policies, on a free port of loopback. Prints the port; ends when its input does.

A user's first key is a hundred days old: ministack has no clock to set. Where it names another resource than AWS does
when it looks for a policy, it is corrected: a secret that does not exist is authorized by an ARN with a made-up suffix,
and users by the ARN that they have, path included, also where only a key of theirs is named; mail by its sender. A
secret that is created without a value has no version yet. Two things that it does not know
are added: `iam:PermissionsBoundary`, the boundary of the role that a request is about, and the variable `${aws:username}`
in the policies of users.
"""

import contextvars
import dataclasses
import json
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

from ministack import app  # noqa: E402: it reads the environment when imported
from ministack.core import iam_actions, iam_evaluator  # noqa: E402
from ministack.services import iam, secretsmanager  # noqa: E402

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

create_secret = secretsmanager._create_secret


def create_secret_without_version(request):
    answer = create_secret(request)
    if answer[0] == 200 and not (request.get("SecretString") or request.get("SecretBinary")):
        secretsmanager._secrets[request["Name"]]["Versions"].clear()
    return answer


secretsmanager._create_secret = create_secret_without_version

extract = iam_actions.extract_resource_arn
# The boundary that the request at hand would give to a role.
requested_boundary = contextvars.ContextVar("requested_boundary", default=None)


def extract_resource_arn(service, method, path, headers, body, parameters, region, account):
    found = extract(service, method, path, headers, body, parameters, region, account)
    if service == "iam":
        requested_boundary.set(iam._p(parameters, "PermissionsBoundary") or None)
    if service == "secretsmanager" and found != "*":
        if not secretsmanager._resolve(found)[1]:
            return f"{found}-aBcDeF"
    if service == "ses" and path == "/v2/email/outbound-emails":
        sender = json.loads(body)["FromEmailAddress"].rpartition("<")[2].rstrip(">")
        return f"arn:aws:ses:{region}:{account}:identity/{sender}"
    if service == "iam":
        key = iam._access_keys.get(iam._p(parameters, "AccessKeyId"), {})
        user = iam._users.get(iam._p(parameters, "UserName") or key.get("UserName"), {})
        return user.get("Arn", found)
    return found


iam_actions.extract_resource_arn = extract_resource_arn

resolve = iam_evaluator._resolve_condition_key


def resolve_condition_key(key, context):
    if key.lower() == "iam:permissionsboundary":
        role = iam._roles.get(context.resource_arn.rpartition(":role/")[2].rpartition("/")[2])
        return role.get("PermissionsBoundary") if role else requested_boundary.get()
    return resolve(key, context)


iam_evaluator._resolve_condition_key = resolve_condition_key


resolve_principal = iam_evaluator.resolve_principal


def with_name(value, name):
    if isinstance(value, str):
        return value.replace("${aws:username}", name)
    if isinstance(value, list):
        return [with_name(one, name) for one in value]
    if isinstance(value, dict):
        return {key: with_name(one, name) for key, one in value.items()}
    return value


def resolve_principal_by_name(*arguments):
    principal = resolve_principal(*arguments)
    name = getattr(principal, "keys", {}).get("aws:username")
    if name and principal.policies is not None:
        principal.policies = [
            [
                dataclasses.replace(
                    statement,
                    resources=with_name(statement.resources, name),
                    conditions=with_name(statement.conditions, name),
                )
                for statement in policy
            ]
            for policy in principal.policies
        ]
    return principal


iam_evaluator.resolve_principal = resolve_principal_by_name


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
