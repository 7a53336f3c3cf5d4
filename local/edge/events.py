"""What a Lambda@Edge function is given at viewer events, and what it may give back.

"Lambda@Edge event structure", "Work with requests and responses", "Restrictions on edge functions",
"Quotas on Lambda@Edge". Answers that break a restriction are CloudFront's 502.
"""

import base64
import binascii
import copy
import http.client
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from local.edge.deployment import Distribution
from local.edge.message import Headers, Request, Response

# Never shown to functions, nor taken from them; a star ends a beginning.
_DISALLOWED: Final = (
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-amz-cf-*",
    "x-amzn-auth",
    "x-amzn-cf-billing",
    "x-amzn-cf-id",
    "x-amzn-cf-xff",
    "x-amzn-errortype",
    "x-amzn-fle-profile",
    "x-amzn-header-count",
    "x-amzn-header-order",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-cache",
    "x-edge-*",
    "x-forwarded-proto",
    "x-real-ip",
)
_READ_ONLY_REQUEST: Final = ("content-length", "host", "transfer-encoding", "via")
_READ_ONLY_RESPONSE: Final = ("warning", "via")
_NO_URI: Final = re.compile(r"[\x00-\x20\x7f#]")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
LONGEST_URI: Final = 8_192  # characters, query included
LARGEST_RESPONSE: Final = 40 * 1024  # bytes, headers included
LARGEST_BODY: Final = 40 * 1024  # bytes that a function sees


class Invalid(Exception):  # noqa: N818 - what CloudFront calls a validation error
    """A function gave back what CloudFront does not take."""


def disallowed(name: str) -> bool:
    """Whether functions neither see nor may add a header."""
    name = name.lower()
    return any(
        name.startswith(rule[:-1]) if rule.endswith("*") else name == rule for rule in _DISALLOWED
    )


def request_event(
    request: Request, distribution: Distribution, request_id: str, *, include_body: bool
) -> dict[str, Any]:
    """The event of a viewer request."""
    shown: dict[str, Any] = {
        "clientIp": request.client_ip,
        "headers": _shown(request.headers),
        "method": request.method,
        "querystring": request.query,
        "uri": request.uri,
    }
    if include_body:
        body = request.body[:LARGEST_BODY]
        shown["body"] = {
            "inputTruncated": len(body) < len(request.body),
            "action": "read-only",
            "encoding": "base64",
            "data": base64.b64encode(body).decode(),
        }
    return _event("viewer-request", distribution, request_id, request=shown)


def response_event(
    request: Request, response: Response, distribution: Distribution, request_id: str
) -> dict[str, Any]:
    """The event of a viewer response; the body is not part of it."""
    given = request_event(request, distribution, request_id, include_body=False)
    return _event(
        "viewer-response",
        distribution,
        request_id,
        request=given["Records"][0]["cf"]["request"],
        response={
            "headers": _shown(response.headers),
            "status": str(response.status),
            "statusDescription": response.reason,
        },
    )


def _event(
    kind: str, distribution: Distribution, request_id: str, **parts: Mapping[str, Any]
) -> dict[str, Any]:
    config = {
        "distributionDomainName": distribution.domain,
        "distributionId": distribution.id,
        "eventType": kind,
        "requestId": request_id,
    }
    return {"Records": [{"cf": {"config": config, **copy.deepcopy(parts)}}]}


def _shown(headers: Headers) -> dict[str, list[dict[str, str]]]:
    shown: dict[str, list[dict[str, str]]] = {}
    for name, value in headers:
        if not disallowed(name):
            shown.setdefault(name.lower(), []).append({"key": name, "value": _utf8(value)})
    return shown


