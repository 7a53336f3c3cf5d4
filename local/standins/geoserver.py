"""In GeoServer's place: a WMS whose tiles are real pictures, and a log-in that knows nobody."""

import struct
import zlib
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from local.standins.app import Reply, Seen, StandIn

LAYER: Final = "otakaro:flood"
_LARGEST: Final = 2048  # pixels a side
_ERROR: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<ServiceExceptionReport version="1.3.0" xmlns="http://www.opengis.net/ogc">'
    '<ServiceException code="{code}">{text}</ServiceException></ServiceExceptionReport>\n'
)


# Kinds of exceptions that GeoServer draws (WMSServiceExceptionHandler, isImageExceptionType).
_DRAWN: Final = (
    *("application/vnd.ogc.se_inimage", "INIMAGE", "application/vnd.ogc.se_blank", "BLANK"),
)


class GeoServer(StandIn):
    """WMS 1.1.1 and 1.3.0 below `/geoserver`, and the administration that the edge should close.

    As GeoServer does, it sends no Cache-Control of its own. `image_seconds` is what the container's
    entry point has Tomcat's Expires Filter add to images, whatever they show; 0 without it.
    """

    name = "geoserver"

    def __init__(self, image_seconds: int = 0) -> None:
        self.layers = [LAYER]
        self._image_seconds = image_seconds
        super().__init__()

    @property
    def tiles(self) -> int:
        """GetMap requests that reached it."""
        return sum(seen.parameters.get("request", "").lower() == "getmap" for seen in self.requests)

    def reply(self, seen: Seen) -> Reply:
        """As GeoServer answers."""
        if "authorization" in seen.headers:
            # Credentials that aren't its own are wrong ones to it.
            realm = {"WWW-Authenticate": 'Basic realm="GeoServer Realm"'}
            return Reply(status=401, body=b"Unauthorized\n", headers=realm)
        reply = self._reply(seen)
        if self._image_seconds and reply.kind.startswith("image/"):
            age = {"Cache-Control": f"max-age={self._image_seconds}"}
            reply = Reply(kind=reply.kind, body=reply.body, headers=reply.headers | age)
        if "origin" not in seen.headers:
            return reply
        cors = {"Access-Control-Allow-Origin": "*", "Vary": "Origin"}
        return Reply(
            status=reply.status, kind=reply.kind, body=reply.body, headers=reply.headers | cors
        )

    def _reply(self, seen: Seen) -> Reply:
        if seen.method == "OPTIONS":
            return Reply(headers={"Access-Control-Allow-Methods": "GET,POST,OPTIONS"})
        # As servlet containers do, parameters of path segments don't count.
        path = "/".join(part.partition(";")[0] for part in seen.path.lower().split("/"))
        if path.startswith(("/geoserver/web", "/geoserver/rest")):
            return Reply(kind="text/html", body=b"<h1>GeoServer administration</h1>\n")
        if path.rstrip("/") in ("/geoserver/login", "/geoserver/logout"):
            # The form log-in filter and the log-out filter of its security chains.
            return Reply(status=302, headers={"Location": "/geoserver/web/"})
        services = ("/ows", "/wms", "/service", "/gwc/service/wmts")
        if not path.startswith("/geoserver/") or not path.endswith(services):
            return Reply(status=404, body=b"Not found\n")
        asked = seen.parameters
        operation = asked.get("request", "").lower()
        if operation == "getcapabilities":
            wmts = path.endswith("/wmts") or asked.get("service", "").lower() == "wmts"
            return _wmts_capabilities(self.layers) if wmts else _capabilities(seen, self.layers)
        if operation == "getmap":
            return _map(asked, self.layers)
        return _refused("OperationNotSupported", f"No such operation: {operation}")


def _refused(code: str, text: str) -> Reply:
    body = _ERROR.format(code=code, text=escape(text)).encode()
    return Reply(kind="text/xml", body=body)


def _wmts_capabilities(layers: Sequence[str]) -> Reply:
    found = "".join(
        f"<Layer><ows:Identifier>{escape(name)}</ows:Identifier></Layer>" for name in layers
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Capabilities xmlns="http://www.opengis.net/wmts/1.0" version="1.0.0"'
        ' xmlns:ows="http://www.opengis.net/ows/1.1">'
        f"<Contents>{found}</Contents></Capabilities>\n"
    )
    return Reply(kind="text/xml", body=body.encode())


