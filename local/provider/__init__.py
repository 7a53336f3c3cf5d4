"""The `aws` and `random` packages for the local stack, by translation into AWS API calls."""

from local.provider.server import Session, serve

__all__ = ["Session", "serve"]
