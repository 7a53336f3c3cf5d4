"""Where each input of each type goes in the API.

`python -m tests.contract.mapping` writes mapping.json anew; its diff shows what a change moved.
"""

import json
from pathlib import Path

from local.provider.catalogue import TYPES, find

FILE = Path(__file__).with_name("mapping.json")


def computed() -> dict[str, dict[str, str]]:
    return {token: find(token).mapping() for token in sorted(TYPES)}


def frozen() -> dict[str, dict[str, str]]:
    mapping: dict[str, dict[str, str]] = json.loads(FILE.read_text())
    return mapping


if __name__ == "__main__":
    FILE.write_text(json.dumps(computed(), indent=1) + "\n")
