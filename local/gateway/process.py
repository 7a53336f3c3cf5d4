"""The gateway's process: ministack's application and server, with the gateway between them."""

import asyncio
import importlib
import logging
import os
from pathlib import Path

from . import seams
from .names import RESOLVER
from .serving import Gateway


def run() -> None:
    """Serve on BIND_HOST:GATEWAY_PORT until SIGTERM."""
    app = importlib.import_module("ministack.app").app
    serve = importlib.import_module("hypercorn.asyncio").serve
    config = importlib.import_module("hypercorn.config").Config()
    host, port = os.environ["BIND_HOST"], os.environ["GATEWAY_PORT"]
    config.bind = [f"{host}:{port}"]
    config.keep_alive_timeout = 75  # s, as ministack's own start has it
    config.loglevel = "WARNING"
    _log()
    seams.silence_schedules()
    seams.keep_prefix_lists()
    gateway = Gateway(
        app,
        account=os.environ["MINISTACK_ACCOUNT_ID"],
        region=os.environ["MINISTACK_REGION"],
        endpoint=f"http://{host}:{port}",
        cron=seams.cron,
        home=Path.cwd(),
    )
    seams.listen(gateway.metrics.take)
    seams.alarms(gateway.scaling.alarmed)
    seams.spare_tasks(gateway.protection.is_protected)
    os.environ["PYTHONPATH"] = str(RESOLVER)  # of the functions, which inherit it
    asyncio.run(serve(gateway, config))


def _log() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s gateway %(levelname)s %(message)s"))
    log = logging.getLogger("gateway")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
