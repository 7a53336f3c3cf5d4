"""What an attacker sends to the public hosts, and what comes back: `docs/attacks.md`."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from local.edge import RunningEdge
from tests.visitors.conftest import Visitor

Headers = Sequence[tuple[str, str]]
MAP, API, GEOSERVER = "map", "api", "geoserver"
NAMES: Final = {
    MAP: "map.otakaro.test",
    API: "api.otakaro.test",
    GEOSERVER: "gs.otakaro.test",
    "another": "another.example",
}
ORIGIN: Final = f"https://{NAMES[MAP]}"
FROM_MAP: Final[Headers] = [("Origin", ORIGIN), ("Referer", f"{ORIGIN}/")]
RIGHT, WRONG = "{right}", "Basic d3Jvbmc6d3Jvbmc="
CAPABILITIES: Final = "/geoserver/ows?service=WMS&version=1.3.0&request=GetCapabilities"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One request: `{right}` in a header stands for the right credentials."""

    family: str
    what: str
    host: str
    target: str = "/"
    method: str = "GET"
    headers: Headers = ()
    name: str = ""  # in the Host header, where it isn't the host's own; {} stands for that
    answer: int
    meaning: str
    reaches: bool = False  # the application


def _administration() -> Iterator[Attack]:
    spellings = [
        "/geoserver/web/",
        "/geoserver/web",
        "/GeoServer/WEB/",
        "/geoserver//web/",
        "/geoserver/./web/",
        "/geoserver/wms/../web/",
        "/geoserver/wms/..;/web/",
        "/geoserver/..;/geoserver/web/",
        "/geoserver/%77eb/",
        "/geoserver/%2577eb/",
        "/geoserver%2Fweb/",
        "/geoserver/web;jsessionid=1/",
        "/geoserver/;a=b/rest/workspaces.json",
        "/geoserver/%2e%2e/geoserver/rest/workspaces.json",
        "/geoserver\\web\\",
        "/geoserver/web%00/",
        "/geoserver/web%20/",
        "/geoserver/gwc/rest/layers",
        "/geoserver/j_spring_security_check",
        "/geoserver/login",
        "/geoserver/LOGIN/",
        "/geoserver/ows/..;/login",
        "/geoserver/%6cogout",
        "/geoserver//logout;jsessionid=1",
    ]
    for target in spellings:
        yield Attack(
            family="GeoServer's administration",
            what=f"`{target}`",
            host=GEOSERVER,
            target=target,
            headers=[("Authorization", RIGHT), *FROM_MAP],
            answer=403,
            meaning="closed, with the password too",
        )


