"""Asks origins: the load balancer by the emulator's data plane, so that the deployed listener rules
decide, and buckets by S3, if their policies admit the distribution."""

import fnmatch
import http.client
import json
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from local.account import Account
from local.edge.deployment import Distribution, Origin
from local.edge.message import Headers, Request, Response
from local.edge.reach import LoadBalancer

_IDEMPOTENT: Final = frozenset({"GET", "HEAD"})


class Unreachable(Exception):  # noqa: N818 - what CloudFront calls its errors
    """An origin did not answer; `status` is what CloudFront answers then."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Asker(Protocol):
    """Asks origins."""

    def ask(self, origin: Origin, request: Request, distribution: Distribution) -> Response:
        """The origin's answer; raises Unreachable when there is none."""


class Origins:
    """The origins of an emulated account."""

    def __init__(
        self, account: Account, load_balancers: Callable[[], Iterable[LoadBalancer]]
    ) -> None:
        self._account = account
        self._load_balancers = load_balancers

    def ask(self, origin: Origin, request: Request, distribution: Distribution) -> Response:
        """The origin's answer; raises Unreachable when there is none."""
        if origin.bucket:
            return Bucket(self._account, origin).ask(request, distribution)
        return self._balanced(origin, self._found(origin, _port(origin, request)), request)

    def _found(self, origin: Origin, port: int) -> str:
        """The name of the origin's load balancer, when CloudFront can connect to it."""
        for each in self._load_balancers():
            if origin.balancer and each.arn == origin.balancer:
                if each.reached_by_vpc_origin(port):
                    return each.name
                raise Unreachable(504, f"its security groups don't admit CloudFront on {port}")
            if not origin.balancer and each.domain == origin.domain:
                if each.reached_by_public_origin(port):
                    return each.name
                raise Unreachable(504, f"{origin.domain} can't be reached from the Internet")
        # As for a name that DNS doesn't know ("HTTP 502 status code (DNS error)").
        raise Unreachable(502, f"{origin.domain} is no load balancer of the emulated account")

    def _balanced(self, origin: Origin, name: str, request: Request) -> Response:
        """Through the load balancer's listener; GET and HEAD are tried again, as CloudFront does
        ("Origin response timeout")."""
        attempts = origin.attempts if request.method in _IDEMPOTENT else 1
        for left in reversed(range(attempts)):
            try:
                return self._once(origin, name, request)
            except TimeoutError as error:
                if not left:
                    raise Unreachable(504, "the origin did not answer in time") from error
            except (OSError, http.client.HTTPException) as error:
                if not left:
                    raise Unreachable(502, f"the origin could not be asked: {error}") from error
        raise AssertionError(attempts)

    def _once(self, origin: Origin, name: str, request: Request) -> Response:
        port = _port(origin, request)
        host = request.headers.get("host").split(":")[0]
        target = request.target if host == origin.domain else f"/_alb/{name}{request.target}"
        endpoint = urllib.parse.urlsplit(self._account.endpoint)
        connection = http.client.HTTPConnection(
            endpoint.hostname or "", endpoint.port, timeout=origin.connect_timeout
        )
        try:
            connection.connect()
            connection.sock.settimeout(origin.read_timeout)
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            # The emulator finds the listener by the port, and hands the host on without it.
            connection.putheader("Host", f"{host}:{port}")
            for field, value in request.headers.without("host"):
                connection.putheader(field, value.encode("latin-1", "replace"))
            if request.body or request.method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            body = answer.read()
            return Response(
                status=answer.status,
                reason=answer.reason,
                headers=Headers(answer.getheaders()),
                body=body,
                by="origin",
            )
        finally:
            connection.close()


def _port(origin: Origin, request: Request) -> int:
    secure = origin.protocol == "https-only" or (
        origin.protocol == "match-viewer" and request.secure
    )
    return origin.https_port if secure else origin.http_port


