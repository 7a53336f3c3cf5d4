"""A function's resolver in its VPC: Python loads this module by its name when it starts.

Names below `.internal`, which no public resolver has, are the private ones; what the emulator
doesn't know of them is asked of the machine.
"""

import json
import os
import socket
import urllib.parse
from typing import Any

_PRIVATE = ".internal"
_SECONDS = 5  # for the emulator's answer

_machine = socket.getaddrinfo


def _resolved(host: Any, *about: Any, **more: Any) -> Any:
    private = isinstance(host, str) and host.rstrip(".").endswith(_PRIVATE)
    return _machine(_target(host.rstrip(".")) or host if private else host, *about, **more)


def _target(host: str) -> str:
    from urllib.request import ProxyHandler, build_opener  # seldom needed, and slow to load

    url = f"{os.environ['AWS_ENDPOINT_URL']}/_otakaro/names/{urllib.parse.quote(host)}"
    with build_opener(ProxyHandler({})).open(url, timeout=_SECONDS) as answer:
        target: str = json.load(answer)["target"]
    return target


socket.getaddrinfo = _resolved
