"""The provider's side of the engine's protocol, for the packages `aws` and `random`."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from local.provider.aws import FUNCTION_SECONDS, Aws, AwsError
from local.provider.catalogue import find
from local.provider.invokes import INVOKES
from local.provider.lifecycle import RECORDED, Type, visible
from local.provider.model import UnmappedError
from local.provider.parts import Context, GoneError, PartialError
from local.provider.wire import UNKNOWN, decode, encode, has_unknown

_Kind = provider_pb2.PropertyDiff.Kind
Method = TypeVar("Method", bound=Callable[..., Any])


class RefusedError(Exception):
    """A request that the user has to mend."""


@dataclass
class Session:
    """One run of the provider, and what it has to tell afterwards."""

    aws: Aws
    recorded_only: frozenset[str] = frozenset()
    port: int = 0
    recorded: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def calls(self) -> int:
        return self.aws.calls

    def note(self, kind: Type, urn: str, outputs: dict[str, Any]) -> None:
        name = urn.split("::")[-1]
        if kind.recorded and kind.service:
            self.recorded.add((kind.token, name, "*"))
        for what in outputs.get(RECORDED, []):
            self.recorded.add((kind.token, name, what))


def _told(method: Method) -> Method:
    """Errors as one line for the user instead of a stack trace."""

    @wraps(method)
    def run(self: "Provider", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except PartialError as error:
            _abort_partial(context, error)
        except (AwsError, GoneError, LookupError, RefusedError, UnmappedError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    return run  # type: ignore[return-value]


def _abort_partial(context: grpc.ServicerContext, error: PartialError) -> None:
    detail = any_pb2.Any()
    inputs = {k: v for k, v in error.outputs.items() if k != RECORDED}
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.id,
            properties=encode(error.outputs),
            reasons=[str(error)],
            inputs=encode(inputs),
        ),
        "type.googleapis.com/",
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=str(error), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, str(error))


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One server for all provider instances: each has its own connection, and so its own peer."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._contexts: dict[str, Context] = {}

    # -- the instance

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=False)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return plugin_pb2.PluginInfo(version="7.51.1")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        olds, news = decode(request.old_inputs), decode(request.news)
        moved = olds.get("region") != news.get("region")
        return provider_pb2.DiffResponse(
            changes=_changes(olds != news), replaces=["region"] if moved else []
        )

    @_told
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        settings = decode(request.args)
        if "random" in request.urn.split("::")[2]:
            self._contexts[context.peer()] = Context(aws=self.session.aws, region="", account="")
            return provider_pb2.ConfigureResponse(supportsPreview=True)
        region = settings.get("region")
        if not isinstance(region, str) or region == UNKNOWN:
            raise RefusedError("no region: set it with `pulumi config set aws:region`")
        tags = settings.get("defaultTags") or {}
        tags = json.loads(tags) if isinstance(tags, str) else tags
        identity = self.session.aws.call("sts", region, "GetCallerIdentity", {})
        self._contexts[context.peer()] = Context(
            aws=self.session.aws,
            region=region,
            account=identity["Account"],
            partition=identity["Arn"].split(":")[1],
            default_tags=tags.get("tags") or {},
        )
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def _context(self, context: Any, properties: dict[str, Any]) -> Context:
        home = self._contexts.get(context.peer())
        if home is None:
            raise RefusedError("this provider instance was never configured")
        region = properties.get("region")
        return replace(home, region=region) if region and region != UNKNOWN else home

    def _type(self, token: str) -> Type:
        kind = find(token)
        if token in self.session.recorded_only:
            return replace(kind, recorded=True)
        return kind

    # -- resources

    @_told
    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        token, inputs = _token(request.urn), decode(request.news)
        kind = self._type(token)
        olds, name = decode(request.olds), request.urn.split("::")[-1]
        news, failures = kind.check(
            inputs, olds, name, request.randomSeed, self._context(context, inputs)
        )
        # The engine prints a failing property's value, which may be secret: only the text has it.
        told = [provider_pb2.CheckFailure(property="", reason=reason) for reason in failures]
        return provider_pb2.CheckResponse(inputs=encode(news), failures=told)

    @_told
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        token = _token(request.urn)
        state, news = decode(request.olds), decode(request.news)
        kind = self._type(token)
        self.session.note(kind, request.urn, state)
        olds = kind.standing(decode(request.old_inputs), state)
        # The engine restores ignored inputs before Check, which merges the default tags again, so
        # the bridge ignores them in the plan, too (pulumi-terraform-bridge, Diff, ignoreChanges).
        changed = [
            key for key in kind.changed(olds, news, state) if key not in request.ignoreChanges
        ]
        replacing = kind.replacing(changed, olds, news, state)
        if rejected := kind.rejected(changed, olds, news, state):
            raise RefusedError(
                f"{token}: the provider rejects this change of {', '.join(rejected)}"
            )
        if changed and not replacing and (stuck := kind.stuck(changed)):
            raise RefusedError(
                f"{token}: no update is known for {', '.join(stuck)}: name a call or a "
                f"replacement in {kind.home}"
            )
        return _difference(olds, news, changed, replacing, first=kind.deletes_first(olds, news))

    @_told
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        token, inputs = _token(request.urn), decode(request.properties)
        kind = self._type(token)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(visible(inputs)))
        home = replace(self._context(context, inputs), creating=request.urn)
        id_, outputs = kind.make(inputs, home)
        self.session.note(kind, request.urn, outputs)
        return provider_pb2.CreateResponse(id=id_, properties=encode(outputs))

    @_told
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        token = _token(request.urn)
        olds, news = decode(request.olds), decode(request.news)
        kind, old_inputs = self._type(token), decode(request.old_inputs)
        news |= {key: old_inputs[key] for key in request.ignoreChanges if key in old_inputs}
        if request.preview:
            outputs = kind.foreseen(olds, old_inputs, news)
            return provider_pb2.UpdateResponse(properties=encode(outputs))
        outputs = kind.remake(request.id, olds, old_inputs, news, self._context(context, news))
        self.session.note(kind, request.urn, outputs)
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    @_told
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        token = _token(request.urn)
        kind = self._type(token)
        olds, inputs = decode(request.properties), decode(request.inputs)
        if not inputs:
            return self._adopted(token, kind, request.id, self._context(context, olds))
        found = kind.refreshed(request.id, olds, inputs, self._context(context, {**olds, **inputs}))
        if found is None:
            return provider_pb2.ReadResponse(id="")
        outputs, inputs = found
        self.session.note(kind, request.urn, outputs)
        return provider_pb2.ReadResponse(
            id=request.id, properties=encode(outputs), inputs=encode(inputs)
        )

    def _adopted(self, token: str, kind: Type, id_: str, context: Context) -> Any:
        """The answer for an object that is to be imported."""
        if kind.recorded or not kind.service:
            raise RefusedError(f"{token}: only the state knows it, so it cannot be imported")
        found = kind.adopted(id_, context)
        if found is None:
            return provider_pb2.ReadResponse(id="")
        id_, outputs, inputs = found
        return provider_pb2.ReadResponse(id=id_, properties=encode(outputs), inputs=encode(inputs))

    @_told
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        token, olds = _token(request.urn), decode(request.properties)
        self._type(token).unmake(request.id, olds, self._context(context, olds))
        return empty_pb2.Empty()

    @_told
    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        arguments = decode(request.args)
        invoke = INVOKES.get(request.tok)
        if invoke is None:
            raise RefusedError(f"{request.tok} is not known: add it to local/provider/invokes.py")
        if has_unknown(arguments):
            return provider_pb2.InvokeResponse()
        found = invoke(arguments, self._context(context, arguments))
        answer = provider_pb2.InvokeResponse()
        getattr(answer, "return").CopyFrom(encode(found))
        return answer


def _token(urn: str) -> str:
    return urn.split("::")[2].split("$")[-1]


def _changes(some: bool) -> Any:
    answer = provider_pb2.DiffResponse
    return answer.DIFF_SOME if some else answer.DIFF_NONE


def _difference(
    olds: dict[str, Any],
    news: dict[str, Any],
    changed: list[str],
    replacing: list[str],
    *,
    first: bool,
) -> Any:
    detail = {}
    for key in changed:
        kind = _Kind.ADD if key not in olds else _Kind.DELETE if key not in news else _Kind.UPDATE
        replaced = {_Kind.ADD: _Kind.ADD_REPLACE, _Kind.DELETE: _Kind.DELETE_REPLACE}
        if key in replacing:
            kind = replaced.get(kind, _Kind.UPDATE_REPLACE)
        detail[key] = provider_pb2.PropertyDiff(kind=kind, inputDiff=True)
    return provider_pb2.DiffResponse(
        changes=_changes(bool(changed)),
        replaces=replacing,
        diffs=changed,
        detailedDiff=detail,
        hasDetailedDiff=True,
        deleteBeforeReplace=bool(replacing) and first,
    )


@contextmanager
def serve(
    endpoint: str, *, recorded_only: frozenset[str] = frozenset(), patience: int | None = None
) -> Iterator[Session]:
    """Serve both packages on a free port of the loopback, as long as the block runs.

    `patience` is the seconds that a call may take, where that isn't as long as a function runs.
    """
    session = Session(Aws(endpoint, patience or FUNCTION_SECONDS), recorded_only)
    size = 64 * 1024 * 1024
    server = grpc.server(
        ThreadPoolExecutor(32),
        options=[("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(session), server)
    session.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield session
    finally:
        server.stop(grace=1).wait()
