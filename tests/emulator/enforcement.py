"""Corrections of ministack where it enforces policies (`AUTH=true`), to be installed before it serves.

Where it takes a call for another, it is corrected: what configures a function's events ships no code.

Where it names another resource than AWS does when it looks for a policy, it is corrected: a secret that does not exist is
authorized by an ARN with a made-up suffix; users and roles by the ARN that they have, path included, users also where only
a key of theirs is named; a new policy by the ARN that it gets; schedules by their group; mail by its sender. A secret that
is created without a value has no version yet. What it does not know is added: `iam:PermissionsBoundary`, the boundary of the
role that a request is about; `iam:ResourceTag`, the tags of the user; `ses:FromAddress`; the tags of SES identities as
`aws:RequestTag` and `aws:ResourceTag`; and the variable `${aws:username}` in the policies of users.
"""

import contextvars
import dataclasses
import json

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam, secretsmanager, ses_v2

# Of the request at hand: the boundary that it would give to a role, the tags that it would give to an identity, and the
# address that it sends from.
requested_boundary = contextvars.ContextVar("requested_boundary", default=None)
requested_sender = contextvars.ContextVar("requested_sender", default=None)
requested_tags = contextvars.ContextVar("requested_tags", default=None)

create_secret = secretsmanager._create_secret
extract = iam_actions.extract_resource_arn
extract_action = iam_actions.extract_iam_action
resolve = iam_evaluator._resolve_condition_key
resolve_principal = iam_evaluator.resolve_principal


def create_secret_without_version(request):
    answer = create_secret(request)
    if answer[0] == 200 and not (request.get("SecretString") or request.get("SecretBinary")):
        secretsmanager._secrets[request["Name"]]["Versions"].clear()
    return answer


def extract_iam_action(service, method, path, *rest):
    if service == "lambda" and path.endswith("/event-invoke-config"):
        verb = {"PUT": "Put", "POST": "Update", "GET": "Get", "DELETE": "Delete"}[method]
        return f"lambda:{verb}FunctionEventInvokeConfig"
    return extract_action(service, method, path, *rest)


def fields(body):
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def tags(listed):
    return {tag["Key"]: tag["Value"] for tag in listed or []}


def extract_resource_arn(service, method, path, headers, body, parameters, region, account):
    found = extract(service, method, path, headers, body, parameters, region, account)
    requested_tags.set(None)
    requested_sender.set(None)
    if service == "secretsmanager" and found != "*":
        if not secretsmanager._resolve(found)[1]:
            return f"{found}-aBcDeF"
    if service == "ses":
        requested_tags.set(tags(fields(body).get("Tags")))
        if path == "/v2/email/outbound-emails":
            sender = fields(body)["FromEmailAddress"].rpartition("<")[2].rstrip(">")
            requested_sender.set(sender)
            domain = sender.rpartition("@")[2]
            # An address of a domain that is verified as a whole has no identity of its own.
            name = sender if sender in ses_v2._identities or domain not in ses_v2._identities else domain
            return f"arn:aws:ses:{region}:{account}:identity/{name}"
    if service == "monitoring":
        return fields(body).get("ResourceARN", found)
    if service == "sns":
        # A subscription's ARN is its topic's, and an id.
        return iam._p(parameters, "SubscriptionArn") or found
    if service == "scheduler" and "/schedules/" in path:
        group = fields(body).get("GroupName") or iam._p(parameters, "groupName") or "default"
        return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{path.rpartition('/')[2]}"
    if service == "iam":
        requested_boundary.set(iam._p(parameters, "PermissionsBoundary") or None)
        if iam._p(parameters, "Action") == "CreatePolicy":
            place = iam._p(parameters, "Path") or "/"
            return f"arn:aws:iam::{account}:policy{place}{iam._p(parameters, 'PolicyName')}"
        if provider := iam._p(parameters, "OpenIDConnectProviderArn"):
            return provider
        role = iam._roles.get(iam._p(parameters, "RoleName"))
        if role:
            return role["Arn"]
        key = iam._access_keys.get(iam._p(parameters, "AccessKeyId"), {})
        user = iam._users.get(iam._p(parameters, "UserName") or key.get("UserName"), {})
        return user.get("Arn", found)
    return found


def resolve_condition_key(key, context):
    lower = key.lower()
    if lower == "iam:permissionsboundary":
        role = iam._roles.get(context.resource_arn.rpartition(":role/")[2].rpartition("/")[2])
        return role.get("PermissionsBoundary") if role else requested_boundary.get()
    if lower.startswith("iam:resourcetag/"):
        user = iam._users.get(context.resource_arn.rpartition("/")[2]) or {}
        return tags(user.get("Tags")).get(key.partition("/")[2])
    if lower == "ses:fromaddress":
        return requested_sender.get()
    if ":ses:" in context.resource_arn:
        name = key.partition("/")[2]
        if lower.startswith("aws:requesttag/"):
            return (requested_tags.get() or {}).get(name)
        if lower.startswith("aws:resourcetag/"):
            identity = ses_v2._identities.get(context.resource_arn.partition("identity/")[2]) or {}
            return tags(identity.get("Tags")).get(name)
    return resolve(key, context)


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


def install():
    secretsmanager._create_secret = create_secret_without_version
    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_evaluator._resolve_condition_key = resolve_condition_key
    iam_evaluator.resolve_principal = resolve_principal_by_name
