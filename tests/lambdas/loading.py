"""Loads a handler as Lambda does: a module of its own, with its folder and environment."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

LAMBDAS = Path(__file__).parents[2] / "lambdas"


def load(file: Path) -> ModuleType:
    """The module in `file`, fresh."""
    spec = importlib.util.spec_from_file_location(f"loaded_{file.parent.name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unpacked(name: str, folder: Path) -> Path:
    """The handler `name`, copied to `folder` as its archive is unpacked."""
    return Path(shutil.copy(LAMBDAS / name / "handler.py", folder))
