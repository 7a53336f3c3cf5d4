"""The steps of docs/moving.md, on a stand-in of the former stack, in their order.

What AWS's command line does there, boto3 does here. Not shown are data (one PostgreSQL stands
behind all emulated databases, and nothing behind the disks) and the copy that encrypts a snapshot,
which the emulator lacks.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local import images
from local.account import HOME_REGION
from tests.local import former
from tests.local.stack import ROOT, Local

STACK = "production"
CLUSTER, ROOM = "otakaro-dt-ecs", "otakaro-dt-former"
REPOSITORY = "aws:ecr/repository:Repository"
SERVICE = "aws:ecs/service:Service"
SNAPSHOT = "former-1"
NAMES = ("--set", "mapHost=moving.digitaltwins.nz")
DATA = ("--set", f"databaseRestoreFrom={SNAPSHOT}", "--set", "databaseEngineVersion=15")
ADOPTED = {f"{REPOSITORY} otakaro-dt-{image}-ecr" for image in former.IMAGES} | {
    f"aws:ecs/cluster:Cluster {CLUSTER}"
}


class Old:
    """The former stack: its folder, its state in the backend of `local`, what it has."""

    def __init__(self, local: Local, folder: Path) -> None:
        self._local = local
        self.folder = folder
        folder.mkdir()
        (local.folder / "passphrase").write_text("a passphrase of the team's")
        (local.folder / "state").mkdir()

    def do(self, *words: str, folder: Path | None = None) -> str:
        """Deploy it, or run the engine's command in its folder or another."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.local.former", str(folder or self.folder), *words],
            cwd=ROOT,
            env={**self._local.python_environment, **self._local.engine_environment},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def urns(self) -> list[str]:
        """What its state has."""
        said = self.do("stack", "--show-urns", "--stack", "former")
        return [word for word in said.split() if word.startswith("urn:pulumi:former")]

    def urn(self, kind: str) -> list[str]:
        """Its resources of one type."""
        return [urn for urn in self.urns() if f"::{kind}::" in urn]


@pytest.fixture(scope="module")
def old(local: Local, tmp_path_factory: pytest.TempPathFactory) -> Old:
    """The former stack, deployed, with its images and the team's secrets."""
    stack = Old(local, tmp_path_factory.mktemp("former") / "otakaro")
    stack.do("deploy")
    for image in former.IMAGES:
        with images.made(architecture="amd64", title=image) as layout:
            target = images.Target(
                registry=f"127.0.0.1:{local.port}",
                repository=f"otakaro-dt-{image}-ecr",
                tag="2024.11.27",
            )
            images.push_layout(layout, target)
    for name in former.SECRETS:
        local.aws("ssm").put_parameter(
            Name=name, Value=f"the team's {name}", Type="SecureString", Overwrite=True
        )
    return stack


def digests(local: Local) -> dict[str, str]:
    """The former images as the repositories have them."""
    ecr = local.aws("ecr")
    return {
        image: ecr.describe_images(
            repositoryName=f"otakaro-dt-{image}-ecr", imageIds=[{"imageTag": "2024.11.27"}]
        )["imageDetails"][0]["imageDigest"]
        for image in former.IMAGES
    }


def services(local: Local, cluster: str) -> dict[str, dict[str, Any]]:
    """The active services of a cluster by name."""
    ecs = local.aws("ecs")
    arns = ecs.list_services(cluster=cluster)["serviceArns"]
    found = ecs.describe_services(cluster=cluster, services=arns)["services"] if arns else []
    return {each["serviceName"]: each for each in found if each["status"] == "ACTIVE"}


def zone_id(local: Local) -> str:
    """The only public zone of the domain."""
    zones = local.aws("route53").list_hosted_zones()["HostedZones"]
    (found,) = [zone["Id"] for zone in zones if zone["Name"] == "digitaltwins.nz."]
    return str(found)


def records(local: Local) -> dict[tuple[str, str], dict[str, Any]]:
    """The public zone's records by name and type."""
    dns = local.aws("route53")
    found = dns.list_resource_record_sets(HostedZoneId=zone_id(local))["ResourceRecordSets"]
    return {(each["Name"].rstrip("."), each["Type"]): each for each in found}


@pytest.fixture(scope="module")
def before(local: Local, old: Old) -> dict[str, str]:
    """The former images."""
    assert old.folder.exists()
    return digests(local)


# 1. The states


