"""Restart, stop and start single services.

AWS keeps a service at 0 tasks only if nothing raises its desired count: a scale-out alarm does,
whatever the count (ECS developer guide, "Step scaling policies"), and the rollout function starts
every service that has an image and its secrets. So a stop also sets the minimum of its scaling to 0
and suspends all scaling, which the rollout function takes for an operator's stop
(lambdas/rollout/counts.py); a start takes that back.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from operate import hours
from operate.account import Account
from operate.errors import OperateError
from operate.question import ask
from operate.services import Service, Services, brief

# ECS gives up on a deployment when tasks have failed often enough, else it goes on for ever.
_PATIENCE: Final = 3600.0  # s
# The function answers within seconds; one that is busy, within minutes.
_STARTING: Final = 120.0  # s


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


def stop(
    account: Account,
    service: str,
    *,
    sure: bool,
    pause: float,
    tell: Callable[[str], None],
) -> None:
    """Stop a service, or the backend's two, until it is started again.

    Args:
        account: the account that is meant.
        service: its short name.
        sure: don't ask.
        pause: seconds between two looks at the tasks.
        tell: called with each step.

    Raises:
        OperateError: it can't be begun, it isn't wanted, or tasks are left after an hour.
    """
    services = Services(account)
    names = services.chosen(service)
    listed = ", ".join(names)
    if not (sure or account.emulated):
        ask(
            f"Stop {listed} in {account.title}?",
            unattended=f"nobody is there to say whether {listed} shall stop in {account.title}: "
            f"{account.command(f'stop SERVICE={service} YES=1')} does not ask",
            otherwise="nothing was stopped",
        )
    ecs = account.client("ecs")
    for name in names:
        _suspend(account, name, held=True)
        ecs.update_service(cluster=account.stack.cluster, service=name, desiredCount=0)
    starts = account.command(f"start SERVICE={service}")
    tell(f"{listed} stops in {account.title}; {starts} starts it again")
    began = time.monotonic()
    left = list(names)
    while left:
        time.sleep(pause)
        for each in services.described(left):
            if each.desired:  # what scaling had begun before
                ecs.update_service(cluster=account.stack.cluster, service=each.name, desiredCount=0)
            elif each.running + each.pending == 0:
                left.remove(each.name)
                tell(f"{time.monotonic() - began:6.1f} s  {each.name}: no task is left")
        if left and time.monotonic() > began + _PATIENCE:
            raise OperateError(
                f"after {_PATIENCE / 60:.0f} min tasks of {', '.join(left)} still run, as those do "
                "that compute; they end without this command"
            )


def start(account: Account, service: str, *, pause: float, tell: Callable[[str], None]) -> None:
    """Start a service that was stopped, or the backend's two.

    Args:
        account: the account that is meant.
        service: its short name.
        pause: seconds between two looks at the services.
        tell: called with each step.

    Raises:
        OperateError: it isn't started, because it lacks something or its hours are over.
    """
    services = Services(account)
    names = services.chosen(service)
    for each in services.described(names):
        _suspend(account, each.name, held=False)
    hours.order(account, "Look")  # which happens every five minutes anyway
    tell(f"{', '.join(names)} may run in {account.title}: the rollout function starts it")
    until = time.monotonic() + _STARTING
    left = list(names)
    while left:
        time.sleep(pause)
        for each in services.described(left):
            if each.desired:
                left.remove(each.name)
                tell(f"{each.name} starts with {each.desired}")
        if left and time.monotonic() > until:
            raise OperateError(
                f"{', '.join(left)} was not started: it waits for an image, a secret or the "
                f"running hours, {account.command('logs SERVICE=rollout')} says for which"
            )


def _suspend(account: Account, name: str, *, held: bool) -> None:
    """Have scaling leave a service without tasks; `held`: the rollout function, too."""
    account.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{account.stack.cluster}/{name}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=0,
        SuspendedState={
            "DynamicScalingInSuspended": True,
            "DynamicScalingOutSuspended": True,
            "ScheduledScalingSuspended": held,
        },
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
