"""Starts the gateway in ministack's environment.

Run as a file, `python -P local/gateway/__main__.py`: so neither this folder nor the project is on
the path, and nothing of ours can stand before what ministack and the functions import. The package
is loaded by its place instead.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

_NAME = "gateway"


def main() -> None:
    """Load the package and serve."""
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is no package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{_NAME}.process").run()


if __name__ == "__main__":
    main()
