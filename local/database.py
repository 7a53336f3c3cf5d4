"""The PostgreSQL servers behind RDS's instances, as commands use them.

The emulator creates them (gateway/postgresql.py) and they end with it.
"""

import os
from pathlib import Path
from typing import NoReturn

from local import environment, paths
from local.errors import LocalError
from local.gateway import postgresql
from local.gateway.postgresql import Server


def possible() -> bool:
    """Return whether servers can run on this machine."""
    return postgresql.programs() is not None


def behind(instance: str) -> Server | None:
    """Return the server behind an instance, when one is running."""
    for server in postgresql.recorded(_home()):
        if server.instance == instance and server.alive():
            return server
    return None


def ensure() -> None:
    """Start servers that have ended while the emulator kept running.

    Raises LocalError when one does not come up.
    """
    for server in postgresql.recorded(_home()):
        try:
            if not server.alive():
                server.start()
        except postgresql.PostgresError as error:
            raise LocalError(str(error)) from error


def stop() -> None:
    """Stop all servers and remove their files."""
    for server in postgresql.recorded(_home()):
        server.stop()
        postgresql.forget(server, _home())


def prompt(server: Server) -> NoReturn:
    """Become psql, as the instance's user; the server's socket needs no password."""
    account = postgresql.server_account() if os.geteuid() == 0 else None
    if account is not None:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.chdir(server.folder)
    program = str(Path(server.programs) / "psql")
    place = ("-h", server.folder, "-p", str(server.port), "-U", server.user)
    own = environment.limited(HOME=server.folder)
    os.execve(program, [program, "-X", *place, server.database], own)  # noqa: S606 - no shell


def _home() -> Path:
    return paths.state() / "emulator"
