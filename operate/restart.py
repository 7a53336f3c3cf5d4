"""New deployments of what runs, watched to their end."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from operate.account import Account
from operate.errors import OperateError
from operate.question import ask
from operate.services import Service, Services, brief

# ECS gives up on a deployment when tasks have failed often enough, else it goes on for ever.
_PATIENCE: Final = 3600.0  # s


def restart(
    account: Account,
    service: str,
    *,
    sure: bool,
    pause: float,
    tell: Callable[[str], None],
) -> None:
    """Deploy the image of a service, or of the backend's two, afresh.

    The tasks start with the image behind the tag `live`, as after a push (lambdas/rollout), and the
    circuit breaker takes back what doesn't start.

    Args:
        account: the account that is meant.
        service: its short name.
        sure: don't ask.
        pause: seconds between two looks at the deployments.
        tell: called with each step.

    Raises:
        OperateError: it can't be begun, it isn't wanted, or a deployment failed.
    """
    services = Services(account)
    names = services.chosen(service)
    before = services.described(names)
    _refuse(account, before)
    if not (sure or account.emulated):
        _ask(account, service, before)
    ecs = account.client("ecs")
    for each in before:
        ecs.update_service(
            cluster=account.stack.cluster, service=each.name, forceNewDeployment=True
        )
    tell(f"new deployments of {', '.join(names)} asked for in {account.title}")
    try:
        failed = _watch(services, before, pause=pause, tell=tell)
    except KeyboardInterrupt as error:
        raise OperateError(
            f"interrupted; the deployments go on by themselves, {account.command('status')} tells "
            "how they end"
        ) from error
    if failed:
        raise OperateError(
            f"the restart failed, and what ran before still does: {', '.join(failed)}; "
            f"{account.command(f'logs SERVICE={service}')} tells more"
        )


def _watch(
    services: Services, before: Sequence[Service], *, pause: float, tell: Callable[[str], None]
) -> list[str]:
    """Tell how each new deployment ends; those that failed, with the reason."""
    began = time.monotonic()
    failed = []
    for each in _ended(services, before, pause=pause):
        assert each.deployment is not None  # noqa: S101 - it has ended
        seconds = time.monotonic() - began
        tell(
            f"{seconds:6.1f} s  {each.name}: {each.deployment.status}, "
            f"{each.running} of {each.desired} running, {brief(each.deployment.image)}"
        )
        if each.deployment.status != "SUCCESSFUL":
            failed.append(f"{each.name} ({each.deployment.reason or each.deployment.status})")
    return failed


def _refuse(account: Account, services: Sequence[Service]) -> None:
    for each in services:
        if each.deployment is not None and each.deployment.at_work:
            raise OperateError(
                f"{each.name} is being deployed already ({each.deployment.status}): "
                f"{account.command('status')} tells when that has ended"
            )
    if not any(each.desired for each in services):
        raise OperateError(
            f"{services[0].name} has no tasks to restart: it waits for an image or a secret, "
            f"{account.command('logs SERVICE=rollout')} says for which"
        )


def _ask(account: Account, service: str, services: Sequence[Service]) -> None:
    names = ", ".join(each.name for each in services)
    away = " It is away meanwhile." if any(each.pauses for each in services) else ""
    ask(
        f"Restart {names} in {account.title}?{away}",
        unattended=f"nobody is there to say whether {names} shall restart in {account.title}: "
        f"{account.command(f'restart SERVICE={service} YES=1')} does not ask",
        otherwise="nothing was restarted",
    )


def _ended(services: Services, before: Sequence[Service], *, pause: float) -> Iterator[Service]:
    """Each service when its new deployment has ended."""
    old = {each.name: each.deployment.arn if each.deployment else "" for each in before}
    left = list(old)
    until = time.monotonic() + _PATIENCE
    while left:
        time.sleep(pause)
        for each in services.described(left):
            new = each.deployment is not None and each.deployment.arn != old[each.name]
            if each.deployment is not None and new and not each.deployment.at_work:
                left.remove(each.name)
                yield each
        if time.monotonic() > until:
            raise OperateError(
                f"after {_PATIENCE / 60:.0f} min {', '.join(left)} is still being deployed; "
                "that goes on without this command"
            )
