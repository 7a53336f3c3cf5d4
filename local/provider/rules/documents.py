"""Policy documents and tags: what every type that has them must keep to."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from local.provider.rules.core import OFFERED, Block, at_most, blocks, document, like, of

_ARN = re.compile(r"arn:[^:]+:[a-z0-9-]*:[a-z0-9*-]*:(\d{12}|aws|\*)?:.+")
_OPERATORS = re.compile(
    r"(ForAllValues:|ForAnyValue:)?"
    r"((String(Not)?(Equals|Like)(IgnoreCase)?|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Bool"
    r"|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|BinaryEquals)(IfExists)?|Null)"
)
_KEY = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9._:/${}-]+")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(policy: Any) -> list[Block]:
    return blocks(document(policy)["Statement"])


def _known_action(action: str) -> bool:
    """Whether the Service Authorization Reference has an action that is meant."""
    if action == "*":
        return True
    service, _, name = action.lower().partition(":")
    known = OFFERED["actions"].get(service, "").split()
    return any(fnmatchcase(each, name) for each in known)


def _actions(policy: Any) -> bool:
    named = [
        a
        for s in _statements(policy)
        for k in ("Action", "NotAction")
        for a in _listed(s.get(k, []))
    ]
    return bool(named) and all(map(_known_action, named))


def _resources(policy: Any) -> bool:
    named = [
        r
        for s in _statements(policy)
        for k in ("Resource", "NotResource")
        for r in _listed(s.get(k, []))
    ]
    return all(resource == "*" or _ARN.fullmatch(resource) for resource in named)


def _conditions(policy: Any) -> bool:
    found = [each for s in _statements(policy) for each in s.get("Condition", {}).items()]
    return all(
        _OPERATORS.fullmatch(operator) and all(map(_KEY.fullmatch, keys))
        for operator, keys in found
    )


def _shape(policy: Any, *, principal: bool, resource: bool) -> Iterator[bool]:
    whole = document(policy)
    yield whole.get("Version") in ("2012-10-17", "2008-10-17")
    yield {*whole} <= {"Version", "Id", "Statement"} and bool(whole["Statement"])
    sids = [s["Sid"] for s in _statements(policy) if "Sid" in s]
    yield len({*sids}) == len(sids)
    for statement in _statements(policy):
        yield statement["Effect"] in ("Allow", "Deny")
        yield ("Action" in statement) != ("NotAction" in statement)
        yield bool({"Principal", "NotPrincipal"} & {*statement}) == principal
        yield bool({"Resource", "NotResource"} & {*statement}) == resource
        yield {*statement} <= {"Sid", "Effect", "Action", "NotAction", "Principal", "NotPrincipal",
            "Resource", "NotResource", "Condition"}  # fmt: skip


def _principals(policy: Any) -> bool:
    """IAM user guide, "AWS JSON policy elements: Principal"."""
    forms = {
        "Service": re.compile(r"[a-z0-9.-]+\.amazonaws\.com"),
        "AWS": re.compile(r"\*|\d{12}|arn:aws:(iam|sts)::\d{12}:.+"),
        "Federated": re.compile(".+"),
    }
    for statement in _statements(policy):
        named = statement.get("Principal", "*")
        if named == "*":
            continue
        for kind, values in named.items():
            if not all(forms[kind].fullmatch(value) for value in _listed(values)):
                return False
    return True


_SHAPE = "must be statements with Effect, Action"
_ROWS = (
    (_actions, "names an action that AWS doesn't have"),
    (_resources, "names a resource that is no ARN"),
    (_conditions, "has a condition that AWS doesn't know"),
)
_OF_RESOURCES = """
    s3/bucketPolicy:BucketPolicy sqs/queuePolicy:QueuePolicy sns/topicPolicy:TopicPolicy
    efs/fileSystemPolicy:FileSystemPolicy
    """


def _identified(policy: Any) -> bool:
    """Whether a policy and each of its statements have an identifier."""
    return bool(document(policy).get("Id")) and all(s.get("Sid") for s in _statements(policy))


def _size(value: Any) -> int:
    """Characters as IAM counts them: without white space."""
    return len(re.sub(r"\s", "", value if isinstance(value, str) else str(value)))


# A row reads best in one place.
# fmt: off
RULES = (
    *of("iam/rolePolicy:RolePolicy iam/policy:Policy", "IAM user guide, Policy grammar",
        ("policy", lambda p: all(_shape(p, principal=False, resource=True)),
            f"{_SHAPE}, Resource and no Principal"),
        *(("policy", test, words) for test, words in _ROWS)),
    *of("iam/role:Role", "IAM user guide, Policy grammar",
        ("assumeRolePolicy", lambda p: all(_shape(p, principal=True, resource=False)),
            f"{_SHAPE} and Principal, without Resource"),
        ("assumeRolePolicy", _actions, "names an action that AWS doesn't have"),
        ("assumeRolePolicy", _principals, "has a principal of no known form")),
    *of(_OF_RESOURCES, "IAM user guide, Policy grammar",
        ("policy", lambda p: all(_shape(p, principal=True, resource=True)),
            f"{_SHAPE}, Resource and Principal"),
        ("policy", _principals, "has a principal of no known form"),
        *(("policy", test, words) for test, words in _ROWS)),
    *of("efs/fileSystemPolicy:FileSystemPolicy", "EFS API, PutFileSystemPolicy, example",
        ("policy", _identified,
            "must have an Id, and a Sid in each statement: EFS adds its own to one without")),
    *of("iam/role:Role", "IAM user guide, IAM and STS quotas",
        ("assumeRolePolicy", lambda p: _size(p) <= 2048, "may have 2048 characters")),
    *of("iam/rolePolicy:RolePolicy", "IAM user guide, IAM and STS quotas",
        ("policy", lambda p: _size(p) <= 10240, "may have 10240 characters")),
    *of("iam/policy:Policy", "IAM user guide, IAM and STS quotas",
        ("policy", lambda p: _size(p) <= 6144, "may have 6144 characters")),
    *of("s3/bucketPolicy:BucketPolicy", "S3 user guide, Bucket policies",
        ("policy", at_most(20480), "may have 20 KB")),
    *of("*", "Tagging best practices, Tag naming limits",
        ("tagsAll", at_most(50), "may be 50"),
        ("tagsAll", lambda tags: all(re.fullmatch(r"(?i)(?!aws:)[\w .:/=+@-]{1,128}", key)
            for key in tags), "must have keys of 128 letters, digits and _.:/=+-@ not from aws:"),
        ("tagsAll", lambda tags: all(re.fullmatch(r"[\w .:/=+@-]{0,256}", str(value))
            for value in tags.values()), "must be 256 letters, digits, spaces and _.:/=+-@")),
    *of("*", "AWS General Reference, Amazon Resource Names",
        *((key, like(_ARN.pattern), "must be an ARN") for key in (
            "arn", "iamRoleArn", "executionRoleArn", "taskRoleArn", "monitoringRoleArn",
            "policyArn", "eventSourceArn", "loadBalancerArn", "listenerArn", "certificateArn",
            "logDestination", "alarmActions[]", "okActions[]", "loadBalancers.targetGroupArn",
            "serviceRegistries.registryArn", "actions.targetGroupArn"))),
)
