"""Images and how they get into the emulated registry: by a real push, over HTTP."""

import gzip
import hashlib
import io
import json
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import dxf
import requests

from local import console
from local.errors import LocalError
from local.gateway import CRASH

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_OCI: Final = ("oci:", "oci-archive:")
_TRANSPORTS: Final = (*_OCI, "docker://", "docker-archive:", "docker-daemon:", "dir:")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where an image goes."""

    registry: str  # host:port
    repository: str
    tag: str


def push(image: str, target: Target) -> str:
    """Push an image that there is, by what is installed; the result says by what.

    Raises LocalError when it can't be read, or nothing installed can read it.
    """
    if not image.startswith(_TRANSPORTS) and Path(image).exists():
        image = f"oci:{image}" if Path(image).is_dir() else f"oci-archive:{image}"
    transport, _, path = image.partition(":")
    place = Path(path.partition(":")[0])
    if f"{transport}:" in _OCI and not place.exists():
        raise LocalError(f"IMAGE={image}: there is no {place}")
    if transport == "oci-archive" and not tarfile.is_tarfile(place):
        raise LocalError(f"IMAGE={image}: {place} is no archive")
    skopeo = shutil.which("skopeo")
    if not image.startswith(_TRANSPORTS):
        if not _docker_answers():
            raise LocalError(
                f"IMAGE={image} is the name of an image of Docker's, and no Docker daemon answers: "
                "start it, or give oci:FOLDER, oci-archive:FILE or, with skopeo, docker://NAME"
            )
        if skopeo is None:
            _push_from_docker(image, target)
            return "docker save and the registry's API"
        image = f"docker-daemon:{image}" if ":" in image else f"docker-daemon:{image}:latest"
    if skopeo is not None:
        _run(
            [
                *(skopeo, "--insecure-policy", "copy", "--dest-tls-verify=false"),
                *("--dest-creds", "AWS:any", image),
                f"docker://{target.registry}/{target.repository}:{target.tag}",
            ]
        )
        return "skopeo"
    if not image.startswith(_OCI):
        raise LocalError(
            f"IMAGE={image} needs skopeo, which isn't installed: "
            "install it, or give oci:FOLDER or oci-archive:FILE"
        )
    if transport == "oci":
        push_layout(place, target)
    else:
        with _unpacked(place) as folder:
            push_layout(folder, target)
    return "the registry's API"


def push_layout(layout: Path, target: Target) -> None:
    """Push the image of an OCI layout; raises LocalError when it isn't one."""
    registry = dxf.DXF(target.registry, target.repository, insecure=True, timeout=60)
    try:
        index = json.loads((layout / "index.json").read_bytes())
        manifests = index["manifests"]
        if len(manifests) != 1:
            raise LocalError(
                f"{layout} holds {len(manifests)} images, not one: choose one with skopeo"
            )
        _push_manifest(layout, registry, manifests[0]["digest"], target.tag)
    except (OSError, ValueError, KeyError, TypeError) as error:
        # requests' own errors are OSErrors
        if isinstance(error, requests.RequestException):
            raise LocalError(f"the registry at {target.registry} refused: {error}") from error
        raise LocalError(
            f"{layout} is no OCI image: {type(error).__name__} {error}; "
            "`docker save` of Docker 25 or newer, skopeo and buildx make one"
        ) from error
    except dxf.exceptions.DXFError as error:
        raise LocalError(f"the registry at {target.registry} refused: {error}") from error


def _push_manifest(layout: Path, registry: dxf.DXF, digest: str, reference: str) -> None:
    text = _blob(layout, digest).read_text()
    manifest = json.loads(text)
    if "manifests" in manifest:
        # `docker save` leaves out the images of other platforms than its own.
        there = [
            part["digest"]
            for part in manifest["manifests"]
            if _blob(layout, part["digest"]).exists()
        ]
        if len(there) < len(manifest["manifests"]):
            _push_manifest(layout, registry, there[0], reference)
            return
        for part in there:
            _push_manifest(layout, registry, part, part)
    else:
        for part in (manifest["config"], *manifest["layers"]):
            registry.push_blob(str(_blob(layout, part["digest"])))
    registry.set_manifest(reference, text)


def _blob(layout: Path, digest: str) -> Path:
    algorithm, _, value = digest.partition(":")
    return layout / "blobs" / algorithm / value


@contextmanager
def made(*, architecture: str, title: str, crash: bool = False) -> Iterator[Path]:
    """An OCI layout with a small image that no other is equal to."""
    now = datetime.now(UTC)
    text = f"{title} {now:%Y-%m-%dT%H:%M:%SZ} {secrets.token_hex(8)}\n".encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("etc/otakaro-release")
        entry.size, entry.mode = len(text), 0o644
        tar.addfile(entry, io.BytesIO(text))
    layer = gzip.compress(packed.getvalue(), mtime=0)
    config = {
        "created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Cmd": ["false"] if crash else ["cat", "/etc/otakaro-release"],
            "Labels": {"org.opencontainers.image.title": title}
            | ({CRASH: "true"} if crash else {}),
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(packed.getvalue())]},
        "history": [{"created": f"{now:%Y-%m-%dT%H:%M:%SZ}", "created_by": "make push"}],
    }
    with tempfile.TemporaryDirectory(prefix="otakaro-image-") as name:
        layout = Path(name)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _put(layout, _CONFIG, json.dumps(config).encode()),
            "layers": [_put(layout, _LAYER, layer)],
        }
        entry_point = _put(layout, MANIFEST, json.dumps(manifest).encode())
        (layout / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": [entry_point]})
        )
        (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        yield layout


def _put(layout: Path, kind: str, content: bytes) -> dict[str, Any]:
    """Put a blob into a layout; its descriptor."""
    digest = _digest(content)
    file = _blob(layout, digest)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def _unpacked(archive: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="otakaro-image-") as name:
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(name, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise LocalError(f"{archive} cannot be unpacked: {error}") from error
        yield Path(name)


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    asked = subprocess.run([docker, "info"], capture_output=True, check=False, timeout=30)
    return asked.returncode == 0


def _push_from_docker(image: str, target: Target) -> None:
    # The daemon may be in a machine of its own, which this host's loopback doesn't reach.
    with tempfile.TemporaryDirectory(prefix="otakaro-image-") as name:
        archive = Path(name) / "image.tar"
        _run(["docker", "save", "--output", str(archive), image])
        with _unpacked(archive) as layout:
            push_layout(layout, target)


def _run(command: list[str]) -> None:
    console.note(f"{Path(command[0]).name} is at work ...")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        raise LocalError(f"{Path(command[0]).name} failed: {said[-1]}")
