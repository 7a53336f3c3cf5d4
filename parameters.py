"""Run-time secrets: SSM SecureStrings that containers read at their start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi_random as random
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import ssm

PLACEHOLDER: Final = "placeholder"


@dataclass(frozen=True, kw_only=True)
class SecretParametersArgs:
    prefix: str  # the parameters are named /prefix/NAME
    names: Sequence[str]
    filled: Mapping[str, Input[str]]  # values that the stack file knows
    generated: Sequence[str]  # made here; people edit the others


@dataclass(frozen=True, kw_only=True)
class SecretParameter:
    """One secret; its ARN is known when it has its first value."""

    name: str
    path: str
    arn: Output[str]
    by_hand: bool  # people fill it


class SecretParameters(ComponentResource):
    """One SecureString a name, encrypted with the account's `aws/ssm` key."""

    def __init__(
        self, name: str, args: SecretParametersArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:SecretParameters", name, None, opts)
        # A parameter that people edit is theirs from the moment it exists: any update of ours would
        # write the value that we know, the placeholder, over theirs.
        edited = ResourceOptions(
            parent=self, ignore_changes=["value", "type", "description", "tier", "keyId"]
        )
        ours = ResourceOptions(parent=self)
        filled = dict(args.filled) | {
            # Letters and digits only: the application writes them unescaped into URLs and XML.
            key: random.RandomPassword(f"{name}-{key}", length=32, special=False, opts=ours).result
            for key in args.generated
        }
        self._parameters: dict[str, SecretParameter] = {}
        for key in args.names:
            path = f"/{args.prefix}/{key}"
            parameter = ssm.Parameter(
                f"{name}-{key}",
                name=path,
                type=ssm.ParameterType.SECURE_STRING,
                value=filled.get(key, PLACEHOLDER),
                description=(
                    "Filled by Pulumi" if key in filled else f"Replace '{PLACEHOLDER}' by hand"
                ),
                opts=ours if key in filled else edited,
            )
            self._parameters[key] = SecretParameter(
                name=key, path=path, arn=parameter.arn, by_hand=key not in filled
            )
        self.register_outputs({"names": list(args.names)})

    def __getitem__(self, name: str) -> SecretParameter:
        return self._parameters[name]

    def having(self, names: Sequence[str]) -> list[SecretParameter]:
        """Those of `names` that the stack has."""
        return [self._parameters[name] for name in names if name in self._parameters]

    def besides(self, names: Sequence[str]) -> list[SecretParameter]:
        """All others than `names`."""
        return [value for name, value in self._parameters.items() if name not in names]