def test_the_former_state_gets_another_name_and_protects_what_stays(old: Old) -> None:
    old.do("stack", "rename", "former", "--stack", "production")
    kinds = (
        "aws:route53/zone:Zone",
        "aws:ecs/cluster:Cluster",
        REPOSITORY,
        "aws:rds/instance:Instance",
        "aws:efs/fileSystem:FileSystem",
    )
    urns = [urn for kind in kinds for urn in old.urn(kind)]
    assert len(urns) == 7
    old.do("state", "protect", *urns, "--stack", "former", "--yes")


# 2. What both have is taken over


def test_repositories_and_cluster_are_taken_over(
    local: Local, old: Old, before: dict[str, str]
) -> None:
    assert local.run("preview", *NAMES).returncode == 0  # makes the stack
    assert before
    old.do(
        "import",
        *("--file", str(ROOT / "docs" / "adopt.json"), "--stack", "production"),
        *("--generate-code=false", "--protect=false", "--yes", "--skip-preview"),
        folder=local.folder / local.stack,
    )
    done = local.do("preview", *NAMES)
    assert {done[name] for name in ADOPTED} == {"update"}


# 3. Room for services of the same names


def test_the_former_services_go_on_in_a_cluster_of_their_own(local: Local, old: Old) -> None:
    ecs, events = local.aws("ecs"), local.aws("events")
    rules = events.list_rules(NamePrefix="otakaro-dt-")["Rules"]
    for rule in rules:
        events.disable_rule(Name=rule["Name"])
    assert len(rules) == len(former.SERVICES)
    ecs.create_cluster(clusterName=ROOM)
    for name, service in services(local, CLUSTER).items():
        kept = ("taskDefinition", "loadBalancers", "desiredCount", "launchType")
        ecs.create_service(
            cluster=ROOM,
            serviceName=name,
            networkConfiguration=service["networkConfiguration"],
            **{key: service[key] for key in kept},
        )
        ecs.delete_service(cluster=CLUSTER, service=name, force=True)
    # At once: those that come will have the same ARNs, and would be deleted with the former stack.
    old.do("refresh", "--stack", "former", "--yes", "--skip-preview")
    assert old.urn(SERVICE) == []
    assert services(local, CLUSTER) == {}
    assert {name: each["desiredCount"] for name, each in services(local, ROOM).items()} == {
        f"otakaro-dt-{name}": count for name, (_, _, count) in former.SERVICES.items()
    }


# 4. and 5. The new stack beside the former, with its data


def test_the_new_stack_comes_up_beside_the_former_under_other_hosts(
    local: Local, old: Old, before: dict[str, str]
) -> None:
    (instance,) = local.aws("rds").describe_db_instances()["DBInstances"]
    local.aws("rds").create_db_snapshot(
        DBSnapshotIdentifier=SNAPSHOT, DBInstanceIdentifier=instance["DBInstanceIdentifier"]
    )
    done = local.do("up", *NAMES, *DATA)
    assert {done[name] for name in ADOPTED} == {"update"}
    assert {step for name, step in done.items() if name not in ADOPTED} == {"create"}
    assert digests(local) == before
    hosts = {name for name, kind in records(local) if kind == "A"}
    assert hosts == {f"{label}moving.digitaltwins.nz" for label in ("", "api.", "gs.")}
    assert {name for name, kind in records(local) if kind == "CNAME"} >= set(former.HOSTS)
    assert local.do("up", *NAMES, *DATA) == {}
    assert old.urns()


def test_files_are_replicated_into_the_encrypted_disk(local: Local) -> None:
    efs = local.aws("efs")
    disks = {each["Encrypted"]: each for each in efs.describe_file_systems()["FileSystems"]}
    source, target = disks[False]["FileSystemId"], disks[True]["FileSystemId"]
    efs.update_file_system_protection(
        FileSystemId=target, ReplicationOverwriteProtection="DISABLED"
    )
    efs.create_replication_configuration(
        SourceFileSystemId=source, Destinations=[{"FileSystemId": target, "Region": HOME_REGION}]
    )
    (pair,) = efs.describe_replication_configurations(FileSystemId=source)["Replications"]
    assert pair["Destinations"][0]["FileSystemId"] == target
    efs.delete_replication_configuration(SourceFileSystemId=source)
    assert local.do("up", *NAMES, *DATA) == {}


