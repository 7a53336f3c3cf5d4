"""What must hold between resources: references lead to something of the right kind, region and
VPC, in time; what belongs together is together.

`CHECKS` has every check of these modules, by name.
"""

from tests.contract.references import (
    balancer,
    edge,
    events,
    held,
    names,
    network,
    roles,
    running,
)
from tests.contract.references.core import CHECKS, broken
from tests.contract.references.held import found

# Each module adds its checks when it is imported.
MODULES = (balancer, edge, events, held, names, network, roles, running)

__all__ = ["CHECKS", "MODULES", "broken", "found"]
