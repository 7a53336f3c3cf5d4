"""Checkov's AWS checks on the production stack, against what `docs/security.md` waives.

    python -m local.audit

The program is recorded, translated (`local/terraform.py`) and scanned without a network, once as
production configures it and once with every setting on that the document says makes a check pass.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import bootstrap, environment, paths
from local.errors import LocalError
from local.record import Recording, configuration, record_program
from local.terraform import Translation, translate
from local.waivers import Failure, disagreements, settings_that_pass, waivers

HEADING = "Checkov checks that do not pass"
REQUIREMENTS = paths.ROOT / "local" / "requirements-checkov.txt"
# Checks that look at some resources of a kind only.
_PARTIAL = {
    "CKV2_AWS_23",  # DNS records that are aliases
    "CKV_AWS_173",  # functions that have variables
}


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What checkov said, by the program's own names."""

    failures: frozenset[Failure]
    checks: int  # verdicts, good and bad


def scan(recording: Recording) -> Scan:
    """Run checkov on the recorded program.

    Raises:
        LocalError: checkov can't be installed or run, or it passed over a resource.
    """
    translation = translate(recording)
    report = _run(translation.text)
    scanned = report["summary"]["resource_count"]
    if scanned != len(translation.addresses) or report["summary"]["parsing_errors"]:
        raise LocalError(f"checkov read {scanned} of {len(translation.addresses)} resources")
    verdicts = report["results"]["passed_checks"] + report["results"]["failed_checks"]
    seen: dict[str, set[str]] = {}
    for verdict in verdicts:
        seen.setdefault(verdict["check_id"], set()).add(verdict["resource"])
    _nothing_passed_over(seen, translation)
    return Scan(
        failures=frozenset(
            Failure(verdict["check_id"], translation.addresses[verdict["resource"]].name)
            for verdict in report["results"]["failed_checks"]
        ),
        checks=len(verdicts),
    )


def audit() -> list[str]:
    """Where the program and the document disagree, a line each."""
    known = waivers(HEADING)
    production = configuration("production")
    plain = scan(record_program(production))
    told = disagreements(plain.failures, known)
    settings = settings_that_pass(known)
    if settings:
        hardened = scan(record_program({**production, **settings}))
        left = {check: waiver for check, waiver in known.items() if not waiver.setting}
        told += [
            f"with {', '.join(f'{key}={value}' for key, value in settings.items())}: {line}"
            for line in disagreements(hardened.failures, left)
        ]
    if not told:
        print(f"checkov: {plain.checks} verdicts, {len(plain.failures)} waived")
    return told


def _nothing_passed_over(seen: Mapping[str, set[str]], translation: Translation) -> None:
    """A check that reads one resource of a kind reads all: it gives up on some in silence."""
    kinds: dict[str, set[str]] = {}
    for address in translation.addresses:
        kinds.setdefault(address.split(".")[0], set()).add(address)
    for check, addresses in seen.items():
        for kind in {address.split(".")[0] for address in addresses}:
            missed = kinds[kind] - addresses
            if missed and check not in _PARTIAL:
                raise LocalError(f"{check} passed over {', '.join(sorted(missed))}")


def _run(text: str) -> dict[str, Any]:
    folder = paths.cache() / f"checkov-py{sys.version_info[0]}.{sys.version_info[1]}"
    python = bootstrap.install(folder, [REQUIREMENTS], "the scanner")
    with tempfile.TemporaryDirectory(prefix="otakaro-audit-") as place:
        Path(place, "program.tf").write_text(text)
        done = subprocess.run(
            [
                str(python.with_name("checkov")),
                *("--directory", place, "--framework", "terraform", "--output", "json"),
                # Neither policies, links nor modules are fetched; nothing is sent.
                *("--compact", "--soft-fail", "--skip-download"),
                *("--download-external-modules", "false"),
            ],
            cwd=place,
            env=environment.service(HOME=place, LOG_LEVEL="ERROR"),
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise LocalError(f"checkov ended with code {done.returncode}: {last[0]}") from error
    return report


def main() -> int:
    try:
        told = audit()
    except (LocalError, bootstrap.BootstrapError) as error:
        told = [str(error)]
    for line in told:
        print(f"error: {line}", file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
