"""AWS's Query protocol, which RDS and ElastiCache speak: forms, and errors as XML."""

import re
import urllib.parse
from xml.sax.saxutils import escape

from .asgi import App, Message, gathered
from .clients import Clients


def rejection(code: str, message: str) -> tuple[Message, bytes]:
    """The start and the body of an answer with status 400."""
    content = (
        "<ErrorResponse><Error><Type>Sender</Type>"
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        "<RequestId>gateway</RequestId></ErrorResponse>"
    )
    start: Message = {
        "type": "http.response.start",
        "status": 400,
        "headers": [(b"content-type", b"text/xml")],
    }
    return start, content.encode()


async def described(
    app: App,
    clients: Clients,
    scope: Message,
    service: str,
    region: str,
    form: dict[str, str],
    *,
    element: str,
    action: str,
) -> tuple[Message, bytes]:
    """The answer to `action` that shows, as `element`, what a describing `form` finds now."""
    body = urllib.parse.urlencode(form).encode()
    scope = {**scope, "headers": clients.signed(service, region, body)}
    start, content = await gathered(app, scope, body)
    found = re.search(rf"<{element}>.*</{element}>".encode(), content, re.DOTALL)
    shown = found[0] if found else b""
    inner = f"<{action}Result>".encode() + shown + f"</{action}Result>".encode()
    return start, f"<{action}Response>".encode() + inner + f"</{action}Response>".encode()
