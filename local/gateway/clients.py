"""The gateway's own calls of the emulator's API."""

import functools
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any, Final

# Marks the gateway's own requests, which are no user's.
OWN: Final = "otakaro-gateway"


class Clients:
    """AWS clients of the emulator; made late, because importing boto3 takes a while."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @functools.cache  # noqa: B019 - there is one instance, for the process's life
    def __call__(self, service: str, region: str) -> Any:
        """A client of one service."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - any word opens the emulator
            config=Config(user_agent_extra=OWN, proxies={}, inject_host_prefix=False),
        )

    def signed(self, service: str, region: str, form: bytes) -> list[tuple[bytes, bytes]]:
        """The headers of a form that the gateway posts itself: a signature is of one body only."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        kind = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Host": urllib.parse.urlsplit(self.endpoint).netloc,
        }
        request = AWSRequest(method="POST", url=f"{self.endpoint}/", headers=kind, data=form)
        SigV4Auth(Credentials("test", "test"), service, region).add_auth(request)
        return [(name.lower().encode(), text.encode()) for name, text in request.headers.items()]

    def blob(self, repository: str, digest: str) -> bytes:
        """What the registry keeps under a digest; raises OSError when that is nothing."""
        url = f"{self.endpoint}/v2/{repository}/blobs/{digest}"
        with self._opener.open(url, timeout=30) as answer:
            content: bytes = answer.read()
        return content


def pages(call: Callable[..., dict[str, Any]], token: str) -> Iterable[dict[str, Any]]:
    """An answer's pages, the next one by what `token` says."""
    request: dict[str, Any] = {}
    while True:
        page = call(**request)
        yield page
        if not page.get(token):
            return
        request[token] = page[token]
