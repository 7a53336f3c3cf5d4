"""Values on their way between the engine and the provider, and the archives among them."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's mark of a secret, not one
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"


def decode(struct: Struct) -> dict[str, Any]:
    """The plain value: whole numbers as int, secrets unwrapped, unknowns as UNKNOWN."""
    plain: dict[str, Any] = _plain(MessageToDict(struct))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return _plain(value.get("value"))
        return {key: _plain(item) for key, item in value.items()}
    return value


def encode(value: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update({key: item for key, item in value.items() if item is not None})
    return struct


def secret(value: Any) -> dict[str, Any]:
    return {SIGNATURE: SECRET, "value": value}


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return bool(value == UNKNOWN)


def is_file(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) in (ASSET, ARCHIVE)


def file_bytes(value: Mapping[str, Any]) -> bytes:
    """An asset's content, or an archive as a zip whose bytes depend on nothing but its content."""
    if value[SIGNATURE] == ASSET:
        return _asset(value)
    path = value.get("path")
    if path and Path(path).is_file():
        return Path(path).read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_members(value, "")):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _asset(value: Mapping[str, Any]) -> bytes:
    if "text" in value:
        return str(value["text"]).encode()
    return Path(value["path"]).read_bytes()


def _members(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, bytes]]:
    if value[SIGNATURE] == ASSET:
        yield prefix, _asset(value)
        return
    for name, member in value.get("assets", {}).items():
        yield from _members(member, f"{prefix}/{name}" if prefix else name)
    if "path" in value:
        root = Path(value["path"])
        for file in root.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                name = file.relative_to(root).as_posix()
                yield f"{prefix}/{name}" if prefix else name, file.read_bytes()


def canonical(value: Any) -> Any:
    """The form in which two values that mean the same are equal: JSON text becomes its content."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return canonical(json.loads(value))
        except ValueError:
            return value
    if is_file(value):
        return value.get("hash") or value
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value
