"""SSM: an edit of a parameter is told, without its value."""

from typing import Final

from .bus import Bus
from .calls import Answer, Part, Request
from .deployment import present

SSM: Final = "AmazonSSM"


class Parameters:
    """The events of parameters."""

    def __init__(self, account: str, bus: Bus) -> None:
        self._account = account
        self._bus = bus
        self.part = Part(
            follows={
                (SSM, "PutParameter"): self._put,
                (SSM, "DeleteParameter"): self._deleted,
                (SSM, "DeleteParameters"): self._all_deleted,
            }
        )

    def _put(self, request: Request, said: Answer) -> None:
        operation = "Create" if said.get("Version") == 1 else "Update"
        self._tell(request, request.asked["Name"], operation)

    def _deleted(self, request: Request, _said: Answer) -> None:
        self._tell(request, request.asked["Name"], "Delete")

    def _all_deleted(self, request: Request, said: Answer) -> None:
        for name in said.get("DeletedParameters", []):
            self._tell(request, name, "Delete")

    def _tell(self, request: Request, name: str, operation: str) -> None:
        asked = request.asked
        detail = present(
            operation=operation,
            name=name,
            type=asked.get("Type", "SecureString"),
            description=asked.get("Description"),
        )
        arn = f"arn:aws:ssm:{request.region}:{self._account}:parameter/{name.removeprefix('/')}"
        self._bus.emit(request.region, "aws.ssm", "Parameter Store Change", detail, arn)
