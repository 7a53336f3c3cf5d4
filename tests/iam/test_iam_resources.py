"""What has a policy of its own admits those whom the program means, at work for this stack."""

from typing import Any

from local.iam.simulator import Request, Simulator
from local.record import ACCOUNT
from tests.iam.asking import allowed, asks, decided, refused
from tests.iam.needs import Need, Program, Visit

MOUNT, WRITE = "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"
ROOT = "elasticfilesystem:ClientRootAccess"


def test_services_of_aws_reach_what_they_must(simulator: Simulator, program: Program) -> None:
    visits = [_asks(visit) for visit in program.visits()]
    assert {visit.action for visit in visits} >= {"sqs:SendMessage", "sns:Publish", "s3:PutObject"}
    assert refused(decided(simulator, program, visits)) == set()


def test_at_work_for_others_they_reach_nothing(simulator: Simulator, program: Program) -> None:
    visits = [
        _asks(visit, context=visit.stranger)
        for visit in program.visits()
        if visit.stranger is not None
    ]
    assert allowed(decided(simulator, program, visits)) == set()


def test_other_services_and_people_reach_nothing(simulator: Simulator, program: Program) -> None:
    visits = list(program.visits())
    guests = {(visit.service, visit.policy, visit.need.action) for visit in visits}
    others = {visit.service for visit in visits}
    others |= {"s3.amazonaws.com", "ec2.amazonaws.com", "arn:aws:iam::222233334444:root"}
    requests = [
        _asks(visit, principal=other)
        for visit in visits
        for other in sorted(others)
        if (other, visit.policy, visit.need.action) not in guests
    ]
    assert len(requests) > 100
    assert allowed(decided(simulator, program, requests)) == set()


def test_everyone_whom_a_policy_admits_is_known(program: Program) -> None:
    admitted = {
        (urn, _name(statement["Principal"]), action)
        for urn, policy in program.resource_policies.items()
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }
    known = {(visit.policy, visit.service, visit.need.action) for visit in program.visits()}
    people = {one for one in admitted if one[1] == f"arn:aws:iam::{ACCOUNT}:root"}
    assert {action for _, _, action in people} == {MOUNT, WRITE}
    assert admitted - people == known


def _name(principal: dict[str, str]) -> str:
    [name] = principal.values()
    return name


def _asks(visit: Visit, **changes: Any) -> Request:
    request: dict[str, Any] = {
        "principal": visit.service,
        "action": visit.need.action,
        "resource": visit.need.resource,
        "account": ACCOUNT,
        "context": visit.need.context,
        "attached": visit.policy,
    }
    return Request(**request | changes)


def test_files_are_reached_by_a_services_own_folder_over_tls_alone(
    simulator: Simulator, program: Program
) -> None:
    holders = [
        (role, need) for role in program.roles for need in role.needs if need.action == WRITE
    ]
    points: dict[str, set[str]] = {}
    for role, need in holders:
        own = str(need.context["elasticfilesystem:AccessPointArn"])
        points.setdefault(role.arn, set()).add(own)
    # GeoServer has its own folder; API and worker have theirs and GeoServer's.
    assert sorted(map(len, points.values())) == [1, 2, 2]
    everyone = set().union(*points.values())
    assert len(everyone) == 2
    requests = []
    for role, need in holders:
        own = str(need.context["elasticfilesystem:AccessPointArn"])
        strange: list[dict[str, Any]] = [
            {"elasticfilesystem:AccessPointArn": point}
            for point in sorted(everyone - points[role.arn])
        ]
        strange += [
            {"aws:SecureTransport": "false"},
            {"elasticfilesystem:AccessedViaMountTarget": "false"},
            {"elasticfilesystem:AccessPointArn": f"{own}-other"},
        ]
        for action in (MOUNT, WRITE):
            requests += [
                _mounts(program, role, action, need, need.context | change) for change in strange
            ]
            without = {k: v for k, v in need.context.items() if "AccessPoint" not in k}
            requests.append(_mounts(program, role, action, need, without))
        requests.append(_mounts(program, role, ROOT, need, need.context))
    pairs = decided(simulator, program, requests)
    assert allowed(pairs) == set()
    root = [answer for one, answer in pairs if one.action == ROOT]
    assert {answer.decision for answer in root} == {"ExplicitlyDenied"}


def _mounts(
    program: Program, role: Any, action: str, need: Need, context: dict[str, Any]
) -> Request:
    return asks(program, role, Need(action=action, resource=need.resource, context=context))


def test_nobody_reaches_a_bucket_in_plain_text(simulator: Simulator, program: Program) -> None:
    buckets = {
        urn: policy["Statement"][0]["Resource"][0]
        for urn, policy in program.resource_policies.items()
        if "bucketPolicy" in urn
    }
    assert buckets
    requests = [
        Request(
            principal=f"arn:aws:iam::{ACCOUNT}:user/administrator",
            action=action,
            resource=resource.rstrip("*") + "x",
            account=ACCOUNT,
            context={"aws:SecureTransport": transport},
            identity=("everything",),
            attached=urn,
        )
        for urn, resource in buckets.items()
        for action in ("s3:GetObject", "s3:PutObject")
        for transport in ("true", "false")
    ]
    everything = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
    answers = simulator.decide(requests, {**program.resource_policies, "everything": everything})
    for request, answer in zip(requests, answers, strict=True):
        safe = request.context["aws:SecureTransport"] == "true"
        assert answer.decision == ("Allowed" if safe else "ExplicitlyDenied"), request
