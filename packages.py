"""Deployment packages of Lambda functions: a folder's code and the libraries that it imports."""

from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import pulumi

LAMBDAS = Path(__file__).parent / "lambdas"


def function_package(
    name: str, *, libraries: Sequence[str] = (), texts: dict[str, str] | None = None
) -> pulumi.AssetArchive:
    """The archive of `lambdas/<name>`.

    Files are named one by one, so that neither byte code nor an editor's leftovers change the
    archive: the same sources are the same package on every machine.

    Args:
        name: the folder below `lambdas`.
        libraries: installed distributions whose modules go along, with all they need themselves.
        texts: further files, path in the archive to content.

    Raises:
        PackageNotFoundError: a library isn't installed.
    """
    sources: dict[str, pulumi.Asset | pulumi.Archive] = {
        path.name: pulumi.FileAsset(str(path)) for path in sorted((LAMBDAS / name).glob("*.py"))
    }
    for library in libraries:
        installed = distribution(library)
        root = installed.locate_file("")
        for file in installed.files or ():
            # A library may ask for its own version, which stands in METADATA.
            wanted = file.suffix == ".py" or file.name == "METADATA"
            if wanted and ".." not in file.parts:
                path = str(file)
                sources[path] = pulumi.FileAsset(f"{root}/{path}")
    for path, text in (texts or {}).items():
        sources[path] = pulumi.StringAsset(text)
    return pulumi.AssetArchive(sources)
