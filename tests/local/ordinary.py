"""A checkout as an ordinary user has it: in a path with spaces, with a home of its own."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local import bootstrap, cli, emulator, paths

_NEEDLESS = ("site-packages", "test", "idlelib", "tkinter", "lib2to3", "__pycache__")
_USER = "nobody"  # an account that every system has; it owns nothing
_NAME = "twin (Ōtakaro's) of a user"


def account() -> pwd.struct_passwd | None:
    """Return the ordinary user to run commands as; None when the tests already run as one."""
    return pwd.getpwnam(_USER) if os.geteuid() == 0 else None


def checkout() -> Path:
    """Return a copy of this checkout that belongs to the ordinary user, with its environment.

    Beside it, `home` and `cache` are the user's; the cache shares the files of this user's own.
    """
    user = account()
    # Not in pytest's directory, which is closed to other users.
    place = Path(tempfile.mkdtemp(prefix="a user's ", dir="/tmp"))
    place.chmod(0o755)
    there, cache = place / _NAME, place / "cache" / "otakaro"
    for folder in (there, cache, place / "home", place / "state"):
        folder.mkdir(parents=True)
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=paths.ROOT,
        text=True,
    )
    for name in filter(None, listed.split("\0")):
        if (paths.ROOT / name).is_file():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(paths.ROOT / name, there / name)
    if user is not None:
        for each in (place, *place.rglob("*")):
            os.chown(each, user.pw_uid, user.pw_gid)
    python = _interpreter(place, user)
    _environment(bootstrap.VENV, there / ".venv", python, user)
    gateway = emulator.installed().parent.parent
    _environment(gateway, cache / gateway.name, python, user)
    engine = cli.find()
    if engine.is_relative_to(paths.cache()):
        home = engine.parent.parent
        _shared(home, cache / home.name, user)
    return there


def files(there: Path) -> set[str]:
    """Return the names of a checkout's files, without those that every run may write."""
    found = {str(each.relative_to(there)) for each in there.rglob("*") if each.is_file()}
    return {name for name in found if "__pycache__" not in name and not name.startswith(".venv/")}


def _interpreter(place: Path, user: pwd.struct_passwd | None) -> Path:
    """Return a Python of this version that the user can run, copied when there is none."""
    name = "python{}.{}".format(*sys.version_info[:2])
    own = Path(sys.base_prefix) / "bin" / name
    for found in (own, shutil.which(name, path="/usr/local/bin:/usr/bin")):
        if found is not None and _runs(Path(found), user):
            return Path(found)
    copy = place / "python"
    (copy / "bin").mkdir(parents=True)
    # It may name the directory of its library, which the user cannot reach: the copy's instead.
    closed, beside = str(Path(sys.base_prefix) / "lib").encode(), b"$ORIGIN/../lib"
    program = own.read_bytes().replace(closed + b"\0", beside.ljust(len(closed) + 1, b"\0"))
    (copy / "bin" / name).write_bytes(program)
    (copy / "bin" / name).chmod(0o755)
    (copy / "lib").mkdir()
    for library in Path(sys.base_prefix, "lib").glob("libpython*"):
        shutil.copy2(library, copy / "lib" / library.name)
    (copy / "lib" / name).mkdir()
    for each in Path(sys.base_prefix, "lib", name).iterdir():
        if each.name not in _NEEDLESS:
            _shared(each, copy / "lib" / name / each.name, user)
    return copy / "bin" / name


def _runs(python: Path, user: pwd.struct_passwd | None) -> bool:
    """Return whether the user can run a Python, and it is exactly of this version."""
    code = f"import ssl, sys; sys.exit(sys.version_info[:3] != {tuple(sys.version_info[:3])})"
    return _can(user, str(python), "-I", "-c", code)


def _can(user: pwd.struct_passwd | None, *command: str) -> bool:
    uid, gid = (user.pw_uid, user.pw_gid) if user else (None, None)
    try:
        done = subprocess.run(command, cwd="/", user=uid, group=gid, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0


def _environment(source: Path, target: Path, python: Path, user: pwd.struct_passwd | None) -> None:
    """Make `target` a virtual environment of `python` with the packages of `source`."""
    _shared(source / "lib", target / "lib", user)
    (target / "bin").mkdir()
    (target / "bin" / "python").symlink_to(python)
    (target / "pyvenv.cfg").write_text(f"home = {python.parent}\n", encoding="utf-8")
    shutil.copy2(source / ".requirements", target)


def _shared(source: Path, target: Path, user: pwd.struct_passwd | None) -> None:
    """Give the user what is in `source`: by a link, by hard links, or by a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if _can(user, "test", "-r", str(source)):
        target.symlink_to(source)
        return
    if subprocess.run(["cp", "-al", source, target], stderr=subprocess.DEVNULL).returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, target)
