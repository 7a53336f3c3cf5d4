"""A package is the same on every machine: a folder's code, its libraries, and nothing else."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pulumi
import pytest

import packages
from packages import function_package


@pytest.fixture
def lambdas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of functions with one in it."""
    folder = tmp_path / "lambdas" / "one"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "handler.py").write_text("")
    (folder / "helper.py").write_text("")
    (folder / "handler.py~").write_text("")
    (folder / "__pycache__" / "handler.cpython-313.pyc").write_bytes(b"")
    monkeypatch.setattr(packages, "LAMBDAS", tmp_path / "lambdas")
    return folder


def test_a_package_has_the_folders_code_without_leftovers(lambdas: Path) -> None:
    assets = function_package("one").assets
    assert list(assets) == ["handler.py", "helper.py"]
    handler = assets["handler.py"]
    assert isinstance(handler, pulumi.FileAsset)
    assert Path(handler.path) == lambdas / "handler.py"


@pytest.mark.usefixtures("lambdas")
def test_a_package_takes_texts_along() -> None:
    assets = function_package("one", texts={"config.json": "{}"}).assets
    config = assets["config.json"]
    assert isinstance(config, pulumi.StringAsset)
    assert config.text == "{}"


@pytest.mark.usefixtures("lambdas")
def test_a_package_takes_libraries_from_where_they_are_installed() -> None:
    assets = function_package("one", libraries=["six"]).assets
    six = assets["six.py"]
    assert isinstance(six, pulumi.FileAsset)
    assert Path(six.path).is_file()
    assert not any(".pyc" in path or ".." in path for path in assets)


@pytest.mark.usefixtures("lambdas")
def test_a_library_that_is_not_installed_is_an_error_at_once() -> None:
    with pytest.raises(PackageNotFoundError, match="no-such-library"):
        function_package("one", libraries=["no-such-library"])
