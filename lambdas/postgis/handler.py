"""Creates the database's extensions, once after the database exists.

Environment: HOST, PORT, DATABASE, USERNAME; PASSWORD_PARAMETER, the name of the SecureString that
holds the password; EXTENSIONS, names with commas between, of which only those in ALLOWED are
created. Running it again changes nothing.

The connection is encrypted, and both ends prove in SCRAM-SHA-256-PLUS that they know the password
and that they speak over the same TLS session: nobody between can read, alter or pose as the server
without knowing the password, so the certificate's chain needs no check. A server that asks to log
in any other way (in plain text, say) is refused before it is told anything.

Permissions: ssm:GetParameter on that parameter, kms:Decrypt on its key unless that is aws/ssm.
"""

import os
import ssl
import time
from collections.abc import Collection
from typing import Final, Protocol

import boto3
from botocore.config import Config
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection, identifier

ALLOWED: Final = frozenset(
    {"postgis", "postgis_raster", "postgis_sfcgal", "postgis_topology", "fuzzystrmatch"}
)
MECHANISM: Final = b"SCRAM-SHA-256-PLUS"
# States of a server that will soon be ready (PostgreSQL, appendix A): starting up, no free slot.
SOON: Final = frozenset({"57P03", "53300"})
TIMEOUT: Final = 30  # s for one answer of the server
PAUSE: Final = 3  # s between attempts


class Context(Protocol):
    """What Lambda tells a function of its run."""

    def get_remaining_time_in_millis(self) -> int: ...


class BoundConnection(Connection):  # type: ignore[misc] # pg8000 has no types
    """A connection whose log-in is SCRAM with channel binding, or none at all."""

    _proven = False

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: object) -> None:  # noqa: N802
        """Go along with the log-in's next step (PostgreSQL, "Message Formats")."""
        step = int.from_bytes(data[:4], "big")
        if step == 10 and MECHANISM not in data[4:].split(b"\0"):
            raise InterfaceError("the server doesn't offer SCRAM with channel binding")
        if step not in {0, 10, 11, 12} or (step == 0 and not self._proven):
            raise InterfaceError(f"the server asks to log in another way than by SCRAM ({step})")
        super().handle_AUTHENTICATION_REQUEST(data, context)
        if step == 10 and self.auth.mechanism_name.encode() != MECHANISM:
            raise InterfaceError("SCRAM was begun without channel binding")
        if step == 12:  # the server's signature was right
            self._proven = True


def handler(_event: object, context: Context) -> dict[str, str]:
    """Create the extensions that the environment names; their names and versions."""
    names = [name.strip() for name in os.environ["EXTENSIONS"].split(",")]
    refused = sorted(set(names) - ALLOWED)
    if refused:
        raise ValueError(f"EXTENSIONS: {refused} isn't among {sorted(ALLOWED)}")
    ssm = boto3.client("ssm", config=Config(retries={"mode": "standard", "max_attempts": 5}))
    parameter = ssm.get_parameter(Name=os.environ["PASSWORD_PARAMETER"], WithDecryption=True)
    result = create(
        names,
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        database=os.environ["DATABASE"],
        user=os.environ["USERNAME"],
        password=parameter["Parameter"]["Value"],
        # The last attempt must end within the function's time.
        until=time.monotonic() + context.get_remaining_time_in_millis() / 1000 - TIMEOUT - PAUSE,
    )
    print(f"{result['extension']} {result['version']} is in {os.environ['DATABASE']}")
    return result


def create(
    names: Collection[str],
    *,
    host: str,
    port: int,
    database: str,
    user: str,
    password: str,
    until: float,
) -> dict[str, str]:
    """Create the extensions `names`; try to connect until the monotonic time `until`."""
    try:
        connection = _connect(until, host, port, database, user, password)
        try:
            for name in names:
                connection.run(f"CREATE EXTENSION IF NOT EXISTS {identifier(name)}")
            rows = connection.run("SELECT extname, extversion FROM pg_extension")
        finally:
            connection.close()
    except DatabaseError as error:
        # Only the server's code and words: neither arguments nor the traceback's values.
        raise RuntimeError(f"{database} on {host}: {_code(error)} {_words(error)}") from None
    versions = dict(rows)
    return {"extension": ",".join(names), "version": ",".join(versions[name] for name in names)}


def _connect(
    until: float, host: str, port: int, database: str, user: str, password: str
) -> BoundConnection:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # see the module's docstring
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    while True:
        try:
            return BoundConnection(
                user,
                host=host,
                port=port,
                database=database,
                password=password,
                ssl_context=context,
                timeout=TIMEOUT,
            )
        except (InterfaceError, DatabaseError, OSError) as error:
            if not _is_transient(error):
                raise
            if time.monotonic() >= until:
                raise TimeoutError(f"{host}:{port} didn't take a connection in time") from None
        time.sleep(PAUSE)


def _is_transient(error: Exception) -> bool:
    if isinstance(error, DatabaseError):
        return _code(error) in SOON
    # pg8000 says "network error" of a connection that the server closed.
    return isinstance(error.__cause__ or error, OSError) or str(error) == "network error"


def _field(error: DatabaseError, field: str) -> str:
    details = error.args[0] if error.args else None
    return str(details.get(field, "")) if isinstance(details, dict) else ""


def _code(error: DatabaseError) -> str:
    return _field(error, "C")


def _words(error: DatabaseError) -> str:
    return _field(error, "M")
