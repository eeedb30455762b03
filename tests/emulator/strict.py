"""Makes moto behave as AWS documents where it is laxer, and lets it page and keep another time."""

import hashlib
import hmac
import re
import threading
import time as real_time
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote

import lookups
from moto.core.responses import ActionResult
from moto.iam import models as iam_models
from moto.iam.responses import IamResponse
from moto.secretsmanager import models as secret_models
from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    ResourceExistsException,
)
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.ses import models as mail_models

# The state of the account whose request this thread is serving.
serving = threading.local()


class Refused(Exception):
    """A request that AWS would not let in."""

    def __init__(self, query_code, json_code, message):
        super().__init__(message)
        self.query_code, self.json_code, self.message = query_code, json_code, message


def install():
    _keep_time()
    _page(IamResponse, "get_account_authorization_details", "UserDetailList")
    _page(IamResponse, "list_users", "Users")
    _page(IamResponse, "list_access_keys", "AccessKeyMetadata")
    _page(IamResponse, "list_user_tags", "Tags")
    _page(IamResponse, "list_groups_for_user", "Groups")
    _page_secrets()
    _guard_secrets()


def now():
    """The account's time, naive UTC as moto has it. STS keeps the real one: the SDK judges expiry by its own clock."""
    account = getattr(serving, "account", None)
    if account is not None and account.time is not None:
        return account.time
    return datetime.now(UTC).replace(tzinfo=None)


def _keep_time():
    for module in (iam_models, secret_models, mail_models):
        module.utcnow = now
    secret_models.time = SimpleNamespace(
        time=lambda: now().replace(tzinfo=UTC).timestamp(), sleep=real_time.sleep
    )


def _page(responses, method, member):
    """moto answers these in one page, whatever `MaxItems` says; AWS may also end a page early."""
    whole = getattr(responses, method)
    action = "".join(part.capitalize() for part in method.split("_"))

    def paged(self):
        result = dict(whole(self).result)
        items = list(result[member])
        start = int((self._get_param("Marker") or "after-0").removeprefix("after-"))
        size = min(int(self._get_param("MaxItems") or 100), serving.account.pages.get(action, 1000))
        end = start + size
        result[member] = items[start:end]
        result["IsTruncated"] = end < len(items)
        if end < len(items):
            result["Marker"] = f"after-{end}"
        return ActionResult(result)

    setattr(responses, method, paged)


def _page_secrets():
    whole = secret_models.SecretsManagerBackend._get_secret_values_page_and_next_token

    def paged(self, secret_list, max_results, next_token):
        size = min(int(max_results or 100), serving.account.pages.get("ListSecrets", 100))
        return whole(self, secret_list, size, next_token)

    secret_models.SecretsManagerBackend._get_secret_values_page_and_next_token = paged


