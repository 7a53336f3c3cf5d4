"""ECR: pushes are told, and images are answered for as AWS does.

BatchGetImage names images by the tags asked for, DescribeImages has the kind of an artifact,
PutImage refuses what is there.
"""

import json
import re
from typing import Final

from .asgi import App, Message, Receive, Send
from .bus import Bus
from .calls import Answer, Part, Refused, Request, beside
from .containers import REGISTRY
from .deployment import present

ECR: Final = "AmazonEC2ContainerRegistry_V20150921"
_MANIFEST: Final = re.compile(r"/v2/(?P<repository>.+)/manifests/(?P<reference>[^/]+)")


class Images:
    """The images' events, and what is answered of them."""

    def __init__(self, app: App, region: str, bus: Bus) -> None:
        self._app = app
        self._region = region
        self._bus = bus
        self.part = Part(
            checks={(ECR, "PutImage"): self._may_put},
            mends={
                (ECR, "BatchGetImage"): self._got,
                (ECR, "DescribeImages"): self._described,
            },
            follows={
                (ECR, "PutImage"): self._put,
                (ECR, "BatchDeleteImage"): self._deleted,
            },
        )

    async def pushing(self, scope: Message, receive: Receive, send: Send) -> bool:
        """Serve a push of a manifest; false where the request is none."""
        match = _MANIFEST.fullmatch(scope["path"]) if scope["method"] == "PUT" else None
        if match is None:
            return False
        answered: Message = {}

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.update(message)
            await send(message)

        await self._app(scope, receive, noting)
        if answered.get("status") == 201:
            told = {name.lower(): value.decode() for name, value in answered["headers"]}
            headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
            host = REGISTRY.match(headers.get(b"host", ""))
            reference = match["reference"]
            self._pushed(
                host["region"] if host else self._region,
                match["repository"],
                told[b"docker-content-digest"],
                None if reference.startswith("sha256:") else reference,
            )
        return True

    def _pushed(
        self, region: str, repository: str, digest: str, tag: str | None, action: str = "PUSH"
    ) -> None:
        detail = present(
            **{
                "result": "SUCCESS",
                "repository-name": repository,
                "image-digest": digest,
                "action-type": action,
                "image-tag": tag,
            }
        )
        self._bus.emit(region, "aws.ecr", "ECR Image Action", detail)

    async def _got(self, request: Request, said: Answer) -> None:
        """Name images as they were asked for; ministack names the tag that was put last."""
        missing = [failure.get("imageId") for failure in said.get("failures", [])]
        found = [asked for asked in request.asked.get("imageIds", []) if asked not in missing]
        images = said.get("images", [])
        if len(found) == len(images):
            for asked, image in zip(found, images, strict=True):
                image["imageId"] = {**asked, "imageDigest": image["imageId"]["imageDigest"]}

    async def _described(self, request: Request, said: Answer) -> None:
        """Tell what an artifact is, which its config says."""
        details = said.get("imageDetails", [])
        repository = request.asked.get("repositoryName")
        got = await beside(
            self._app,
            request,
            "BatchGetImage",
            repositoryName=repository,
            imageIds=[{"imageDigest": detail["imageDigest"]} for detail in details],
        )
        for detail, image in zip(details, got.get("images", []), strict=False):
            manifest = json.loads(image["imageManifest"])
            config = manifest.get("config") or {}
            kind = manifest.get("artifactType") or config.get("mediaType")
            if kind:
                detail["artifactMediaType"] = kind

    async def _may_put(self, request: Request) -> None:
        """Refuse what would put nothing: the tag is on this very image."""
        asked = request.asked
        tag, digest = asked.get("imageTag"), asked.get("imageDigest")
        if not tag or not digest:
            return
        got = await beside(
            self._app,
            request,
            "BatchGetImage",
            repositoryName=asked.get("repositoryName"),
            imageIds=[{"imageTag": tag}],
        )
        if any(image["imageId"]["imageDigest"] == digest for image in got.get("images", [])):
            message = "The image with that digest and tag exists already"
            raise Refused("ImageAlreadyExistsException", message)

    def _put(self, request: Request, said: Answer) -> None:
        image = said["image"]
        digest = image["imageId"]["imageDigest"]
        self._pushed(request.region, image["repositoryName"], digest, request.asked.get("imageTag"))

    def _deleted(self, request: Request, said: Answer) -> None:
        repository = request.asked["repositoryName"]
        for image in said.get("imageIds", []):
            digest = image.get("imageDigest", "")
            self._pushed(request.region, repository, digest, image.get("imageTag"), "DELETE")
