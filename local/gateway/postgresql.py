"""The PostgreSQL servers behind RDS's instances, so that what the program runs there really runs.

ministack has endpoints and nothing behind them. Where PostgreSQL and PostGIS are installed, each
instance gets a private server on its own loopback address, at the instance's port, with what a
client relies on: TLS, sign-in by SCRAM with channel binding, the master user and its database. A
record of them in RECORDS, in the emulator's directory, lets `local/database.py` find and stop them.
"""

import json
import logging
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

PORT: Final = 5432  # RDS's default for PostgreSQL
RECORDS: Final = "databases"
_SERVER_ACCOUNT: Final = "postgres"  # the server does not run as root
_SETTINGS: Final = """
unix_socket_directories = '.'
ssl = on
password_encryption = 'scram-sha-256'
fsync = off
"""
_CLIENTS: Final = """
local all all trust
hostssl all all 127.0.0.0/8 scram-sha-256
"""

log = logging.getLogger("gateway")


class PostgresError(Exception):
    """The reason why a server cannot be created, started or changed, in one line."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server behind one instance."""

    instance: str
    address: str
    port: int
    folder: str
    programs: str
    user: str
    database: str

    def alive(self) -> bool:
        """Return whether it accepts connections."""
        try:
            with socket.create_connection((self.address, self.port), timeout=2):
                return True
        except OSError:
            return False

    def start(self) -> None:
        """Start it; raises PostgresError when it does not come up."""
        record = Path(self.folder) / "log"
        done = self._run(["pg_ctl", "start", "-w", "-D", self.folder, "-l", str(record)])
        if done.returncode != 0:
            text = record.read_text(encoding="utf-8") if record.exists() else done.stderr
            raise PostgresError(f"the database behind RDS does not start: {_last_line(text)}")

    def set_password(self, password: str) -> None:
        """Create the master user and its database, or give the user another password.

        The user is a superuser: on RDS the master user can create PostGIS, here only a superuser
        can.
        """
        user, database = (word.replace('"', '""') for word in (self.user, self.database))
        word, name = password.replace("'", "''"), self.database.replace("'", "''")
        script = (
            f'DO $$ BEGIN CREATE ROLE "{user}" LOGIN SUPERUSER; '
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n"
            f"ALTER ROLE \"{user}\" PASSWORD '{word}';\n"
            f'SELECT \'CREATE DATABASE "{database}" OWNER "{user}"\' WHERE NOT EXISTS '
            f"(SELECT FROM pg_database WHERE datname = '{name}')\\gexec\n"
        )
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder]
        done = self._run([*command, "-p", str(self.port), "-U", "postgres", "postgres"], script)
        if done.returncode != 0:
            raise PostgresError(f"the database rejects its user: {_last_line(done.stderr)}")

    def stop(self) -> None:
        """Stop it and remove its files."""
        self._run(["pg_ctl", "stop", "-m", "immediate", "-D", self.folder])
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: list[str], text: str = "") -> "subprocess.CompletedProcess[str]":
        return _as_server([str(Path(self.programs) / command[0]), *command[1:]], self.folder, text)


def create(instance: str, port: int, user: str, database: str) -> Server | None:
    """Return a new server, started; None where there is no PostgreSQL, PostGIS or free address.

    Raises PostgresError when PostgreSQL is installed and does not work.
    """
    found, address = programs(), free_address(port)
    if found is None or address is None:
        return None
    server = Server(
        instance=instance,
        address=address,
        port=port,
        # Its socket's path must be short, and the server's account must reach it.
        folder=tempfile.mkdtemp(prefix="otakaro-database-", dir="/tmp"),
        programs=str(found),
        user=user,
        database=database,
    )
    try:
        _fill(server)
        server.start()
    except PostgresError:
        shutil.rmtree(server.folder, ignore_errors=True)
        raise
    return server