def _guard_secrets():
    backend = secret_models.SecretsManagerBackend
    labelled = secret_models.FakeSecret._form_version_ids_to_stages
    # A version without a label is deprecated: AWS lists it no longer.
    secret_models.FakeSecret._form_version_ids_to_stages = lambda self: {
        version: labels for version, labels in labelled(self).items() if labels
    }

    def refuse_deleted(method):
        inner = getattr(backend, method)

        def guarded(self, *args, **kwargs):
            named = kwargs["secret_id"] if "secret_id" in kwargs else args[0]
            secret = self.secrets.get(named)
            if secret is not None and secret.is_deleted():
                raise InvalidRequestException(
                    "You can't perform this operation on the secret because it was marked for deletion."
                )
            return inner(self, *args, **kwargs)

        setattr(backend, method, guarded)

    put = backend.put_secret_value

    def put_once(self, secret_id, secret_string, secret_binary, client_request_token, version_stages):
        secret = self.secrets.get(secret_id)
        version = secret and secret.versions.get(client_request_token)
        if version:
            if version.get("secret_string") == secret_string:
                return secret.to_short_dict(include_version_stages=True, version_id=client_request_token)
            raise ResourceExistsException(
                f"You can't use ClientRequestToken {client_request_token} because that value is already in use for "
                f"a version of secret {secret.arn}."
            )
        return put(self, secret_id, secret_string, secret_binary, client_request_token, version_stages)

    move = backend.update_secret_version_stage

    def move_checked(self, secret_id, version_stage, remove_from_version_id, move_to_version_id):
        secret = self.secrets.get(secret_id)
        if secret is not None:
            holder = next((v for v, held in secret.versions.items() if version_stage in held["version_stages"]), None)
            if move_to_version_id and move_to_version_id not in secret.versions:
                raise InvalidParameterException(f"Not a valid version: {move_to_version_id}")
            if holder and not remove_from_version_id and holder != move_to_version_id:
                raise InvalidParameterException(
                    f"The parameter RemoveFromVersionId can't be empty. Staging label {version_stage} is currently "
                    f"attached to version {holder}, so you must explicitly reference that version."
                )
            if version_stage == "AWSCURRENT" and not move_to_version_id:
                raise InvalidParameterException("You can only move staging label AWSCURRENT to a different version.")
        return move(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)

    create = backend.create_secret

    def create_checked(self, **kwargs):
        name = kwargs["name"]
        if not re.fullmatch(r"[A-Za-z0-9/_+=.@!-]{1,512}", name):
            raise InvalidParameterException(
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
            )
        secret = self.secrets.get(name)
        if secret is not None and secret.is_deleted():
            raise InvalidRequestException(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        return create(self, **kwargs)

    backend.put_secret_value = put_once
    backend.update_secret_version_stage = move_checked
    backend.create_secret = create_checked
    for method in (
        "put_secret_value",
        "update_secret_version_stage",
        "replicate_secret_to_regions",
        "tag_resource",
        "untag_resource",
    ):
        refuse_deleted(method)


def state(account_id, user, secret, region):
    """A user's keys and secret as they are, with the secret parts of the keys."""
    keys = iam_models.iam_backends[account_id]["aws"].get_user(user).access_keys
    stored = secret_models.secretsmanager_backends[account_id][region].secrets.get(secret)
    versions = stored.versions if stored else {}
    return {
        "keys": [
            {
                "id": key.access_key_id,
                "active": key.status == "Active",
                "created": key.create_date.replace(tzinfo=UTC).isoformat(),
                "secret": key.secret_access_key,
            }
            for key in keys
        ],
        "labels": {label: version for version, held in versions.items() for label in held["version_stages"]},
        "values": {version: held.get("secret_string") for version, held in versions.items()},
        "tags": {tag["Key"]: tag["Value"] for tag in (stored.tags if stored else None) or []},
        "kms_key": stored.kms_key_id if stored else None,
        "replicas": [replica.config["Region"] for replica in stored.replicas] if stored else [],
    }


def authenticate(environ, body, key_id):
    """moto lets in deactivated and unknown keys and any signature; AWS does not. Ids that AWS would never make are
    the tests' own and pass."""
    if not key_id.startswith(("AKIA", "ASIA")):
        return
    key = lookups.access_key(key_id)
    if key is None or key.status != "Active":
        raise Refused(
            "InvalidClientTokenId", "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    if not hmac.compare_digest(_signature(environ, body, key.secret_access_key), environ["keyrota.signature"]):
        raise Refused(
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )


def _signature(environ, body, secret):
    """Signature Version 4 of the request as it came in."""
    _, date, region, service, terminator = environ["keyrota.credential"].split("/")
    signed = environ["keyrota.signed-headers"]

    def header(name):
        key = name.upper().replace("-", "_")
        return " ".join(environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"].split())

    query = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(environ["QUERY_STRING"], True))
    canonical = "\n".join(
        [
            environ["REQUEST_METHOD"],
            quote(environ["PATH_INFO"], safe="/-_.~"),
            "&".join(f"{k}={v}" for k, v in query),
            *(f"{name}:{header(name)}" for name in signed.split(";")),
            "",
            signed,
            environ.get("HTTP_X_AMZ_CONTENT_SHA256") or hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{date}/{region}/{service}/{terminator}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{environ['HTTP_X_AMZ_DATE']}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, terminator):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
