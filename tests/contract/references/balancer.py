"""The load balancer has issued certificates, and targets where it is."""

from local.provider.rules.core import values
from tests.contract.references.core import Faults, check
from tests.contract.references.held import found
from tests.contract.references.network import subnets, twice
from tests.contract.world import World


@check("ELB API, CreateRule and CreateListener")
def priorities_and_ports_are_unique(world: World) -> Faults:
    yield from twice(
        world,
        "lb/listenerRule:ListenerRule",
        lambda rule: (rule["listenerArn"], rule["priority"]),
        "priority is another rule's",
    )
    yield from twice(
        world,
        "lb/listener:Listener",
        lambda listener: (listener["loadBalancerArn"], listener["port"]),
        "port is another listener's",
    )


@check("ACM user guide, DNS validation: only an issued certificate can be used")
def certificates_are_issued_before_they_are_used(world: World) -> Faults:
    proofs = {
        proof.inputs["certificateArn"]: proof
        for proof in world.of("acm/certificateValidation:CertificateValidation")
    }
    for thing, where, value, reference, _ in found(world):
        if "acm/certificate" not in reference.targets or thing.type.startswith("acm/"):
            continue
        if value not in proofs or not world.waits(thing, proofs[value]):
            yield thing, f"{where} is not waited for to be issued"


@check("ELB user guide: a load balancer and its targets are in one VPC")
def target_groups_are_in_the_vpc_of_their_load_balancer(world: World) -> Faults:
    for rule in world.of("lb/listenerRule:ListenerRule"):
        listener = world.found("lb/listener:Listener", rule.inputs["listenerArn"], "arn")
        balancer = listener and world.found(
            "lb/loadBalancer:LoadBalancer", listener.inputs["loadBalancerArn"], "arn"
        )
        homes = {s.inputs["vpcId"] for s in subnets(world, balancer)} if balancer else set()
        for _, arn in values(rule.inputs, "actions.targetGroupArn"):
            group = world.found("lb/targetGroup:TargetGroup", arn, "arn")
            if group and homes and group.inputs.get("vpcId") not in homes:
                yield rule, f"actions.targetGroupArn: {group} is of another VPC"
