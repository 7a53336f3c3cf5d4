"""A stack's status on one screen, readable without colour."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from operate.account import Account
from operate.console import harmless
from operate.services import Service, brief
from operate.status import Status, age

# Of deployments that left the service with another image than was meant, or with none.
_FAILED = frozenset({"ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "ROLLBACK_IN_PROGRESS", "STOPPED"})


def show(status: Status, account: Account, out: Console) -> None:
    """Print it; `!` marks what asks for attention."""
    title = f"{account.stack.prefix} in {account.title}"
    out.print(f"{title}, {status.at:%Y-%m-%d %H:%M} UTC", markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("service", "tasks", "image", "last deployment"):
        table.add_column(heading, overflow="fold")
    for service in status.services:
        _row(
            table,
            _is_wrong(service),
            service.short,
            _tasks(service),
            _image(service),
            _deployment(service, status),
        )
    out.print(table if status.services else "no services yet")
    out.print()
    rest = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        rest.add_column(overflow="fold")
    for service in status.services:
        why = _why(service, status, account)
        if why:
            _row(rest, _is_wrong(service), service.short, why)
    for line in status.lines:
        _row(rest, line.wrong, line.subject, line.text)
    out.print(rest)


def _row(table: Table, wrong: bool, *cells: str) -> None:
    table.add_row(
        "!" if wrong else " ",
        *[escape(harmless(cell)) for cell in cells],
        style="bold red" if wrong else None,
    )


def _is_wrong(service: Service) -> bool:
    failed = service.deployment is not None and service.deployment.status in _FAILED
    return failed or service.running < service.desired


def _tasks(service: Service) -> str:
    told = f"{service.running} of {service.desired}"
    return f"{told}, {service.pending} pending" if service.pending else told


def _image(service: Service) -> str:
    deployment = service.deployment
    if deployment is None or not deployment.image:
        return "none" if service.desired == 0 else "unknown"
    shown = ", ".join(service.tags[:2]) or "(no tag)"
    more = f" and {len(service.tags) - 2} more" if len(service.tags) > 2 else ""
    return f"{shown}{more} {brief(deployment.image)}"


def _deployment(service: Service, status: Status) -> str:
    deployment = service.deployment
    if deployment is None:
        return "none on record"
    since = deployment.ended or deployment.began
    ago = f"{age(since, status.at)} ago ({since:%d %b %H:%M})"
    return f"{deployment.status}, {'begun ' if deployment.at_work else ''}{ago}"


def _why(service: Service, status: Status, account: Account) -> str:
    """What the table has no room for."""
    deployment = service.deployment
    if deployment is not None and deployment.status in _FAILED and deployment.reason:
        return deployment.reason
    if service.name in status.stopped and service.desired == 0:
        return f"an operator stopped it: {account.command(f'start SERVICE={service.short}')}"
    if service.name in status.waiting:
        return "waits for the running hours"
    if service.desired == 0:
        return f"waits for an image or a secret: {account.command('logs SERVICE=rollout')}"
    return ""