def _utf8(value: str) -> str:
    """UTF-8 where it is that, else the ISO-8859-1 that every byte is."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def given_back(result: object, request: Request) -> Request | Response:
    """What a viewer-request function made of `request`: a request to go on with, or an answer.

    Raises Invalid for what CloudFront refuses.
    """
    if not isinstance(result, dict):
        raise Invalid("The function's result is no object")
    if "status" in result:
        return _answer(result)
    return _changed(result, request)


def _answer(result: Mapping[str, Any]) -> Response:
    status = _status(result["status"])
    headers = _taken(result.get("headers", {}))
    for name in _READ_ONLY_REQUEST:
        if name in headers:
            raise Invalid(f"The header {name} is read-only")
    body = _body(result)
    if status == 204 and body:
        raise Invalid("A 204 answer has no body")
    size = len(body) + sum(len(name) + len(value) + 4 for name, value in headers)
    if size > LARGEST_RESPONSE:
        raise Invalid(f"The answer has {size} bytes, more than {LARGEST_RESPONSE}")
    reason = result.get("statusDescription", http.client.responses.get(status, ""))
    if not isinstance(reason, str) or _NO_VALUE.search(reason):
        raise Invalid("The status description is no text")
    return Response(
        status=status,
        reason=reason,
        headers=headers,
        body=body,
        by="function",
        x_cache="LambdaGeneratedResponse from cloudfront",
    )


def _status(value: object) -> int:
    text = str(value)
    if not text.isdecimal() or not 200 <= int(text) <= 599:
        raise Invalid(f"{text} is no status from 200 to 599")
    return int(text)


def _body(result: Mapping[str, Any]) -> bytes:
    body, encoding = result.get("body", ""), result.get("bodyEncoding", "text")
    if not isinstance(body, str) or encoding not in ("text", "base64"):
        raise Invalid("The body is no text, or in no known encoding")
    if encoding == "text":
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise Invalid("The body is no base64") from error


def _changed(result: Mapping[str, Any], request: Request) -> Request:
    for key, value in (("method", request.method), ("clientIp", request.client_ip)):
        if result.get(key, value) != value:
            raise Invalid(f"{key} is read-only")
    uri, query = result.get("uri"), result.get("querystring", "")
    if not isinstance(uri, str) or not uri.startswith("/") or _NO_URI.search(uri):
        raise Invalid("The path does not begin with a slash, or holds what no path may")
    if not isinstance(query, str) or _NO_URI.search(query):
        raise Invalid("The query string holds what none may")
    if len(uri) + len(query) + 1 >= LONGEST_URI:
        raise Invalid(f"Path and query have {LONGEST_URI} characters or more")
    headers = _taken(result.get("headers"))
    for name in _READ_ONLY_REQUEST:
        if [*map(_utf8, request.headers.all(name))] != [*map(_utf8, headers.all(name))]:
            raise Invalid(f"The header {name} is read-only")
    if "cloudfront-viewer-country" in headers and (
        "cloudfront-viewer-country" not in request.headers
    ):
        raise Invalid("The header CloudFront-Viewer-Country is not the function's to add")
    body = request.body
    replaced = result.get("body")
    if isinstance(replaced, dict) and replaced.get("action") == "replace":
        body = _body({"body": replaced.get("data"), "bodyEncoding": replaced.get("encoding")})
        if len(body) > LARGEST_BODY:
            raise Invalid(f"The body has more than {LARGEST_BODY} bytes")
    return replace(request, uri=uri, query=query, headers=headers, body=body)


def responded(result: object, response: Response) -> Response:
    """What a viewer-response function made of `response`; raises Invalid for what is refused."""
    if not isinstance(result, dict):
        raise Invalid("The function's result is no object")
    if str(result.get("status", response.status)) != str(response.status):
        raise Invalid("A viewer response's status is read-only")
    headers = _taken(result.get("headers"))
    for name in _READ_ONLY_RESPONSE:
        if response.headers.all(name) != headers.all(name):
            raise Invalid(f"The header {name} is read-only")
    hidden = [field for field in response.headers if disallowed(field[0])]
    return replace(response, headers=Headers((*headers, *hidden)))


def _taken(given: object) -> Headers:
    """Headers as functions give them: {"name": [{"key": "Name", "value": "..."}]}."""
    if not isinstance(given, dict):
        raise Invalid("The headers are no object")
    fields = []
    for name, values in given.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name) or name != name.lower():
            raise Invalid(f"{name!r} is no header's name in lower case")
        if disallowed(name):
            raise Invalid(f"The header {name} is not allowed")
        if not isinstance(values, list):
            raise Invalid(f"The header {name} has no list of values")
        for each in values:
            value = each.get("value") if isinstance(each, dict) else None
            key = each.get("key", name) if isinstance(each, dict) else None
            if not isinstance(value, str) or _NO_VALUE.search(value):
                raise Invalid(f"The header {name} has a value that none may have")
            if not isinstance(key, str) or key.lower() != name:
                raise Invalid(f"The header {name} has a key of another name")
            fields.append((key, value.encode().decode("latin-1")))
    return Headers(fields)
