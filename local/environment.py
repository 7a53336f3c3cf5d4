"""Environment variables of child processes, whatever the user's shell sets.

Runs on whatever Python the machine calls `python3` (see bootstrap.py), so it keeps to the standard
library and to a syntax that old versions can read.
"""

import os
import sys

# The user's shell passes these on to every program, as far as they are set.
_MACHINE = ("PATH", "HOME", "USER", "LOGNAME", "TERM", "TMPDIR", "COLUMNS", "NO_COLOR")
_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")
# All other variables of Python's own add modules, or change what code does or prints.
_HARMLESS = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED", "PYTHONUTF8")
# With these, pip installs somewhere else than in the environment that it belongs to.
_PIP = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER")
_LOOPBACK = ("127.0.0.1", "localhost")
# Libraries read one of them, the other, or both.
_NO_PROXY = ("NO_PROXY", "no_proxy")


def limited(**own: str) -> "dict[str, str]":
    """Return the environment of a program that only uses loopback, with its `own` variables.

    It contains no proxy, cloud account, token or Python path of the user's shell.
    """
    passed = {name: os.environ[name] for name in (*_MACHINE, *_LOCALE) if name in os.environ}
    return {"PATH": os.defpath, **passed, **own}


def service(**own: str) -> "dict[str, str]":
    """Return the environment of a server of the emulated AWS, with its `own` variables.

    It is the same in every shell: UTC, as AWS's servers have it, and UTF-8.
    """
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "TZ": "UTC", "LC_ALL": "C.UTF-8", **own}


def inherited() -> "dict[str, str]":
    """Return the user's environment without what would mislead Python, pip or loopback clients.

    Proxies stay, for what is installed, but not for loopback.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith("PYTHON") or name in _HARMLESS) and name not in _PIP
    }
    if sys.getfilesystemencoding().lower() != "utf-8" or kept.get("PYTHONUTF8") == "0":
        kept["PYTHONUTF8"] = "1"
    hosts = [host.strip() for name in _NO_PROXY for host in kept.get(name, "").split(",")]
    if "*" not in hosts:
        hosts += _LOOPBACK
    kept.update(dict.fromkeys(_NO_PROXY, ",".join(dict.fromkeys(filter(None, hosts)))))
    return kept


def misleading() -> bool:
    """Return whether this process needs to start again with the environment of `inherited`."""
    pairs = (inherited(), dict(os.environ))
    first, second = ({k: v for k, v in each.items() if k not in _NO_PROXY} for each in pairs)
    return first != second
