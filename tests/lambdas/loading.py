"""Loads a handler as Lambda does: a module of its own, with its folder and environment."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

LAMBDAS = Path(__file__).parents[2] / "lambdas"


def load(file: Path) -> ModuleType:
    """The module in `file`, fresh."""
    spec = importlib.util.spec_from_file_location(f"loaded_{file.parent.name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    beside = {path.stem for path in file.parent.glob("*.py")}
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
        for name in beside & sys.modules.keys():  # fresh ones next time
            del sys.modules[name]
    return module


def unpacked(name: str, folder: Path) -> Path:
    """The handler `name`, copied to `folder` as its archive is unpacked, with its modules."""
    for file in (LAMBDAS / name).glob("*.py"):
        shutil.copy(file, folder)
    return folder / "handler.py"
