"""One comment on a pull request and one issue, brought up to date rather than repeated (GitHub).

Only the standard library: the jobs that may write to the repository install nothing.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from review.errors import ReviewError

# GitHub takes 65,536 characters ("body is too long"); some are left for what we add.
MOST_CHARACTERS = 60_000
PAGE = 100
SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Forge:
    """A repository at GitHub, as a workflow's own token sees it."""

    api: str
    repository: str  # owner/name
    token: str

    def comment(self, number: int, text: str, *, topic: str) -> str:
        """Say `text` in the pull request's one comment on `topic`; the result is its address.

        Raises:
            ReviewError: GitHub refused.
        """
        body = _marked(text, topic)
        for known in self._all(f"issues/{number}/comments"):
            if _ours(known, topic):
                return self._address("PATCH", f"issues/comments/{known['id']}", body=body)
        return self._address("POST", f"issues/{number}/comments", body=body)

    def open_issue(self, title: str, text: str, *, topic: str) -> str:
        """Have one open issue on `topic` that says `text`; the result is its address.

        Raises:
            ReviewError: GitHub refused.
        """
        body = _marked(text, topic)
        for known in self._open_issues(topic):
            return self._address("PATCH", f"issues/{known['number']}", title=title, body=body)
        return self._address("POST", "issues", title=title, body=body, labels=[topic])

    def close_issues(self, text: str, *, topic: str) -> int:
        """Close what is open on `topic`, saying why; the result is how many there were.

        Raises:
            ReviewError: GitHub refused.
        """
        known = list(self._open_issues(topic))
        for issue in known:
            place = f"issues/{issue['number']}"
            self._ask("POST", f"{place}/comments", body=_cut(text))
            self._ask("PATCH", place, state="closed", state_reason="completed")
        return len(known)

    def _open_issues(self, topic: str) -> Iterator[dict[str, Any]]:
        query = urllib.parse.urlencode({"state": "open", "labels": topic})
        for issue in self._all(f"issues?{query}"):
            if _ours(issue, topic) and "pull_request" not in issue:
                yield issue

    def _all(self, place: str) -> Iterator[dict[str, Any]]:
        """Every entry of a list, page by page."""
        joint = "&" if "?" in place else "?"
        page = 1
        while True:
            entries = self._ask("GET", f"{place}{joint}per_page={PAGE}&page={page}")
            yield from entries
            if len(entries) < PAGE:
                return
            page += 1

    def _address(self, method: str, place: str, **fields: object) -> str:
        return str(self._ask(method, place, **fields).get("html_url", ""))

    def _ask(self, method: str, place: str, **fields: object) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is the workflow's own
            f"{self.api}/repos/{self.repository}/{place}",
            method=method,
            data=json.dumps(fields).encode() if fields else None,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ReviewError(f"GitHub answered {error.code} to {method} {place}") from error
        except (OSError, ValueError) as error:
            raise ReviewError(f"GitHub did not answer {method} {place}: {error}") from error


def from_environment(environment: Mapping[str, str]) -> Forge:
    """The repository that a workflow runs for.

    Raises:
        ReviewError: this is no workflow, or it was not given its token.
    """
    names = {"repository": "GITHUB_REPOSITORY", "token": "GITHUB_TOKEN"}
    missing = [name for name in names.values() if not environment.get(name)]
    if missing:
        raise ReviewError(f"{' and '.join(missing)} must be set, as a workflow's step does")
    return Forge(
        api=environment.get("GITHUB_API_URL") or "https://api.github.com",
        **{field: environment[name] for field, name in names.items()},
    )


def _marker(topic: str) -> str:
    return f"<!-- otakaro: {topic} -->"


def _marked(text: str, topic: str) -> str:
    return f"{_marker(topic)}\n{_cut(text)}"


def _cut(text: str) -> str:
    """What GitHub takes; marks of our own that the text may hold are none."""
    text = re.sub(r"<!-- otakaro:[^>]*-->", "", text)
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "\n\n(cut off)\n"


def _ours(entry: Mapping[str, Any], topic: str) -> bool:
    """Whether a workflow wrote it: anyone else could write our mark, too."""
    writer = entry.get("user") or {}
    return writer.get("login") == "github-actions[bot]" and str(entry.get("body") or "").startswith(
        _marker(topic)
    )
