"""A PostgreSQL behind the emulated RDS, so that what the program runs in its database really runs.

The emulator has an endpoint and nothing behind it. Where PostgreSQL and PostGIS are installed, a
private server is started on a loopback address of its own, at the port that the instance has, and
the emulator names that address as every instance's. It has what the program relies on: TLS, log-in
by SCRAM with channel binding, the instance's user and database. It lives as long as the emulator.
"""

import json
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from local import paths
from local.errors import LocalError

PORT = 5432  # the emulator names the instance's own port
DATABASE = USER = "otakaro"  # as the program names them: RDS makes both with the instance
_SERVER_ACCOUNT = "postgres"  # the server refuses to run as root
_SETTINGS = f"""
port = {PORT}
unix_socket_directories = '.'
ssl = on
password_encryption = 'scram-sha-256'
fsync = off
"""
_CLIENTS = """
local all postgres trust
hostssl all all 127.0.0.0/8 scram-sha-256
"""


@dataclass(frozen=True, kw_only=True)
class Database:
    """A running server of ours."""

    address: str
    folder: str
    programs: str

    def give(self, password: str) -> None:
        """Make the instance's user and database, with this password.

        The user is a superuser: on RDS the master user may create PostGIS, here only that one may.
        """
        word = password.replace("'", "''")
        script = (
            f"DO $$ BEGIN CREATE ROLE {USER} LOGIN SUPERUSER; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n"
            f"ALTER ROLE {USER} PASSWORD '{word}';\n"
            f"SELECT 'CREATE DATABASE {DATABASE} OWNER {USER}' WHERE NOT EXISTS "
            f"(SELECT FROM pg_database WHERE datname = '{DATABASE}')\\gexec\n"
        )
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder]
        done = self._run([*command, "-p", str(PORT), "-U", "postgres", "postgres"], script)
        if done.returncode != 0:
            raise LocalError(f"the database refuses its user: {_last_line(done.stderr)}")

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            with socket.create_connection((self.address, PORT), timeout=2):
                return True
        except OSError:
            return False

    def start(self) -> None:
        """Start the server; raises LocalError when it does not come up."""
        log = Path(self.folder) / "log"
        done = self._run(["pg_ctl", "start", "-w", "-D", self.folder, "-l", str(log)])
        if done.returncode != 0:
            reason = _last_line(log.read_text()) if log.exists() else _last_line(done.stderr)
            raise LocalError(f"the database behind RDS does not start: {reason}")

    def prompt(self) -> NoReturn:
        """Become psql, as the instance's user; no password is asked for on the server's socket."""
        account = _server_account() if os.geteuid() == 0 else None
        if account is not None:
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        os.chdir(self.folder)
        program = str(Path(self.programs) / "psql")
        terminal = {key: os.environ[key] for key in ("PATH", "TERM", "LANG") if key in os.environ}
        words = [program, "-X", "-h", self.folder, "-p", str(PORT), "-U", "postgres", DATABASE]
        own = {"HOME": self.folder, "PGOPTIONS": f"-c role={USER}"}
        os.execve(program, words, {**terminal, **own})  # noqa: S606 - no shell

    def end(self) -> None:
        """End the server and remove its files."""
        self._run(["pg_ctl", "stop", "-m", "immediate", "-D", self.folder])
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: list[str], text: str = "") -> "subprocess.CompletedProcess[str]":
        return _as_server([str(Path(self.programs) / command[0]), *command[1:]], self.folder, text)


def ensure() -> Database | None:
    """The server, started when there is none; None where PostgreSQL or PostGIS is missing.

    Raises LocalError when what is there does not work.
    """
    found = _recorded()
    if found is not None and Path(found.folder).is_dir():
        if not found.alive():
            found.start()
        return found
    programs = _programs()
    address = free_address(PORT)
    if programs is None or address is None:
        return None
    made = _make(programs, address)
    made.start()
    _record_file().write_text(json.dumps(asdict(made)))
    return made


def running() -> Database | None:
    """The server, when one runs."""
    found = _recorded()
    return found if found is not None and found.alive() else None


def stop() -> None:
    """End the server, when one runs."""
    found = _recorded()
    if found is not None:
        found.end()
    _record_file().unlink(missing_ok=True)


def _programs() -> Path | None:
    """The folder of the newest PostgreSQL that has PostGIS, with what else a server takes."""
    if shutil.which("openssl") is None or (os.geteuid() == 0 and _server_account() is None):
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
    """A loopback address whose port is free. Linux has sixteen million, others one."""
    first = ["127.0.0.1"] if sys.platform != "linux" else []
    # In no order: two stacks that look at the same time shall not both take the first one.
    chosen = random.sample(range(1, 255), 254)
    for candidate in first or [f"127.54.32.{number}" for number in chosen]:
        with socket.socket() as probe:
            try:
                probe.bind((candidate, port))
            except OSError:
                continue
            return candidate
    return None


def _make(programs: Path, address: str) -> Database:
    """Lay out a new server: its files, certificate, settings and who may log in."""
    # Its socket's path must be short and the server's account must reach it: not in our folder.
    folder = Path(tempfile.mkdtemp(prefix="otakaro-database-"))
    account = _server_account() if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    made = Database(address=address, folder=str(folder), programs=str(programs))
    initialise = [
        *(str(programs / "initdb"), "-D", str(folder), "-U", "postgres", "-E", "UTF8"),
        *("--locale=C", "--auth=trust", "--no-sync"),
    ]
    certificate = [
        *("openssl", "req", "-new", "-x509", "-days", "3650", "-nodes", "-newkey", "rsa:2048"),
        *("-sha256", "-subj", f"/CN={address}", "-keyout", "server.key", "-out", "server.crt"),
    ]
    for command in (initialise, certificate):
        done = _as_server(command, str(folder))
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise LocalError(f"no database can be made: {_last_line(done.stderr)}")
    with (folder / "postgresql.conf").open("a") as settings:
        settings.write(_SETTINGS + f"listen_addresses = '{address}'\n")
    (folder / "pg_hba.conf").write_text(_CLIENTS)
    return made


def _as_server(
    command: list[str], folder: str, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a program as the account that may run the server, with nothing of the user's shell."""
    account = _server_account() if os.geteuid() == 0 else None
    with tempfile.TemporaryFile("w+") as complaints:
        # Not a pipe: the server that pg_ctl leaves behind would hold it open for ever.
        done = subprocess.run(
            command,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "LC_ALL": "C"},
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


def _server_account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_SERVER_ACCOUNT)
    except KeyError:
        return None


def _record_file() -> Path:
    return paths.state() / "database.json"


def _recorded() -> Database | None:
    try:
        fields = json.loads(_record_file().read_text())
        return Database(**fields)
    except (OSError, ValueError, TypeError):
        return None


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
