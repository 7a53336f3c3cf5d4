"""The images that a task's containers would run, and whether such a task stays.

No container runs here, so an image tells its fate itself: tasks of one with the label CRASH end at
once, as do those without an image.
"""

import json
import re
from typing import Final

from .clients import Clients

CRASH: Final = "local.otakaro.crash"
REGISTRY: Final = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.")
_MANIFESTS: Final = [
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
]


def resolved(clients: Clients, region: str, definition: str) -> tuple[list[dict[str, str]], str]:
    """The images of a task definition's containers with their digests, and what is amiss."""
    ecs = clients("ecs", region)
    described = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    found, broken = [], ""
    for container in described["containerDefinitions"]:
        image = container["image"]
        entry = {"containerName": container["name"], "image": image}
        if REGISTRY.match(image):
            digest, fate = _image(clients, image)
            broken = broken or fate
            entry |= {"imageDigest": digest} if digest else {}
        found.append(entry)
    return found, broken


def _image(clients: Clients, image: str) -> tuple[str, str]:
    """The digest of an image in ECR and why a container of it ends, empty if it doesn't."""
    registry, _, path = image.partition("/")
    match = REGISTRY.match(registry)
    region = match["region"] if match else ""
    repository, at, digest = path.partition("@")
    repository, _, tag = repository.partition(":")
    ecr = clients("ecr", region)
    answer = ecr.batch_get_image(
        repositoryName=repository,
        imageIds=[{"imageDigest": digest} if at else {"imageTag": tag or "latest"}],
        acceptedMediaTypes=_MANIFESTS,
    )
    if not answer["images"]:
        return "", f"CannotPullContainerError: {image}: not found"
    pulled = answer["images"][0]
    digest = pulled["imageId"]["imageDigest"]
    manifest = json.loads(pulled["imageManifest"])
    if manifest.get("manifests"):
        part = ecr.batch_get_image(
            repositoryName=repository,
            imageIds=[{"imageDigest": manifest["manifests"][0]["digest"]}],
            acceptedMediaTypes=_MANIFESTS,
        )["images"]
        manifest = json.loads(part[0]["imageManifest"]) if part else {}
    try:
        config = json.loads(clients.blob(repository, manifest["config"]["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return digest, ""  # PutImage alone brings no config
    labels = (config.get("config") or {}).get("Labels") or {}
    crashes = labels.get(CRASH) == "true"
    return digest, f"essential container in task exited, as {CRASH} says" if crashes else ""
