"""The bootstrap's configuration, refused as a whole before anything is made."""

import re
from dataclasses import dataclass

import pulumi

from bootstrap.permissions import ROLES, Stack

# Names and, in repositories made or renamed since 18 June 2026, numbers (GitHub's "OpenID Connect
# reference", "Immutable subject claims"). No wildcard can get into the roles' trust.
_REPOSITORY = re.compile(r"[\w.@-]+/[\w.@-]+", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[a-z][a-z0-9-]{1,13}")
_TAG = re.compile(r"[\w.:/=+@-]{1,256}", re.ASCII)  # no wildcard, no variable of a policy


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Whom to trust, and what for."""

    repository: str
    state_bucket: str
    name_prefix: str
    stack_tag: str
    create_provider: bool

    def __post_init__(self) -> None:
        rules = {
            "repository": (_REPOSITORY, self.repository, "ORG/REPO, as GitHub's tokens say it"),
            "stateBucket": (_BUCKET, self.state_bucket, "a bucket's name, without dots"),
            "stackTag": (_TAG, self.stack_tag, "the value of the tag Stack in the stack's file"),
            "namePrefix": (_PREFIX, self.name_prefix, "the program's own namePrefix"),
        }
        wrong = [
            f"{key} is {value!r} and must be {allowed}: `pulumi config set {key} ...`"
            for key, (pattern, value, allowed) in rules.items()
            if not pattern.fullmatch(value)
        ]
        if f"{ROLES}-".startswith(f"{self.name_prefix}-"):
            wrong.append(
                f"namePrefix {self.name_prefix!r} begins the names of the roles ({ROLES}-...) too, "
                "which could then change themselves: choose another"
            )
        if wrong:
            raise ValueError("; ".join(wrong))

    @classmethod
    def load(cls, config: pulumi.Config) -> "Settings":
        """The stack's settings; `Pulumi.yaml` has the defaults.

        Raises:
            ValueError: one or more are wrong; each is told with what it may be.
        """
        return cls(
            repository=config.get("repository") or "",
            state_bucket=config.require("stateBucket"),
            name_prefix=config.require("namePrefix"),
            stack_tag=config.require("stackTag"),
            create_provider=config.require_bool("createProvider"),
        )

    def subject(self, environment: str) -> str:
        """What GitHub's token says of a job in that environment of the repository."""
        return f"repo:{self.repository}:environment:{environment}"

    @property
    def stack(self) -> Stack:
        """The program's stack, as policies tell its resources from others."""
        return Stack(prefix=self.name_prefix, tag=self.stack_tag)
