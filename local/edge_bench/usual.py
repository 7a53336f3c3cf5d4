"""The usual Basic Auth function in Python, as guides and answers show it; for comparison only."""

import base64
from typing import Any

USER, PASSWORD = "visitor", "a password of the usual length"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    request: dict[str, Any] = event["Records"][0]["cf"]["request"]
    headers = request["headers"]
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if "authorization" not in headers or headers["authorization"][0]["value"] != expected:
        return {
            "status": "401",
            "statusDescription": "Unauthorized",
            "body": "Unauthorized",
            "headers": {"www-authenticate": [{"key": "WWW-Authenticate", "value": "Basic"}]},
        }
    return request