ATTACKS: Final[list[Attack]] = [
    Attack(
        family="Credentials",
        what="none",
        host=MAP,
        answer=401,
        meaning="the browser asks",
    ),
    Attack(
        family="Credentials",
        what="wrong ones",
        host=MAP,
        headers=[("Authorization", WRONG)],
        answer=401,
        meaning="the browser asks again",
    ),
    Attack(
        family="Credentials",
        what="`Authorization` twice, the right one first",
        host=MAP,
        headers=[("Authorization", RIGHT), ("Authorization", WRONG)],
        answer=401,
        meaning="two are none",
    ),
    Attack(
        family="Credentials",
        what="`Authorization` twice, the right one last",
        host=MAP,
        headers=[("Authorization", WRONG), ("Authorization", RIGHT)],
        answer=401,
        meaning="two are none",
    ),
    Attack(
        family="Credentials",
        what="two in one header, with a comma",
        host=MAP,
        headers=[("Authorization", f"{WRONG}, {RIGHT}")],
        answer=401,
        meaning="no credentials by RFC 9110",
    ),
    Attack(
        family="Credentials",
        what="another scheme",
        host=MAP,
        headers=[("Authorization", "Bearer d3Jvbmc6d3Jvbmc=")],
        answer=401,
        meaning="Basic alone is taken",
    ),
    Attack(
        family="Credentials",
        what="`bAsIc`, with the right ones",
        host=MAP,
        headers=[("Authorization", "{scheme}")],
        answer=200,
        meaning="the scheme has no case (RFC 9110)",
        reaches=True,
    ),
    Attack(
        family="Credentials",
        what="not base64",
        host=MAP,
        headers=[("Authorization", "Basic \xff\xfe!!")],
        answer=401,
        meaning="the browser asks again",
    ),
    Attack(
        family="Credentials",
        what="by `Proxy-Authorization`",
        host=MAP,
        headers=[("Proxy-Authorization", RIGHT)],
        answer=401,
        meaning="not for us",
    ),
    Attack(
        family="Credentials",
        what="in the address's user part or query",
        host=MAP,
        target="/?authorization=Basic%20d3Jvbmc6d3Jvbmc=&user=admin",
        answer=401,
        meaning="not looked at",
    ),
    Attack(
        family="Coming from the map",
        what="a forged `Origin`",
        host=API,
        headers=[("Origin", ORIGIN)],
        answer=200,
        meaning="let through: `from-map` is a barrier to entry, no lock",
        reaches=True,
    ),
    Attack(
        family="Coming from the map",
        what="a forged `Referer`",
        host=GEOSERVER,
        target=CAPABILITIES,
        headers=[("Referer", f"{ORIGIN}/any/page")],
        answer=200,
        meaning="let through, likewise",
        reaches=True,
    ),
    Attack(
        family="Coming from the map",
        what="a forged `Origin`, to the map itself",
        host=MAP,
        headers=FROM_MAP,
        answer=401,
        meaning="the map asks for the password",
    ),
    Attack(
        family="Coming from the map",
        what="`Origin` that begins like the map's",
        host=API,
        headers=[("Origin", f"{ORIGIN}.another.example")],
        answer=401,
        meaning="another host",
    ),
    Attack(
        family="Coming from the map",
        what="`Referer` that begins like the map's",
        host=API,
        headers=[("Referer", f"{ORIGIN}.another.example/")],
        answer=401,
        meaning="another host",
    ),
    Attack(
        family="Coming from the map",
        what="`Referer` with the map as user part",
        host=API,
        headers=[("Referer", f"{ORIGIN}@another.example/")],
        answer=401,
        meaning="another host",
    ),
    Attack(
        family="Coming from the map",
        what="`Origin: null`",
        host=API,
        headers=[("Origin", "null")],
        answer=401,
        meaning="a sandboxed frame or a file",
    ),
    Attack(
        family="Coming from the map",
        what="the map's origin over plain HTTP",
        host=API,
        headers=[("Origin", ORIGIN.replace("https", "http"))],
        answer=401,
        meaning="another origin",
    ),
    Attack(
        family="Methods",
        what="`OPTIONS` without a preflight's headers",
        host=API,
        method="OPTIONS",
        answer=401,
        meaning="only a preflight needs no credentials",
    ),
    Attack(
        family="Methods",
        what="a preflight from anywhere",
        host=API,
        method="OPTIONS",
        headers=[
            ("Origin", "https://another.example"),
            ("Access-Control-Request-Method", "POST"),
        ],
        answer=200,
        meaning="the service's answer, which has no data",
        reaches=True,
    ),
    Attack(
        family="Methods",
        what="`TRACE`",
        host=MAP,
        method="TRACE",
        headers=[("Authorization", RIGHT)],
        answer=403,
        meaning="CloudFront takes the methods of the behaviour",
    ),
    Attack(
        family="Methods",
        what="`POST` of a transaction to GeoServer with a forged `Origin`",
        host=GEOSERVER,
        target="/geoserver/wfs",
        method="POST",
        headers=[*FROM_MAP, ("Content-Type", "text/xml"), ("Content-Length", "0")],
        answer=401,
        meaning="writing takes a password",
    ),
    Attack(
        family="Hosts",
        what="another site's name in `Host`",
        host=MAP,
        name="another",
        headers=[("Authorization", RIGHT)],
        answer=403,
        meaning="CloudFront knows no such host of ours",
    ),
    *[
        Attack(
            family="Hosts",
            what=what,
            host=host,
            name=name,
            headers=[("Authorization", RIGHT), *FROM_MAP],
            answer=403,
            meaning="not exactly a host of ours",
        )
        for host in (MAP, API, GEOSERVER)
        for what, name in {
            "a port in `Host`": "{}:443",
            "another port in `Host`": "{}:8080",
            "a dot at the end of `Host`": "{}.",
            "capital letters in `Host`": "{upper}",
            "a name below ours in `Host`": "x.{}",
            "a user before `Host`": "user@{}",
        }.items()
    ],
    *[
        Attack(
            family="Hosts",
            what="two `Host`, both ours",
            host=host,
            name="{0}\r\nHost: {0}",
            headers=[("Authorization", RIGHT), *FROM_MAP],
            answer=400,
            meaning="not one host",
        )
        for host in (MAP, API, GEOSERVER)
    ],
    *[
        Attack(
            family="TerriaMap's proxy",
            what=f"`{target}`",
            host=MAP,
            target=target,
            headers=[("Authorization", RIGHT)],
            answer=403,
            meaning="another spelling would evade its rule not to cache",
        )
        for target in (
            "/Proxy/https://data.example/",
            "/api/v1/PROXY/https://data.example/",
            "/proxy/https://data.example/../../../build/x.js",
            "/proxy/%2e%2e/build/x.js",
        )
    ],
    *[
        Attack(
            family="What needs no password",
            what=f"`{target}`",
            host=MAP,
            target=target,
            answer=401,
            meaning="no public file",
        )
        for target in ("/favicons/../config.json", "/favicons/%2e%2e/config.json", "/favicons/")
    ],
    Attack(
        family="Headers for the origin",
        what="`X-Otakaro-Origin`, which opened the load balancer once, replayed",
        host=API,
        headers=[("X-Otakaro-Origin", "secret")],
        answer=401,
        meaning="no header replaces the password",
    ),
    Attack(
        family="Headers for the origin",
        what="headers that CloudFront writes itself, replayed (`Via`, `X-Amz-Cf-Id`)",
        host=API,
        headers=[("Via", "2.0 1.cloudfront.net (CloudFront)"), ("X-Amz-Cf-Id", "replayed")],
        answer=403,
        meaning="CloudFront refuses what came through it before",
    ),
    Attack(
        family="Headers for the origin",
        what="`X-Forwarded-Host` to poison what is kept",
        host=GEOSERVER,
        target=CAPABILITIES,
        headers=[("X-Forwarded-Host", "another.example"), *FROM_MAP],
        answer=200,
        meaning="GeoServer never gets it",
        reaches=True,
    ),
    *_administration(),
    Attack(
        family="Sizes",
        what="a header of 40 KB",
        host=MAP,
        headers=[("X-Large", "x" * 40_000), ("Authorization", RIGHT)],
        answer=413,
        meaning="more than CloudFront takes in headers",
    ),
    Attack(
        family="Sizes",
        what="an address of 9 KB",
        host=MAP,
        target="/?" + "x" * 9_000,
        headers=[("Authorization", RIGHT)],
        answer=413,
        meaning="more than CloudFront takes in an address",
    ),
]
# Requests that no HTTP library writes: as they are, after "HOST".
RAW: Final = {
    "a space before a header's colon": (
        b"GET / HTTP/1.1\r\nHost: HOST\r\nAuthorization : Basic eDp4\r\n\r\n"
    ),
    "a header folded over two lines": (
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX-Folded: one\r\n Authorization: Basic eDp4\r\n\r\n"
    ),
    "`Content-Length` and `Transfer-Encoding`": (
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /geoserver/web/ HTTP/1.1\r\nHost: HOST\r\n\r\n"
    ),
    "two different `Content-Length`": (
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nGET "
    ),
    "a bare line feed and a null in a header": (
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX-Null: a\x00b\r\n\r\n"
    ),
    "no `Host`": b"GET / HTTP/1.1\r\n\r\n",
}