def test_secrets_and_a_tag_of_each_image_start_the_services(local: Local) -> None:
    ssm, ecr = local.aws("ssm"), local.aws("ecr")
    for name in former.SECRETS:
        value = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        ssm.put_parameter(
            Name=f"/otakaro-dt/{name}", Value=value, Type="SecureString", Overwrite=True
        )
    for image in former.IMAGES:
        repository = f"otakaro-dt-{image}-ecr"
        found = ecr.batch_get_image(
            repositoryName=repository, imageIds=[{"imageTag": "2024.11.27"}]
        )["images"][0]
        ecr.put_image(
            repositoryName=repository, imageManifest=found["imageManifest"], imageTag="moved-1"
        )
    until = time.monotonic() + 180
    while any(each["desiredCount"] == 0 for each in services(local, CLUSTER).values()):
        assert time.monotonic() < until, services(local, CLUSTER)
        time.sleep(1)
    assert set(services(local, CLUSTER)) == {f"otakaro-dt-{name}" for name in former.SERVICES}
    assert local.do("up", *NAMES, *DATA) == {}


# 6. to 8. The hosts


def test_the_hosts_go_over_to_the_new_stack(local: Local) -> None:
    edge, dns = local.aws("cloudfront"), local.aws("route53")
    listed = edge.list_distributions()["DistributionList"]["Items"]
    (theirs,) = [d["Id"] for d in listed if set(former.HOSTS) <= set(d["Aliases"].get("Items", []))]
    got = edge.get_distribution_config(Id=theirs)
    released = got["DistributionConfig"] | {"Aliases": {"Quantity": 0}}
    edge.update_distribution(Id=theirs, IfMatch=got["ETag"], DistributionConfig=released)
    changes = [
        {"Action": "DELETE", "ResourceRecordSet": records(local)[host, "CNAME"]}
        for host in former.HOSTS
    ]
    dns.change_resource_record_sets(HostedZoneId=zone_id(local), ChangeBatch={"Changes": changes})
    done = local.do("up", *DATA)
    assert not [n for n, s in done.items() if n.startswith(SERVICE) and s != "update"]
    assert not [n for n in done if "rds/instance" in n or "efs/fileSystem" in n]
    taken = {
        alias: each["DomainName"]
        for each in edge.list_distributions()["DistributionList"]["Items"]
        for alias in each["Aliases"].get("Items", [])
    }
    assert set(taken) == set(former.HOSTS)
    for host in former.HOSTS:
        assert records(local)[host, "A"]["AliasTarget"]["DNSName"].rstrip(".") == taken[host]
    assert not [name for name, _ in records(local) if "moving." in name and name[0] != "_"]
    assert local.do("up", *DATA) == {}


# 9. The former stack goes


def test_the_former_stack_goes_without_touching_the_new_one(
    local: Local, old: Old, before: dict[str, str]
) -> None:
    running = services(local, CLUSTER)
    for name in services(local, ROOM):
        local.aws("ecs").delete_service(cluster=ROOM, service=name, force=True)
    local.aws("ecs").delete_cluster(cluster=ROOM)
    proofs = {name: kind for name, kind in records(local) if name.startswith("_")}
    assert {name.split(".", 1)[1] for name in proofs} >= {*former.HOSTS}
    shared = [urn for urn in old.urn("aws:route53/record:Record") if "-validation-" in urn]
    assert len(shared) == len(former.HOSTS)
    # Both stacks have these records in their states; destroying either deletes them.
    old.do("state", "delete", *shared, "--stack", "former", "--yes")
    old.do("refresh", "--stack", "former", "--yes", "--skip-preview")
    old.do("destroy", "--stack", "former", "--exclude-protected", "--yes", "--skip-preview")
    left = {urn.split("::")[2] for urn in old.urns()} - {"pulumi:pulumi:Stack"}
    assert {
        "aws:route53/zone:Zone",
        "aws:ecs/cluster:Cluster",
        REPOSITORY,
        "aws:rds/instance:Instance",
        "aws:efs/fileSystem:FileSystem",
    } <= left
    assert "aws:cloudfront/distribution:Distribution" not in left
    assert "aws:lb/loadBalancer:LoadBalancer" not in left
    # Without them ACM could not renew the new stack's certificates, months later.
    assert {name: kind for name, kind in records(local) if name.startswith("_")} == proofs
    assert services(local, CLUSTER).keys() == running.keys()
    assert all(each["desiredCount"] for each in services(local, CLUSTER).values())
    assert digests(local) == before
    for name in former.SECRETS:
        kept = local.aws("ssm").get_parameter(Name=f"/otakaro-dt/{name}", WithDecryption=True)
        assert kept["Parameter"]["Value"] == f"the team's {name}"
    assert len(local.aws("rds").describe_db_instances()["DBInstances"]) == 2
    assert len(local.aws("efs").describe_file_systems()["FileSystems"]) == 2
