"""Errors of AWS's Query protocol, which RDS and ElastiCache speak."""

from xml.sax.saxutils import escape

from .asgi import Message


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
