"""In TerriaMap's place: a page that does across the hosts what a TerriaJS map does."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from local.standins.app import Reply, Seen, StandIn
from local.standins.geoserver import picture

_PAGES: Final = Path(__file__).with_name("pages")
_KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/png",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
}


class Map(StandIn):
    """`/` with its configuration and hashed assets, `/ping`, and a page of its own for a frame."""

    name = "map"

    def __init__(self, hosts: Mapping[str, str]) -> None:
        """`hosts` are the public ones of 'api' and 'geoserver'."""
        assets = {name: (_PAGES / name).read_bytes() for name in ("main.js", "main.css")}
        self.assets = {}  # paths below /build by the file's name
        self._files: dict[str, bytes] = {}
        for name, content in assets.items():
            stem, _, kind = name.partition(".")
            path = f"/build/{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
            self.assets[name] = path
            self._files[path] = content
        page = (_PAGES / "index.html").read_text()
        for name, path in self.assets.items():
            page = page.replace(f"/build/{name}", path)
        self._files["/index.html"] = page.encode()
        self._files["/help.html"] = (_PAGES / "help.html").read_bytes()
        config = {name: f"https://{host}" for name, host in hosts.items()}
        self._files["/config.json"] = json.dumps(config).encode()
        # As TerriaMap's index.ejs links them, without crossorigin.
        self._files["/favicon.ico"] = picture(0, 0, 1, 1, 16, 16)
        self._files["/favicons/icon-16x16.png"] = self._files["/favicon.ico"]
        icons = [{"src": "/favicons/icon-16x16.png", "sizes": "16x16", "type": "image/png"}]
        manifest = {"name": "Map", "start_url": "/", "display": "standalone", "icons": icons}
        self._files["/favicons/manifest.json"] = json.dumps(manifest).encode()
        self._files["/manifest.json"] = self._files["/favicons/manifest.json"]
        init = {"catalog": [{"type": "wms", "name": "Flood depth", "layers": "otakaro:flood"}]}
        self._files["/init/otakaro.json"] = json.dumps(init).encode()
        super().__init__()

    def reply(self, seen: Seen) -> Reply:
        """As a web server does that gives files with validators."""
        if seen.path == "/ping":
            return Reply(body=b"OK")
        path = "/index.html" if seen.path == "/" else seen.path
        content = self._files.get(path)
        if content is None:
            return Reply(status=404, body=b"Not found\n")
        if seen.method not in ("GET", "HEAD"):
            return Reply(status=405, body=b"Method not allowed\n", headers={"Allow": "GET, HEAD"})
        kind = _KINDS[path.rpartition(".")[2]]
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        # What Express says of static files unless told otherwise, TerriaMap's among them.
        headers = {"ETag": tag, "Cache-Control": "public, max-age=0"}
        given = [each.strip().removeprefix("W/") for each in _listed(seen, "if-none-match")]
        if tag in given:
            return Reply(status=304, kind=kind, headers=headers)
        return Reply(kind=kind, body=content, headers=headers)


def _listed(seen: Seen, name: str) -> list[str]:
    return seen.headers.get(name, "").split(",")
