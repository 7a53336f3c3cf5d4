"""What runs: roles, functions, containers, images, scaling, service discovery."""

import json
import time
from collections.abc import Collection, Mapping
from typing import Any

from local.provider.aws import AwsError
from local.provider.lifecycle import Steps, Type
from local.provider.parts import Call, Change, Context, Name, Scope, Seen, Tagging, When, op
from local.provider.wire import UNKNOWN

DRAINED = 20.0  # s; 20 minutes in the official provider (ecs/service.go, Timeouts)


class Function(Type):
    """Publishing makes a version; the outputs then name the newest one."""

    def run(
        self, steps: Steps, inputs: Scope, changed: Collection[str], scope: Scope, context: Context
    ) -> None:
        super().run(steps, inputs, changed, scope, context)
        if steps is self.updates and inputs.get("publish") and {*changed} - {"tags", "tagsAll"}:
            self.call(op("PublishVersion"), {"FunctionName": scope["id"]}, context)

    def refreshed(
        self, id_: str, olds: Scope, inputs: dict[str, Any], context: Context
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        found = super().refreshed(id_, olds, inputs, context)
        if found and olds.get("codeSha256") and found[0].get("codeSha256") != olds["codeSha256"]:
            for part in found:  # someone else has put other code there
                part.pop("code", None)
        return found


class Invocation(Type):
    """The function runs once when the resource is made; its answer is the output."""

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        answer = super().call(step, request, context)
        if step.op == "Invoke":
            answer["Payload"] = answer["Payload"].read().decode()
            if "FunctionError" in answer:
                raise AwsError("lambda:Invoke", answer["FunctionError"], answer["Payload"][:500])
        return answer


class TaskDefinition(Type):
    """Container definitions are one JSON text: kept in a form that means the same to AWS."""

    def normalise(self, inputs: dict[str, Any]) -> dict[str, Any]:
        text = inputs.get("containerDefinitions", UNKNOWN)
        if text == UNKNOWN:
            return inputs
        containers = json.loads(text) if isinstance(text, str) else text
        for container in containers:
            for key in [key for key, value in container.items() if value in (None, [])]:
                del container[key]
            for key in ("environment", "secrets"):
                if key in container:
                    container[key] = sorted(container[key], key=lambda item: str(item.get("name")))
        return {**inputs, "containerDefinitions": json.dumps(containers, sort_keys=True)}

    def look(self, scope: Scope, context: Context) -> Seen | None:
        """The revision that this resource made, or the family's newest where it is not known."""
        newest = scope.get("trackLatest") or "arn" not in scope
        return super().look({**scope, "arn": scope["id"]} if newest else scope, context)


class Service(Type):
    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        updates = step.op == "UpdateService" and step not in self.deletes
        if updates and scope.get("forceNewDeployment"):
            request["forceNewDeployment"] = True
        if step is self.create:
            request.setdefault("desiredCount", 0)
        return request

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        """Drain the service, delete it, and wait until its tasks have stopped
        (ecs/service.go:resourceServiceDelete)."""
        scope, force = context.scope(olds, id=id_), olds.get("forceDelete") is True
        seen = self.look(scope, context)
        if seen is None:
            return
        drain, delete = self.deletes
        if seen.members["status"] != "DRAINING" and not force:
            self.ask(drain, scope, context)
        self.call(delete, {**self.request(delete, {}, scope), "force": force}, context)
        deadline = time.monotonic() + DRAINED
        while self.look(scope, context) is not None:
            if time.monotonic() > deadline:
                told = f"waiting for ECS Service ({id_}) delete: last state: 'DRAINING'"
                raise AwsError("ecs:DeleteService", "Timeout", told)
            time.sleep(0.5)


class Namespace(Type):
    """Made by an operation that takes a while, and then names what it made."""

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        answer = super().call(step, request, context)
        for _ in range(120 if "OperationId" in answer else 0):
            told = {"OperationId": answer["OperationId"]}
            operation = super().call(op("GetOperation"), told, context)["Operation"]
            if operation["Status"] == "SUCCESS":
                return {"Id": operation.get("Targets", {}).get("NAMESPACE")}
            if operation["Status"] == "FAIL":
                raise AwsError(f"servicediscovery:{step.op}", "Failed", str(operation))
            time.sleep(0.5)
        return answer


class DiscoveryService(Type):
    """The namespace inside the DNS settings is an old form of the one beside them."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        dns = scope.get("dnsConfig")
        if step is self.create and isinstance(dns, dict) and "namespaceId" in dns:
            request["NamespaceId"] = dns["namespaceId"]
        return request


class Role(Type):
    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        if olds.get("forceDetachPolicies"):
            attached = self.call(op("ListAttachedRolePolicies"), {"RoleName": id_}, context)
            for policy in attached.get("AttachedPolicies", []):
                request = {"RoleName": id_, "PolicyArn": policy["PolicyArn"]}
                self.call(op("DetachRolePolicy"), request, context)
        super().unmake(id_, olds, context)


_MAPPING_ARN = "arn:{partition}:lambda:{region}:{account}:event-source-mapping:{id}"
_INVOKE_ARN = "arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/"
_SCALED = "ServiceNamespace={serviceNamespace} ScalableDimension={scalableDimension}"


def _other_names(change: Change) -> bool:
    """Whether the DNS records of a service of Cloud Map are other ones, not only their TTL."""
    fixed = [
        (
            config.get("namespaceId"),
            config.get("routingPolicy"),
            [record.get("type") for record in config.get("dnsRecords") or []],
        )
        for config in (change.old or {}, change.new or {})
    ]
    return fixed[0] != fixed[1]


# An entry reads best as one paragraph.
# fmt: off
TYPES: Mapping[str, Type] = {
    "aws:iam/role:Role": Role(
        "iam", op("CreateRole"), key="RoleName", id="{name}",
        update=(op("UpdateAssumeRolePolicy", only="assumeRolePolicy"),
            op("UpdateRole", only="description maxSessionDuration"),
            op("PutRolePermissionsBoundary", only="permissionsBoundary")),
        nouns="Role", names="assumeRolePolicy=AssumeRolePolicyDocument|PolicyDocument",
        seen={"permissionsBoundary": "PermissionsBoundary.PermissionsBoundaryArn"},
        client="namePrefix", outputs={"arn": "Arn", "uniqueId": "RoleId"}, naming=Name(limit=64),
        replace="name namePrefix path",
    ),
    "aws:iam/rolePolicy:RolePolicy": Type(
        "iam", op("PutRolePolicy"), key="RoleName={role} PolicyName={name}", id="{role}:{name}",
        nouns="Role Policy", names="role=RoleName policy=PolicyDocument name=PolicyName",
        client="namePrefix", naming=Name(limit=128), replace="name namePrefix role",
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Type(
        "iam", op("AttachRolePolicy"), key="RoleName={role} PolicyArn={policyArn}",
        id="{role}/{policyArn}",
        read=(op("ListAttachedRolePolicies", "AttachedPolicies[?PolicyArn=='{policyArn}']|[0]"),),
        delete=(op("DetachRolePolicy"),), names="role=RoleName", replace="role policyArn",
        replace_first=True,
    ),
    "aws:iam/policy:Policy": Type(
        "iam", op("CreatePolicy"), key="PolicyArn", id="Policy.Arn",
        read=(op("GetPolicy", "Policy"),),
        update=(op("CreatePolicyVersion", only="policy", SetAsDefault=True),),
        names="policy=PolicyDocument name=PolicyName", unread="policy", client="namePrefix",
        outputs={"arn": "Arn", "policyId": "PolicyId"}, naming=Name(limit=128),
        tagging=Tagging("TagPolicy", "UntagPolicy", "ListPolicyTags", "Tags",
            {"PolicyArn": "{id}"}),
        replace="name namePrefix path description",
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Type(
        "iam", op("CreateOpenIDConnectProvider"), key="OpenIDConnectProviderArn",
        id="OpenIDConnectProviderArn", read=(op("GetOpenIDConnectProvider", "."),),
        update=(op("UpdateOpenIDConnectProviderThumbprint", only="thumbprintLists"),),
        delete=(op("DeleteOpenIDConnectProvider"),),
        names="clientIdLists=ClientIDList thumbprintLists=ThumbprintList",
        unread="url thumbprintLists", outputs={"arn": "{id}"},
        tagging=Tagging("TagOpenIDConnectProvider", "UntagOpenIDConnectProvider", "", "",
            {"OpenIDConnectProviderArn": "{id}"}),
        replace="url clientIdLists",
    ),
    "aws:lambda/function:Function": Function(
        "lambda", op("CreateFunction"), key="FunctionName",
        read=(op("GetFunction", "Configuration Concurrency"),
            op("ListVersionsByFunction", keep={"newest": "Versions[-1].Version"})),
        also=(op("PutFunctionConcurrency"),),
        update=(op("UpdateFunctionCode", full=True,
            only="code s3Bucket s3Key s3ObjectVersion imageUri architectures"),
            op("UpdateFunctionConfiguration")),
        ready="State=='Active' && LastUpdateStatus!='InProgress'", nouns="Function",
        names="""
            s3Bucket=Code.S3Bucket s3Key=Code.S3Key s3ObjectVersion=Code.S3ObjectVersion
            imageUri=Code.ImageUri code=Code.ZipFile|ZipFile fileSystemConfig=FileSystemConfigs
            imageConfig.commands=Command imageConfig.entryPoints=EntryPoint
            """,
        seen={"imageUri": "Code.ImageUri", "layers": "Layers[].Arn"},
        unread="publish code s3Bucket s3Key s3ObjectVersion",
        client="""
            publish sourceCodeHash codeSha256 replaceSecurityGroupsOnDestroy
            replacementSecurityGroupIds useResourceTimeoutForPropagation
            """,
        naming=Name(limit=64), replace="name packageType",
        fresh={"*": "lastModified version qualifiedArn qualifiedInvokeArn",
            **dict.fromkeys(("code", "s3Bucket", "s3Key", "s3ObjectVersion", "imageUri"),
            "codeSha256 sourceCodeSize")},
        outputs={"arn": "FunctionArn", "invokeArn": _INVOKE_ARN + "{arn}/invocations",
            "sourceCodeHash": "CodeSha256",
            "version": lambda s: s["__seen"].get("newest") if s.get("publish") else "$LATEST",
            "qualifiedArn": "{arn}:{version}",
            "qualifiedInvokeArn": _INVOKE_ARN + "{qualifiedArn}/invocations",
            "sourceCodeSize": "CodeSize"},
    ),
    "aws:lambda/invocation:Invocation": Invocation(
        "lambda", op("Invoke", keep={"result": "Payload"}), key="FunctionName={functionName}",
        id="{functionName}_{qualifier?}_{unique}", read=(op("GetFunction", "."),),
        names="input=Payload", client="triggers terraformKey lifecycleScope",
        unread="functionName input qualifier",
        outputs={"result": lambda s: s.get("result", "null")},
        defaults={"lifecycleScope": "CREATE_ONLY", "terraformKey": "tf"},
        replace="functionName qualifier triggers",
        replace_when={"input": When(lambda c: c.news.get("lifecycleScope") == "CREATE_ONLY",
            "lambda/invocation.go:customizeDiffInputChangeWithCreateOnlyScope")},
    ),
    "aws:lambda/permission:Permission": Type(
        "lambda", op("AddPermission"), key="FunctionName={function} StatementId={statementId}",
        id="{statementId}",
        read=(op("GetPolicy", """Policy|contains(@,'"{statementId}"')&&{found:`true`}""",
            FunctionName="{function}", Qualifier="{qualifier?}"),),
        delete=(op("RemovePermission"),), names="function=FunctionName",
        client="statementIdPrefix", naming=Name(key="statementId", limit=100),
        unread="""
            action eventSourceToken functionUrlAuthType principal principalOrgId qualifier
            sourceAccount sourceArn
            """,
        replace="""
            action eventSourceToken function functionUrlAuthType invokedViaFunctionUrl principal
            principalOrgId qualifier
            sourceAccount sourceArn statementId statementIdPrefix
            """,
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": Type(
        "lambda", op("PutFunctionEventInvokeConfig"), key="FunctionName={functionName}",
        id="{functionName}", read=(op("GetFunctionEventInvokeConfig", "."),),
        update=(op("PutFunctionEventInvokeConfig", full=True),),
        delete=(op("DeleteFunctionEventInvokeConfig"),), replace="functionName qualifier",
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Type(
        "lambda", op("CreateEventSourceMapping"), key="UUID",
        read=(op("GetEventSourceMapping", "."),), unread="functionName", defaults={"enabled": True},
        outputs={"arn": _MAPPING_ARN, "functionArn": "FunctionArn", "uuid": "{id}"},
        replace="""
            eventSourceArn startingPosition startingPositionTimestamp queues topics
            selfManagedEventSource
            """,
    ),
    "aws:ecr/repository:Repository": Type(
        "ecr", op("CreateRepository"), key="repositoryName", id="{name}",
        read=(op("DescribeRepositories", repositoryNames=["{id}"]),),
        update=(op("PutImageTagMutability",
            only="imageTagMutability imageTagMutabilityExclusionFilters"),
            op("PutImageScanningConfiguration", only="imageScanningConfiguration")),
        delete=(op("DeleteRepository", force="{forceDelete?}"),), nouns="repository",
        outputs={"arn": "repositoryArn", "repositoryUrl": "repositoryUri"},
        defaults={"imageTagMutability": "MUTABLE"}, naming=Name(limit=256, lower=True),
        replace="name encryptionConfigurations",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Type(
        "ecr", op("PutLifecyclePolicy"), key="repositoryName", id="{repository}",
        names="policy=lifecyclePolicyText repository=repositoryName", replace="policy repository",
        replace_first=True,
    ),
    "aws:ecs/cluster:Cluster": Type(
        "ecs", op("CreateCluster"), key="cluster", id="cluster.clusterArn",
        read=(op("DescribeClusters", "clusters[0]", include=["SETTINGS", "CONFIGURATIONS"]),),
        gone="status=='INACTIVE'", nouns="cluster", outputs={"arn": "clusterArn"}, replace="name",
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Type(
        "ecs", op("PutClusterCapacityProviders"), key="cluster={clusterName}", id="{clusterName}",
        read=(op("DescribeClusters", "clusters[0]"),), gone="status=='INACTIVE'",
        delete=(op("PutClusterCapacityProviders", cluster="{clusterName}", capacityProviders=[],
            defaultCapacityProviderStrategy=[]), ),
        names="clusterName=cluster",
        defaults={"capacityProviders": [], "defaultCapacityProviderStrategies": []},
        replace="clusterName",
    ),
    "aws:ecs/taskDefinition:TaskDefinition": TaskDefinition(
        "ecs", op("RegisterTaskDefinition", keep={"arn": "taskDefinition.taskDefinitionArn"}),
        key="taskDefinition={arn}", id="{family}",
        read=(op("DescribeTaskDefinition", "taskDefinition"),), gone="status=='INACTIVE'",
        delete=(op("DeregisterTaskDefinition"),),
        names="""
            volumes.hostPath=host.sourcePath volumes.configureAtLaunch=configuredAtLaunch
            """,
        client="trackLatest",
        outputs={"arn": "taskDefinitionArn",
            "arnWithoutRevision": lambda s: s["arn"].rpartition(":")[0], "revision": "revision"},
        replace="""
            containerDefinitions cpu enableFaultInjection ephemeralStorage executionRoleArn family
            ipcMode memory networkMode pidMode placementConstraints proxyConfiguration
            requiresCompatibilities runtimePlatform taskRoleArn volumes
            """,
    ),
    "aws:ecs/service:Service": Service(
        "ecs", op("CreateService"), key="service cluster={cluster?}", id="service.serviceArn",
        read=(op("DescribeServices", "services[0]"),), gone="status=='INACTIVE'",
        delete=(op("UpdateService", desiredCount=0), op("DeleteService")), nouns="service",
        names="""
            networkConfiguration=networkConfiguration.awsvpcConfiguration iamRole=role
            loadBalancers.elbName=loadBalancerName orderedPlacementStrategies=placementStrategy
            deploymentCircuitBreaker=deploymentConfiguration.deploymentCircuitBreaker
            alarms=deploymentConfiguration.alarms
            deploymentMaximumPercent=deploymentConfiguration.maximumPercent
            deploymentMinimumHealthyPercent=deploymentConfiguration.minimumHealthyPercent
            cluster=cluster
            """,
        client="triggers sigintRollback", outputs={"arn": "{id}"}, unread="iamRole cluster",
        replace="name cluster launchType schedulingStrategy iamRole deploymentController",
        reject_when={"capacityProviderStrategies": When(
            lambda c: not c.news.get("forceNewDeployment"),
            "ecs/service.go:capacityProviderStrategyCustomizeDiff, with forceNewDeployment alone")},
        same_when={"triggers": When(
            lambda c: not c.news.get("forceNewDeployment") or bool(c.old and not c.new),
            "ecs/service.go:triggersCustomizeDiff")},
    ),
    "aws:appautoscaling/target:Target": Type(
        "application-autoscaling", op("RegisterScalableTarget"), id="{resourceId}",
        key=_SCALED + " ResourceId={resourceId}",
        read=(op("DescribeScalableTargets", "ScalableTargets[0]"),),
        update=(op("RegisterScalableTarget", full=True),),
        delete=(op("DeregisterScalableTarget"),), outputs={"arn": "ScalableTargetARN"},
        replace="resourceId scalableDimension serviceNamespace",
    ),
    "aws:appautoscaling/policy:Policy": Type(
        "application-autoscaling", op("PutScalingPolicy"), id="{name}",
        key=_SCALED + " ResourceId={resourceId} PolicyName={name}",
        read=(op("DescribeScalingPolicies", "ScalingPolicies[0]"),),
        update=(op("PutScalingPolicy", full=True),), delete=(op("DeleteScalingPolicy"),),
        nouns="Policy", outputs={"arn": "PolicyARN"},
        replace="name resourceId scalableDimension serviceNamespace",
    ),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": Namespace(
        "servicediscovery", op("CreatePrivateDnsNamespace"), key="Id", id="Id",
        read=(op("GetNamespace"),),
        update=(op("UpdatePrivateDnsNamespace", root="Namespace", only="description"),),
        delete=(op("DeleteNamespace"),),
        outputs={"arn": "Arn", "hostedZone": "Properties.DnsProperties.HostedZoneId"},
        replace="name vpc",
    ),
    "aws:servicediscovery/service:Service": DiscoveryService(
        "servicediscovery", op("CreateService"), key="Id",
        update=(op("UpdateService", root="Service", full=True,
            only="description dnsConfig healthCheckConfig"), ),
        names="dnsConfig.namespaceId= dnsConfig.routingPolicy=RoutingPolicy|",
        outputs={"arn": "Arn"}, naming=Name(limit=127),
        replace="name namespaceId type healthCheckCustomConfig",
        replace_when={
            "dnsConfig": When(_other_names, "servicediscovery/service.go:resourceService, "
                "dns_config: namespace_id, routing_policy, dns_records.type"),
            "healthCheckConfig": When(
                lambda c: (c.old or {}).get("type") != (c.new or {}).get("type"),
                "servicediscovery/service.go:resourceService, health_check_config.type"),
        },
    ),
    "aws:servicediscovery/instance:Instance": Namespace(
        "servicediscovery", op("RegisterInstance"), key="ServiceId={serviceId} InstanceId",
        id="{instanceId}", read=(op("GetInstance"),), update=(op("RegisterInstance", full=True),),
        delete=(op("DeregisterInstance"),), replace="serviceId instanceId",
    ),
}
