"""Names are an object's alone, families of parameters those of their engine."""

from tests.contract.references.core import Faults, check
from tests.contract.references.held import GLOBAL
from tests.contract.world import Thing, World


@check("the API of the type: a name is an object's of its kind only")
def names_are_unique(world: World) -> Faults:
    keys = ("name", "identifier", "replicationGroupId", "bucket", "family")
    seen: dict[tuple[str, ...], Thing] = {}
    for thing in world.things:
        folder = thing.type.partition("/")[0]
        if thing.type.startswith(("route53/", "s3/bucket")) and thing.type != "s3/bucket:Bucket":
            continue
        if thing.type in ("iam/rolePolicy:RolePolicy", "ec2/defaultSecurityGroup:"):
            folder = str(thing.inputs.get("role"))
        for key in keys:
            if key in thing.inputs:
                place = "" if thing.type.startswith(GLOBAL) else thing.region
                scope = str(thing.inputs.get("dnsConfig", {}).get("namespaceId", ""))
                slot = (thing.type, folder, place, scope, key, str(thing.inputs[key]))
                if slot in seen:
                    yield thing, f"{key} is another's ({seen[slot].name})"
                seen[slot] = thing


@check("RDS user guide, Parameter groups; ElastiCache user guide, Parameter groups")
def parameter_families_are_the_engines(world: World) -> Faults:
    for instance in world.of("rds/instance:Instance"):
        key = instance.inputs.get("parameterGroupName")
        group = world.found("rds/parameterGroup:ParameterGroup", key, "name")
        major = str(instance.inputs["engineVersion"]).split(".")[0]
        family = f"{instance.inputs['engine']}{major}"
        if group and group.inputs["family"] != family:
            yield instance, f"parameterGroupName: family must be {family}"
    for cache in world.of("elasticache/replicationGroup:ReplicationGroup"):
        key = cache.inputs.get("parameterGroupName")
        group = world.found("elasticache/parameterGroup:ParameterGroup", key, "name")
        version = str(cache.inputs.get("engineVersion", "7.1"))
        major = "6.x" if version.startswith("6.") else version.split(".")[0]
        family = f"{cache.inputs.get('engine', 'redis')}{major}"
        if group and group.inputs["family"] != family:
            yield cache, f"parameterGroupName: family must be {family}"