def _capabilities(seen: Seen, layers: Sequence[str]) -> Reply:
    version = "1.1.1" if seen.parameters.get("version", "").startswith("1.1") else "1.3.0"
    scheme = seen.headers.get("x-forwarded-proto", "http")
    address = escape(f"{scheme}://{seen.headers.get('host', '')}/geoserver/ows?", {'"': "&quot;"})
    link = (
        f'<OnlineResource xmlns:xlink="http://www.w3.org/1999/xlink" xlink:type="simple" '
        f'xlink:href="{address}"/>'
    )
    ways = f"<DCPType><HTTP><Get>{link}</Get></HTTP></DCPType>"
    newer = version == "1.3.0"
    system = "CRS" if newer else "SRS"
    extent = (
        "<EX_GeographicBoundingBox><westBoundLongitude>166</westBoundLongitude>"
        "<eastBoundLongitude>179</eastBoundLongitude><southBoundLatitude>-48</southBoundLatitude>"
        "<northBoundLatitude>-34</northBoundLatitude></EX_GeographicBoundingBox>"
        '<BoundingBox CRS="EPSG:4326" minx="-48" miny="166" maxx="-34" maxy="179"/>'
        if newer
        else '<LatLonBoundingBox minx="166" miny="-48" maxx="179" maxy="-34"/>'
        '<BoundingBox SRS="EPSG:4326" minx="166" miny="-48" maxx="179" maxy="-34"/>'
    )
    systems = f"<{system}>EPSG:4326</{system}><{system}>EPSG:3857</{system}>"
    root = (
        '<WMS_Capabilities version="1.3.0" xmlns="http://www.opengis.net/wms">'
        if newer
        else '<WMT_MS_Capabilities version="1.1.1">'
    )
    errors = "XML" if newer else "application/vnd.ogc.se_xml"
    kind = "text/xml" if newer else "application/vnd.ogc.wms_xml"
    listed = "".join(
        f'<Layer queryable="0" opaque="0"><Name>{escape(name)}</Name><Title>Flood depth</Title>'
        f"{systems}{extent}<Style><Name>default</Name><Title>Default</Title></Style></Layer>"
        for name in layers
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"{root}<Service><Name>{'WMS' if newer else 'OGC:WMS'}</Name><Title>Otakaro</Title>{link}"
        f"</Service><Capability><Request><GetCapabilities><Format>{kind}</Format>{ways}"
        f"</GetCapabilities><GetMap><Format>image/png</Format>{ways}</GetMap></Request>"
        f"<Exception><Format>{errors}</Format></Exception>"
        f"<Layer><Title>Otakaro</Title>{systems}{extent}{listed}</Layer>"
        f"</Capability></{root[1:].split()[0]}>\n"
    ).encode()
    return Reply(kind=kind, body=body)


def _map(asked: dict[str, str], layers: Sequence[str]) -> Reply:
    if asked.get("layers") not in layers:
        if asked.get("exceptions") in _DRAWN:
            return Reply(kind="image/png", body=picture(0, 0, 0, 0, 64, 64))
        return _refused("LayerNotDefined", f"No such layer: {asked.get('layers')}")
    try:
        west, south, east, north = (float(part) for part in asked["bbox"].split(","))
        width, height = int(asked["width"]), int(asked["height"])
    except (KeyError, ValueError):
        return _refused("MissingParameterValue", "bbox, width and height are needed")
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST and west < east and south < north):
        return _refused("InvalidParameterValue", f"Pictures have 1 to {_LARGEST} pixels a side")
    return Reply(kind="image/png", body=picture(west, south, east, north, width, height))


def picture(west: float, south: float, east: float, north: float, width: int, height: int) -> bytes:
    """A PNG of the box whose colours depend on the place: another box is another picture."""
    columns = [_shade(west + (east - west) * (x + 0.5) / width) for x in range(width)]
    lines = []
    for y in range(height):
        row = _shade(north - (north - south) * (y + 0.5) / height)
        pixels = b"".join(bytes((row, column, 255 - row)) for column in columns)
        lines.append(b"\0" + pixels)  # a line without a filter
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines), 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _shade(coordinate: float) -> int:
    return int(coordinate * 997) % 256
