"""Small applications in the place of the real ones, for what the local edge lets through.

Each speaks as its model does to browsers and to the edge, counts what reaches it, and can be made
to fail.
"""

from local.standins.api import Api
from local.standins.app import Seen, StandIn
from local.standins.geoserver import GeoServer
from local.standins.map import Map

__all__ = ["Api", "GeoServer", "Map", "Seen", "StandIn"]