def send(attack: Attack, served: RunningEdge, visitor: Visitor) -> int:
    """The status that the attack is answered with."""
    mixed = visitor.authorization.replace("Basic", "bAsIc")
    headers = [
        (name, value.replace("{right}", visitor.authorization).replace("{scheme}", mixed))
        for name, value in attack.headers
    ]
    own = NAMES[attack.host]
    name = NAMES.get(attack.name) or attack.name.format(own, upper=own.upper()) or own
    if attack.name:
        request = f"{attack.method} {attack.target} HTTP/1.1\r\nHost: {name}\r\n"
        request += "".join(f"{field}: {value}\r\n" for field, value in headers)
        return raw(f"{request}\r\n".encode(), served, NAMES[attack.host])
    return served.client.ask(name, attack.target, attack.method, headers=headers).status


def raw(request: bytes, served: RunningEdge, host: str) -> int:
    """The status of the answer to these bytes, sent to `host`; 0 if the connection just ends."""
    context = ssl.create_default_context(cafile=str(served.ca_file))
    with (
        socket.create_connection(("127.0.0.1", served.https_port), 30) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(request.replace(b"HOST", host.encode()))
        line = connection.makefile("rb").readline().split()
    return int(line[1]) if len(line) > 1 else 0


def document() -> str:
    """`docs/attacks.md`."""
    lines = [
        "# What an attacker is answered",
        "",
        "Each line is sent to the deployed stack, through function, distribution and listener",
        "rules on the emulator, by `tests/visitors/test_attacks.py`. *With* says what else was",
        "right about the request: whether it had the password, or seemed to come from the map.",
        "",
    ]
    for family in dict.fromkeys(attack.family for attack in ATTACKS):
        lines += [
            f"## {family}",
            "",
            "| what | host | with | answer |",
            "| --- | --- | --- | --- |",
        ]
        for attack in ATTACKS:
            if attack.family == family:
                given = [
                    word
                    for word, there in {
                        "the password": any(RIGHT in value for _, value in attack.headers),
                        "the map's origin": any(value == ORIGIN for _, value in attack.headers),
                    }.items()
                    if there
                ]
                lines.append(
                    f"| {attack.what} | {attack.host} | {' and '.join(given)} |"
                    f" {attack.answer}: {attack.meaning} |"
                )
        lines.append("")
    lines += [
        "## TerriaMap's proxy as a relay",
        "",
        "Asked of the real `terriajs-server`, with the password. Its list of allowed hosts",
        "(`allowProxyFor`) has `data.example` and `localhost`; addresses that are not public are",
        "refused by its own list (`blacklistedAddresses`), after names are resolved, too.",
        "",
        "| to | answer |",
        "| --- | --- |",
        *[f"| {what}: `{url}` | {answer}: {meaning} |" for what, url, answer, meaning in RELAYS],
        *[
            f"| an allowed site that redirects to `{url}` | 302: not followed |"
            for url in REDIRECTS
        ],
        "",
        "**`allowProxyFor` is required.** Without it, terriajs-server 4.0.4 connects to an IP",
        "address that is written with a port (`http://169.254.170.2:80/`), even one that",
        "`blacklistedAddresses` lists.",
        "",
        "Further protection, not tested here: TerriaMap's security group allows outbound",
        "connections to port 443 only, and within the stack only interface endpoints",
        "(`interfaceEndpoints`) accept connections from it. Its task role has no permissions",
        "except those of `ecsExec`, and only the task itself knows the path of its credentials.",
        "",
        "## Smuggling",
        "",
        "Answered with 400, 401 or 403, or the connection ends; nothing reaches a service. (On the",
        "emulator another listener than CloudFront's own reads these.)",
        "",
        *[f"- {what}" for what in RAW],
        "",
        "## Round CloudFront",
        "",
        "| what | answer |",
        "| --- | --- |",
        *[f"| {what} | {answer} |" for what, answer in ROUND.values()],
        "",
        "Connections are decided by the load balancer's scheme and security groups as they are",
        "deployed, by AWS's documents; the emulator itself filters none.",
        "",
    ]
    return "\n".join(lines)


_UNLISTED: Final = "not an allowed host"
# Through /proxy/ of the real terriajs-server: what, where to, the answer and why.
RELAYS: Final = [
    ("the instance's metadata", "http://169.254.169.254/latest/meta-data/", 403, _UNLISTED),
    ("the task's credentials", "http://169.254.170.2/v2/credentials/", 403, _UNLISTED),
    ("the same, with a port", "http://169.254.170.2:80/v2/metadata", 403, _UNLISTED),
    ("the same, as one number", "http://2852039166/latest/meta-data/", 403, _UNLISTED),
    ("the same, as IPv6", "http://[::ffff:169.254.169.254]/latest/", 403, _UNLISTED),
    (
        "the same, with the allowed name as user",
        "http://data.example@169.254.169.254/",
        403,
        _UNLISTED,
    ),
    ("a private address", "http://10.0.0.2/", 403, _UNLISTED),
    ("the server itself", "http://127.0.0.1:3001/ping", 403, _UNLISTED),
    ("a name of a private address, allowed", "http://localhost/", 403, "not an allowed address"),
    ("GeoServer's private name", "http://geoserver.otakaro-dt.internal:8080/", 403, _UNLISTED),
    ("the database's private name", "http://database.otakaro-dt.internal:5432/", 403, _UNLISTED),
    ("Redis's private name", "http://redis.otakaro-dt.internal:6379/", 403, _UNLISTED),
    ("the load balancer", "https://internal-otakaro-dt-alb-1.elb.amazonaws.com/", 403, _UNLISTED),
    ("the stack's own API", "https://api.otakaro.test/", 403, _UNLISTED),
    ("another scheme", "file:///proc/self/environ", 403, _UNLISTED),
]
# Where an allowed site redirects to.
REDIRECTS: Final = (
    "http://169.254.170.2/v2/credentials/",
    "http://169.254.170.2:80/v2/metadata",
    "http://10.0.0.2/",
    "http://geoserver.otakaro-dt.internal:8080/",
)

# To the load balancer itself, without the distributions.
ROUND: Final = {
    "internet": (
        "the load balancer's name, from the Internet",
        "no connection: it has private addresses alone",
    ),
    "task": (
        "the load balancer's address, from a task, function or database in the VPC",
        "no connection: its security group admits CloudFront alone",
    ),
    "plain": (
        "port 80, from CloudFront",
        "no connection: the security group admits port 443 alone",
    ),
    "name": (
        "another account's distribution, with the load balancer's name as its origin",
        "504: CloudFront finds private addresses",
    ),
    "origin": (
        "another account's distribution, with this account's VPC origin",
        "`EntityNotFound` at its creation: VPC origins are used in their own account",
    ),
    "host": (
        "a distribution of this account with the VPC origin, for another host",
        "404: no listener rule forwards it",
    ),
}

if __name__ == "__main__":
    print(document(), end="")