def write(server: Server, home: Path) -> None:
    """Record a server."""
    (home / RECORDS).mkdir(mode=0o700, exist_ok=True)
    _record(server, home).write_text(json.dumps(asdict(server)), encoding="utf-8")


def forget(server: Server, home: Path) -> None:
    """Remove a server's record."""
    _record(server, home).unlink(missing_ok=True)


def recorded(home: Path) -> Iterator[Server]:
    """Yield the recorded servers."""
    for file in sorted((home / RECORDS).glob("*.json")):
        try:
            yield Server(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue


def programs() -> Path | None:
    """Return the directory of the newest PostgreSQL that has PostGIS, where a server can run."""
    if shutil.which("openssl") is None or (os.geteuid() == 0 and server_account() is None):
        return None
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: float(folder.parent.name),
        reverse=True,
    )
    for folder in debian:
        share = Path("/usr/share/postgresql") / folder.parent.name
        if (folder / "initdb").exists() and (share / "extension" / "postgis.control").exists():
            return folder
    config = shutil.which("pg_config")
    if config is None:
        return None
    said = subprocess.run([config, "--bindir", "--sharedir"], capture_output=True, text=True)
    folders = [Path(line) for line in said.stdout.splitlines()]
    if len(folders) == 2 and (folders[1] / "extension" / "postgis.control").exists():
        return folders[0] if (folders[0] / "initdb").exists() else None
    return None


def free_address(port: int) -> str | None:
    """Return a loopback address whose port is free. Linux has sixteen million, others one."""
    first = ["127.0.0.1"] if sys.platform != "linux" else []
    # In random order: two stacks that look at the same time must not both take the first one.
    chosen = random.sample(range(1, 255), 254)
    for candidate in first or [f"127.54.32.{number}" for number in chosen]:
        with socket.socket() as probe:
            try:
                probe.bind((candidate, port))
            except OSError:
                continue
            return candidate
    return None


def server_account() -> pwd.struct_passwd | None:
    """Return the account that runs servers which root starts."""
    try:
        return pwd.getpwnam(_SERVER_ACCOUNT)
    except KeyError:
        return None


def _record(server: Server, home: Path) -> Path:
    return home / RECORDS / f"{server.instance}.json"


def _fill(server: Server) -> None:
    """Create a new server's files: data, certificate, settings and who can sign in."""
    folder, bin_ = Path(server.folder), Path(server.programs)
    account = server_account() if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    initialise = [
        *(str(bin_ / "initdb"), "-D", str(folder), "-U", "postgres", "-E", "UTF8"),
        *("--locale=C", "--auth=trust", "--no-sync"),
    ]
    certificate = [
        *("openssl", "req", "-new", "-x509", "-days", "3650", "-nodes", "-newkey", "rsa:2048"),
        *("-sha256", "-subj", f"/CN={server.address}"),
        *("-keyout", "server.key", "-out", "server.crt"),
    ]
    for command in (initialise, certificate):
        done = _as_server(command, str(folder))
        if done.returncode != 0:
            raise PostgresError(f"no database can be created: {_last_line(done.stderr)}")
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"{_SETTINGS}port = {server.port}\nlisten_addresses = '{server.address}'\n")
    (folder / "pg_hba.conf").write_text(_CLIENTS, encoding="utf-8")


def _as_server(
    command: list[str], folder: str, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a program as the account that runs the server, with nothing of the user's shell."""
    account = server_account() if os.geteuid() == 0 else None
    path = os.environ.get("PATH", os.defpath)
    with tempfile.TemporaryFile("w+", dir="/tmp") as complaints:
        # Not a pipe: the server that pg_ctl leaves behind would hold it open indefinitely.
        done = subprocess.run(
            command,
            cwd=folder,
            env={"PATH": path, "HOME": folder, "LC_ALL": "C", "TZ": "UTC"},
            input=text,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            text=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
        )
        complaints.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, "", complaints.read())


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
