"""Functions in the VPC, and what must exist for as long as they do."""

from collections.abc import Iterator

from local.record import Recording, Resource


def inside(recording: Recording) -> Iterator[Resource]:
    """The functions that have network interfaces."""
    for function in recording.of("lambda/function:Function"):
        if function.inputs.get("vpcConfig"):
            yield function


def test_the_role_that_manages_the_interfaces_outlives_its_function(stack: Recording) -> None:
    functions = list(inside(stack))
    assert len(functions) == 2
    for function in functions:
        [role] = [r for r in stack.of("iam/role:Role") if r.state["arn"] == function.inputs["role"]]
        [permission] = [
            each
            for each in stack.of("iam/rolePolicy:RolePolicy")
            if each.inputs["role"] == role.id
            and "ec2:DeleteNetworkInterface" in str(each.inputs["policy"])
        ]
        assert {role.urn, permission.urn} <= stack.all_dependencies(function)


def test_a_security_group_and_its_subnets_outlive_the_functions_in_it(stack: Recording) -> None:
    types = ("ec2/securityGroup:SecurityGroup", "ec2/subnet:Subnet")
    urns = {each.id: each.urn for type_ in types for each in stack.of(type_)}
    for function in inside(stack):
        place = function.inputs["vpcConfig"]
        used = {urns[id_] for id_ in (*place["securityGroupIds"], *place["subnetIds"])}
        assert len(used) >= 2
        assert used <= stack.all_dependencies(function)