class Bucket:
    """A bucket as CloudFront reads it: signed as the distribution with origin access control, else
    as anybody ("Restrict access to an Amazon S3 origin")."""

    def __init__(self, account: Account, origin: Origin) -> None:
        self._client = account.client("s3")
        self._origin = origin

    def ask(self, request: Request, distribution: Distribution) -> Response:
        """The object; S3's own errors otherwise."""
        if request.method not in ("GET", "HEAD"):
            return _s3_error(405, "MethodNotAllowed")
        bucket, key = self._origin.bucket, urllib.parse.unquote(request.uri.removeprefix("/"))
        try:
            policy = json.loads(self._client.get_bucket_policy(Bucket=bucket)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucket":
                return _s3_error(404, "NoSuchBucket")
            policy = {}
        context = {"aws:sourcearn": distribution.arn, "aws:securetransport": "true"}
        context["aws:sourceaccount"] = distribution.arn.split(":")[4]
        service = "cloudfront.amazonaws.com" if self._origin.access_control else ""
        arn = f"arn:aws:s3:::{bucket}"
        if not admits(policy, service, "s3:GetObject", f"{arn}/{key}", context):
            return _s3_error(403, "AccessDenied")
        try:
            got = self._client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            # Who may not list a bucket isn't told what is missing from it (S3, "GetObject").
            if admits(policy, service, "s3:ListBucket", arn, context):
                return _s3_error(404, error.response["Error"]["Code"])
            return _s3_error(403, "AccessDenied")
        body: bytes = got["Body"].read()
        fields = {
            "Content-Type": got.get("ContentType", "binary/octet-stream"),
            "Content-Length": str(len(body)),
            "ETag": got["ETag"],
            "Last-Modified": f"{got['LastModified']:%a, %d %b %Y %H:%M:%S} GMT",
            "Cache-Control": got.get("CacheControl", ""),
            "Content-Encoding": got.get("ContentEncoding", ""),
            "Server": "AmazonS3",
        }
        return Response(
            status=200,
            reason="OK",
            headers=Headers((name, value) for name, value in fields.items() if value),
            body=b"" if request.method == "HEAD" else body,
            by="origin",
        )


def admits(
    policy: Mapping[str, Any],
    service: str,
    action: str,
    resource: str,
    context: Mapping[str, str],
) -> bool:
    """Whether a bucket's policy lets an AWS service, or anybody, do `action`.

    Args:
        policy: the bucket's, empty for none.
        service: who asks, empty for somebody anonymous.
        action: such as s3:GetObject.
        resource: the ARN of bucket or object.
        context: condition keys in lower case, and their values.
    """
    effects = set()
    for statement in _listed(policy.get("Statement")):
        denies = statement["Effect"] == "Deny"
        if (
            _is(service, statement.get("Principal"))
            and _like(action.lower(), [each.lower() for each in _listed(statement.get("Action"))])
            and _like(resource, _listed(statement.get("Resource")))
            and _holds(statement.get("Condition") or {}, context, unknown=denies)
        ):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


def _is(service: str, principal: object) -> bool:
    if isinstance(principal, dict):
        named = _listed(principal.get("Service"))
        return (service != "" and service in named) or "*" in _listed(principal.get("AWS"))
    return principal == "*"


def _holds(
    condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str], *, unknown: bool
) -> bool:
    """Whether all conditions hold; of one that isn't known, `unknown` is taken for the answer."""
    known = {"StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool"}
    answers = [
        _like(context[key.lower()], [str(each) for each in _listed(wanted)])
        if operator in known and key.lower() in context
        else unknown
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    ]
    return all(answers)


def _like(value: str, patterns: list[Any]) -> bool:
    return any(fnmatch.fnmatchcase(value, str(pattern)) for pattern in patterns)


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _s3_error(status: int, code: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'.encode()
    return Response(
        status=status,
        reason=http.client.responses[status],
        headers=Headers(
            [
                ("Content-Type", "application/xml"),
                ("Content-Length", str(len(body))),
                ("Server", "AmazonS3"),
            ]
        ),
        body=body,
        by="origin",
    )
