"""What runs: roles, functions, containers, images, scaling, service discovery."""

import json
import time
from collections.abc import Collection, Mapping
from typing import Any

from local.provider.aws import AwsError
from local.provider.lifecycle import Type
from local.provider.model import Dictionary
from local.provider.parts import Call, Context, Name, Scope, Seen, Tagging, call
from local.provider.wire import UNKNOWN


def _arn_tagging(
    key: str, at: str, arn: str = "{arn}", read: str = "ListTagsForResource"
) -> Tagging:
    argument = {key: arn}
    return Tagging(
        add=call("TagResource", **argument),
        remove=call("UntagResource", **argument),
        read=call(read, at, **argument),
    )


_ROLE = Tagging(
    add=call("TagRole", RoleName="{id}"),
    remove=call("UntagRole", RoleName="{id}"),
    read=call("ListRoleTags", "Tags", RoleName="{id}"),
)
_ECS = _arn_tagging("resourceArn", "tags")
_LAMBDA = _arn_tagging("Resource", "Tags", read="ListTags")
_CLOUD_MAP = _arn_tagging("ResourceARN", "Tags")


class Function(Type):
    """Publishing makes a version; the outputs then name the newest one."""

    _VERSIONED = ("version", "qualifiedArn", "qualifiedInvokeArn")

    def foreseen(self, olds: Scope, old_inputs: Scope, news: Scope) -> dict[str, Any]:
        outputs = super().foreseen(olds, old_inputs, news)
        code = {"code", "s3Bucket", "s3Key", "s3ObjectVersion", "imageUri"}
        changed = {
            key
            for key in self.changed(old_inputs, news)
            if key not in ("tags", "tagsAll", "publish")
        }
        renewed = {"lastModified"} | ({"codeSha256", "sourceCodeSize"} if changed & code else set())
        if news.get("publish") and changed:
            renewed |= {*self._VERSIONED}
        return {key: value for key, value in outputs.items() if key not in renewed or not changed}

    def remake(
        self, id_: str, olds: Scope, old_inputs: Scope, news: dict[str, Any], context: Context
    ) -> dict[str, Any]:
        outputs = super().remake(id_, olds, old_inputs, news, context)
        changed = {*self.changed(old_inputs, news)} - {"tags", "tagsAll"}
        if news.get("publish") and changed:
            self._rest(id_, context)
            self.call(call("PublishVersion"), {"FunctionName": id_}, context)
            outputs = self.finish(id_, news, (), outputs, context)
        return outputs

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        answer = super().call(step, request, context)
        if step.op.startswith("UpdateFunction"):
            self._rest(str(request["FunctionName"]), context)
        return answer

    def _rest(self, id_: str, context: Context) -> None:
        waiter = context.aws.client("lambda", context.region).get_waiter("function_updated_v2")
        waiter.wait(FunctionName=id_, WaiterConfig={"Delay": 1, "MaxAttempts": 120})

    def refreshed(
        self, id_: str, olds: Scope, inputs: dict[str, Any], context: Context
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        found = super().refreshed(id_, olds, inputs, context)
        if found and olds.get("codeSha256") and found[0].get("codeSha256") != olds["codeSha256"]:
            for part in found:  # someone else has put other code there
                part.pop("code", None)
        return found


class Permission(Type):
    """A permission is one statement of the function's policy."""

    def look(self, scope: Scope, context: Context) -> Seen | None:
        seen = super().look(scope, context)
        if seen is None:
            return None
        statements = json.loads(seen.members["Policy"])["Statement"]
        found = [item for item in statements if item["Sid"] == scope["id"]]
        if not found:
            return None
        seen.members = {"Action": found[0]["Action"]}
        return seen


class Invocation(Type):
    """The function runs once when the resource is made; its answer is the output."""

    def make(self, inputs: Scope, context: Context) -> tuple[str, dict[str, Any]]:
        id_ = f"{inputs['functionName']}_{inputs.get('qualifier', '$LATEST')}_{context.scope()['unique'][:12]}"
        if self.recorded:
            return id_, {**self._visible(inputs, context), "result": "null"}
        taken = {key: value for key, value in inputs.items() if key in self.takes(self.create)}
        answer = self.call(
            self.create, self.params(self.create, taken, context.scope(**inputs)), context
        )
        result = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise AwsError("lambda:Invoke", answer["FunctionError"], result[:500])
        return id_, {**self._visible(inputs, context), "result": result}

    def _visible(self, inputs: Scope, context: Context) -> dict[str, Any]:
        own = {key: value for key, value in inputs.items() if not key.startswith("__")}
        return {"region": context.region, **own}

    def remake(
        self,
        id_: str,  # noqa: ARG002
        olds: Scope,
        old_inputs: Scope,  # noqa: ARG002
        news: dict[str, Any],
        context: Context,
    ) -> dict[str, Any]:
        return {**olds, **self._visible(news, context)}

    def refreshed(
        self,
        id_: str,  # noqa: ARG002
        olds: Scope,
        inputs: dict[str, Any],
        context: Context,
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        name = str(inputs.get("functionName"))
        try:
            self.recorded or self.call(call("GetFunction"), {"FunctionName": name}, context)
        except AwsError as error:
            if error.missing:
                return None
            raise
        return dict(olds), inputs

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        """What has run has run."""


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

    def finish(
        self, id_: str, inputs: Scope, changed: Collection[str], olds: Scope, context: Context
    ) -> dict[str, Any]:
        if made := olds.get("__answer"):
            olds = {**olds, "arn": made["taskDefinition"]["taskDefinitionArn"]}
        return super().finish(id_, inputs, changed, olds, context)

    def look(self, scope: Scope, context: Context) -> Seen | None:
        """The revision that this resource made, or the family's newest where it is not known."""
        newest = scope.get("trackLatest") or "arn" not in scope
        return super().look({**scope, "arn": scope["id"]} if newest else scope, context)


class Service(Type):
    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if step.op == "UpdateService" and scope.get("forceNewDeployment"):
            request["forceNewDeployment"] = True
        return request if step.op == "UpdateService" else {**request, **self._unforced(request)}

    def _unforced(self, request: dict[str, Any]) -> dict[str, Any]:
        return {} if "desiredCount" in request else {"desiredCount": 0}


class CapacityProviders(Type):
    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        return {"capacityProviders": [], "defaultCapacityProviderStrategy": [], **request}


class Namespace(Type):
    """Made by an operation that takes a while, and then names what it made."""

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        answer = super().call(step, request, context)
        if step.op == "GetNamespace" or "OperationId" not in answer:
            return answer
        for _ in range(120):
            state = super().call(
                call("GetOperation"), {"OperationId": answer["OperationId"]}, context
            )
            operation = state["Operation"]
            if operation["Status"] == "SUCCESS":
                return {"Id": operation.get("Targets", {}).get("NAMESPACE")}
            if operation["Status"] == "FAIL":
                break
            time.sleep(0.5)
        raise AwsError(f"servicediscovery:{step.op}", "Failed", str(operation.get("ErrorMessage")))


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
            attached = self.call(call("ListAttachedRolePolicies"), {"RoleName": id_}, context)
            for policy in attached.get("AttachedPolicies", []):
                request = {"RoleName": id_, "PolicyArn": policy["PolicyArn"]}
                self.call(call("DetachRolePolicy"), request, context)
        super().unmake(id_, olds, context)


_MAPPING_ARN = "arn:{partition}:lambda:{region}:{account}:event-source-mapping:{id}"
_INVOKE_ARN = "arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/"
_CODE = {"s3Bucket": "Code.S3Bucket", "s3Key": "Code.S3Key", "s3ObjectVersion": "Code.S3ObjectVersion",
         "imageUri": "Code.ImageUri", "code": "Code.ZipFile"}  # fmt: skip
_SERVICE = {"cluster": "{cluster?}", "service": "{id}"}

# fmt: off
# ruff: noqa: E501 - a table: an entry reads best as one paragraph
TYPES: Mapping[str, Type] = {
    "aws:iam/role:Role": Role(
        service="iam", create=call("CreateRole"), id="{name}", tagging=_ROLE,
        read=(call("GetRole", "Role", RoleName="{id}"),),
        update=(call("UpdateAssumeRolePolicy", RoleName="{id}", _only="assumeRolePolicy", _names={"assumeRolePolicy": "PolicyDocument"}),
                call("UpdateRole", RoleName="{id}", _only="description maxSessionDuration"),
                call("PutRolePermissionsBoundary", RoleName="{id}", _only="permissionsBoundary")),
        delete=(call("DeleteRole", RoleName="{id}"),),
        words=Dictionary(nouns="Role", names={"assumeRolePolicy": "AssumeRolePolicyDocument"}),
        seen={"permissionsBoundary": "PermissionsBoundary.PermissionsBoundaryArn"}, client="namePrefix",
        outputs={"arn": "Arn", "uniqueId": "RoleId"}, naming=Name(limit=64, prefix="namePrefix"), replace="name namePrefix path",
    ),
    "aws:iam/rolePolicy:RolePolicy": Type(
        service="iam", create=call("PutRolePolicy"), id="{role}:{name}",
        read=(call("GetRolePolicy", ".", RoleName="{role}", PolicyName="{name}"),),
        delete=(call("DeleteRolePolicy", RoleName="{role}", PolicyName="{name}"),),
        words=Dictionary(nouns="Role Policy", names={"role": "RoleName", "policy": "PolicyDocument", "name": "PolicyName"}),
        client="namePrefix", naming=Name(limit=128, prefix="namePrefix"), replace="name namePrefix role",
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Type(
        service="iam", create=call("AttachRolePolicy"), id="{role}/{policyArn}",
        read=(call("ListAttachedRolePolicies", "AttachedPolicies[?PolicyArn=='{policyArn}']|[0]", RoleName="{role}"),),
        delete=(call("DetachRolePolicy", RoleName="{role}", PolicyArn="{policyArn}"),),
        words=Dictionary(names={"role": "RoleName"}), replace="role policyArn", replace_first=True,
    ),
    "aws:lambda/function:Function": Function(
        service="lambda", create=call("CreateFunction"), id="FunctionName", tagging=_LAMBDA,
        read=(call("GetFunction", "Configuration Concurrency", FunctionName="{id}"),
              call("ListVersionsByFunction", FunctionName="{id}", _keep={"newest": "Versions[-1].Version"})),
        also=(call("PutFunctionConcurrency", FunctionName="{id}"),),
        update=(call("UpdateFunctionCode", FunctionName="{id}", _full=True,
                     _only="code s3Bucket s3Key s3ObjectVersion imageUri architectures",
                     _names={"code": "ZipFile", "s3Bucket": "S3Bucket", "s3Key": "S3Key", "imageUri": "ImageUri"}),
                call("UpdateFunctionConfiguration", FunctionName="{id}")),
        delete=(call("DeleteFunction", FunctionName="{id}"),), wait="function_active_v2",
        words=Dictionary(nouns="Function", names={**_CODE, "fileSystemConfig": "FileSystemConfigs", "imageConfig.commands": "Command",
                                "imageConfig.entryPoints": "EntryPoint"}),
        seen={"imageUri": "Code.ImageUri", "layers": "Layers[].Arn"}, unread="publish code s3Bucket s3Key s3ObjectVersion",
        client="publish sourceCodeHash codeSha256 replaceSecurityGroupsOnDestroy replacementSecurityGroupIds "
               "useResourceTimeoutForPropagation",
        naming=Name(limit=64), replace="name packageType",
        outputs={"arn": "FunctionArn", "invokeArn": _INVOKE_ARN + "{arn}/invocations", "sourceCodeHash": "CodeSha256",
                 "version": lambda s: s["__seen"].get("newest") if s.get("publish") else "$LATEST",
                 "qualifiedArn": "{arn}:{version}", "qualifiedInvokeArn": _INVOKE_ARN + "{qualifiedArn}/invocations",
                 "sourceCodeSize": "CodeSize"},
    ),
    "aws:lambda/permission:Permission": Permission(
        service="lambda", create=call("AddPermission"), id="{statementId}",
        read=(call("GetPolicy", ".", FunctionName="{function}", Qualifier="{qualifier?}"),),
        delete=(call("RemovePermission", FunctionName="{function}", StatementId="{id}", Qualifier="{qualifier?}"),),
        words=Dictionary(names={"function": "FunctionName"}), client="statementIdPrefix",
        naming=Name(key="statementId", limit=100, prefix="statementIdPrefix"), replace="*",
    ),
    "aws:lambda/invocation:Invocation": Invocation(
        service="lambda", create=call("Invoke"), id="", words=Dictionary(names={"input": "Payload"}),
        client="triggers terraformKey lifecycleScope", defaults={"lifecycleScope": "CREATE_ONLY", "terraformKey": "tf"},
        replace="functionName input qualifier triggers",
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Type(
        service="lambda", create=call("CreateEventSourceMapping"), id="UUID",
        tagging=_arn_tagging("Resource", "Tags", _MAPPING_ARN, "ListTags"),
        read=(call("GetEventSourceMapping", ".", UUID="{id}"),), update=(call("UpdateEventSourceMapping", UUID="{id}"),),
        delete=(call("DeleteEventSourceMapping", UUID="{id}"),), unread="functionName",
        outputs={"arn": _MAPPING_ARN, "functionArn": "FunctionArn", "uuid": "{id}"},
        replace="eventSourceArn startingPosition startingPositionTimestamp queues topics selfManagedEventSource",
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": Type(
        service="lambda", create=call("PutFunctionEventInvokeConfig"), id="{functionName}",
        read=(call("GetFunctionEventInvokeConfig", ".", FunctionName="{functionName}", Qualifier="{qualifier?}"),),
        delete=(call("DeleteFunctionEventInvokeConfig", FunctionName="{functionName}", Qualifier="{qualifier?}"),),
        replace="functionName qualifier",
    ),
    "aws:ecr/repository:Repository": Type(
        service="ecr", create=call("CreateRepository"), id="{name}", tagging=_ECS,
        read=(call("DescribeRepositories", "repositories[0]", repositoryNames=["{id}"]),),
        update=(call("PutImageTagMutability", repositoryName="{id}", _only="imageTagMutability imageTagMutabilityExclusionFilters"),
                call("PutImageScanningConfiguration", repositoryName="{id}", _only="imageScanningConfiguration")),
        delete=(call("DeleteRepository", repositoryName="{id}", force="{forceDelete?}"),),
        words=Dictionary(nouns="repository"), outputs={"arn": "repositoryArn", "repositoryUrl": "repositoryUri"},
        defaults={"imageTagMutability": "MUTABLE"}, naming=Name(limit=256, lower=True), replace="name encryptionConfigurations",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Type(
        service="ecr", create=call("PutLifecyclePolicy"), id="{repository}",
        read=(call("GetLifecyclePolicy", ".", repositoryName="{id}"),),
        delete=(call("DeleteLifecyclePolicy", repositoryName="{id}"),),
        words=Dictionary(names={"policy": "lifecyclePolicyText", "repository": "repositoryName"}),
        replace="repository", replace_first=True,
    ),
    "aws:ecs/cluster:Cluster": Type(
        service="ecs", create=call("CreateCluster"), id="cluster.clusterArn", tagging=_ECS,
        read=(call("DescribeClusters", "clusters[0]", clusters=["{id}"], include=["SETTINGS", "CONFIGURATIONS"]),),
        update=(call("UpdateCluster", cluster="{id}"),), delete=(call("DeleteCluster", cluster="{id}"),),
        gone="status=='INACTIVE'", words=Dictionary(nouns="cluster"), outputs={"arn": "clusterArn"}, replace="name",
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": CapacityProviders(
        service="ecs", create=call("PutClusterCapacityProviders"), id="{clusterName}",
        read=(call("DescribeClusters", "clusters[0]", clusters=["{clusterName}"]),), gone="status=='INACTIVE'",
        delete=(call("PutClusterCapacityProviders", cluster="{clusterName}", capacityProviders=[], defaultCapacityProviderStrategy=[]),),
        words=Dictionary(names={"clusterName": "cluster"}), replace="clusterName",
    ),
    "aws:ecs/taskDefinition:TaskDefinition": TaskDefinition(
        service="ecs", create=call("RegisterTaskDefinition"), id="{family}", tagging=_ECS,
        read=(call("DescribeTaskDefinition", "taskDefinition", taskDefinition="{arn}"),), gone="status=='INACTIVE'",
        delete=(call("DeregisterTaskDefinition", taskDefinition="{arn}"),),
        words=Dictionary(names={"volumes.hostPath": "host.sourcePath", "volumes.configureAtLaunch": "configuredAtLaunch"}),
        client="trackLatest", outputs={
            "arn": "taskDefinitionArn",
            "arnWithoutRevision": lambda s: s["arn"].rpartition(":")[0], "revision": "revision"},
        replace="containerDefinitions cpu enableFaultInjection ephemeralStorage executionRoleArn family ipcMode memory networkMode "
                "pidMode placementConstraints proxyConfiguration requiresCompatibilities runtimePlatform taskRoleArn volumes",
    ),
    "aws:ecs/service:Service": Service(
        service="ecs", create=call("CreateService"), id="service.serviceArn", tagging=_ECS,
        read=(call("DescribeServices", "services[0]", cluster="{cluster?}", services=["{id}"]),), gone="status=='INACTIVE'",
        update=(call("UpdateService", **_SERVICE),), delete=(call("DeleteService", force=True, **_SERVICE),),
        words=Dictionary(nouns="service", names={
            "networkConfiguration": "networkConfiguration.awsvpcConfiguration", "iamRole": "role", "loadBalancers.elbName": "loadBalancerName",
            "deploymentCircuitBreaker": "deploymentConfiguration.deploymentCircuitBreaker", "alarms": "deploymentConfiguration.alarms",
            "deploymentMaximumPercent": "deploymentConfiguration.maximumPercent", "orderedPlacementStrategies": "placementStrategy",
            "deploymentMinimumHealthyPercent": "deploymentConfiguration.minimumHealthyPercent", "cluster": "cluster"}),
        client="triggers sigintRollback", outputs={"arn": "{id}"}, unread="iamRole cluster",
        replace="name cluster launchType schedulingStrategy iamRole deploymentController",
    ),
    "aws:appautoscaling/target:Target": Type(
        service="application-autoscaling", create=call("RegisterScalableTarget"), id="{resourceId}", recorded=True,
        update=(call("RegisterScalableTarget", _full=True),), tagging=_CLOUD_MAP,
        outputs={"arn": "arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/{resourceId}"},
        replace="resourceId scalableDimension serviceNamespace",
    ),
    "aws:appautoscaling/policy:Policy": Type(
        service="application-autoscaling", create=call("PutScalingPolicy"), id="{name}", recorded=True, words=Dictionary(nouns="Policy"),
        outputs={"arn": "arn:{partition}:autoscaling:{region}:{account}:scalingPolicy:resource/{resourceId}:policyName/{name}"},
        replace="name resourceId scalableDimension serviceNamespace",
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": Type(
        service="application-autoscaling", create=call("PutScheduledAction"), id="{name}-{serviceNamespace}-{resourceId}", recorded=True,
        words=Dictionary(nouns="ScheduledAction"), replace="name resourceId scalableDimension serviceNamespace",
        outputs={"arn": "arn:{partition}:autoscaling:{region}:{account}:scheduledAction:resource/{resourceId}:scheduledActionName/{name}"},
    ),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": Namespace(
        service="servicediscovery", create=call("CreatePrivateDnsNamespace"), id="Id", tagging=_CLOUD_MAP,
        read=(call("GetNamespace", "Namespace", Id="{id}"),), delete=(call("DeleteNamespace", Id="{id}"),),
        update=(call("UpdatePrivateDnsNamespace", Id="{id}", _root="Namespace", _only="description"),),
        outputs={"arn": "Arn", "hostedZone": "Properties.DnsProperties.HostedZoneId"}, replace="name vpc",
    ),
    "aws:servicediscovery/service:Service": DiscoveryService(
        service="servicediscovery", create=call("CreateService"), id="Service.Id", tagging=_CLOUD_MAP,
        read=(call("GetService", "Service", Id="{id}"),), delete=(call("DeleteService", Id="{id}"),),
        update=(call("UpdateService", Id="{id}", _root="Service", _full=True, _only="description dnsConfig healthCheckConfig",
                     _names={"dnsConfig.routingPolicy": ""}),), words=Dictionary(names={"dnsConfig.namespaceId": ""}),
        outputs={"arn": "Arn"}, naming=Name(limit=127), replace="name namespaceId type healthCheckCustomConfig",
    ),
    "aws:servicediscovery/instance:Instance": Namespace(
        service="servicediscovery", create=call("RegisterInstance"), id="{instanceId}",
        read=(call("GetInstance", "Instance", ServiceId="{serviceId}", InstanceId="{id}"),),
        update=(call("RegisterInstance", _full=True),),
        delete=(call("DeregisterInstance", ServiceId="{serviceId}", InstanceId="{id}"),), replace="serviceId instanceId",
    ),
}
