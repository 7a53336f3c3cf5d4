"""CloudFront's edge in front of the local stack: what is deployed, run on real HTTPS requests.

The emulator keeps distributions but runs no Lambda@Edge, caches nothing and knows no alias hosts.
This package takes the deployed distributions, policies, functions and listener rules as AWS's APIs
tell them, and serves the distributions' hosts on loopback ports. Chapters named in its docstrings
are of the Amazon CloudFront Developer Guide.
"""

from local.edge.running import RunningEdge, running_edge

__all__ = ["RunningEdge", "running_edge"]
