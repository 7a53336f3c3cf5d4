"""A browser with the map: the password, the requests across hosts, a download, an outage."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from local.edge import RunningEdge
from tests.visitors.conftest import Visitor

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
# What would look for Google's servers, and the sandbox that root hasn't.
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # The public hosts are on this machine, where other sites' pages may otherwise not reach.
    "--disable-features=LocalNetworkAccessChecks",
]
TITLE, HEADING = "Back soon: Ōtākaro Digital Twin", "Kia ora. We shall be back soon."
MAP, API, GEOSERVER = "map.otakaro.test", "api.otakaro.test", "gs.otakaro.test"


@pytest.fixture(scope="module")
def chromium(served: RunningEdge) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *ARGUMENTS,
                f"--host-resolver-rules={served.resolver_rules}",
                f"--ignore-certificate-errors-spki-list={served.fingerprint}",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, visitor: Visitor) -> Iterator[Page]:
    """A page of someone who has given the password."""
    context = chromium.new_context(
        http_credentials={
            "username": visitor.user,
            "password": visitor.password,
            "origin": f"https://{MAP}",
        }
    )
    yield context.new_page()
    context.close()


def finished(page: Page) -> None:
    page.wait_for_selector("body[data-done]", timeout=60_000)


def ask(page: Page, answers: list[dict[str, str]]) -> list[object]:
    """Answer the browser's prompts in turn; gives the realms that it asked for."""
    devtools = page.context.new_cdp_session(page)
    realms: list[object] = []

    def asked(event: dict[str, dict[str, object]]) -> None:
        realms.append(event["authChallenge"]["realm"])
        given = {"requestId": event["requestId"], "authChallengeResponse": answers[len(realms) - 1]}
        devtools.send("Fetch.continueWithAuth", given)

    def passed(event: dict[str, object]) -> None:
        devtools.send("Fetch.continueRequest", {"requestId": event["requestId"]})

    devtools.on("Fetch.authRequired", asked)
    devtools.on("Fetch.requestPaused", passed)
    devtools.send("Fetch.enable", {"handleAuthRequests": True})
    return realms


def test_the_browser_asks_until_the_password_is_right(chromium: Browser, visitor: Visitor) -> None:
    page = chromium.new_context().new_page()
    given = {"response": "ProvideCredentials", "username": visitor.user}
    realms = ask(page, [given | {"password": text} for text in ("wrong", visitor.password)])
    answer = page.goto(f"https://{MAP}/")
    assert answer is not None
    assert answer.status == 200
    # Twice, by the page alone: nothing that it asks of another host makes the browser ask.
    finished(page)
    assert realms == ["Otakaro Digital Twin"] * 2
    page.context.close()


def test_who_gives_up_reads_that_a_password_is_needed(chromium: Browser) -> None:
    page = chromium.new_context().new_page()
    realms = ask(page, [{"response": "CancelAuth"}])
    answer = page.goto(f"https://{MAP}/")
    assert answer is not None
    assert answer.status == 401
    assert "user name and a password" in page.inner_text("body")
    assert len(realms) == 1
    page.context.close()


def test_the_map_works_across_its_hosts_under_its_content_policy(
    page: Page, served: RunningEdge, tmp_path: Path
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(f"https://{MAP}/")
    assert answer is not None
    assert "content-security-policy" in answer.headers
    finished(page)
    outcomes = page.locator("#steps li").evaluate_all(
        "lines => lines.map(line => [line.id, line.dataset.outcome, line.textContent])"
    )
    assert [each for each in outcomes if each[1] != "ok"] == []
    # Pages, tiles with and without CORS, both kinds of processes after their preflights, scripts
    # as TerriaMap and Cesium have them.
    assert {each[0].removeprefix("step-") for each in outcomes} >= {
        *("config", "capabilities", "tile", "tile-cors", "api", "wps-json", "wps-xml"),
        *("download", "worker", "frame", "inline", "evaluation"),
    }
    assert complaints == []
    assert page.screenshot(path=tmp_path / "map.png", full_page=True)
    seen = served.standins.api.requests
    assert sum(request.method == "OPTIONS" for request in seen) == 2
    assert not any("authorization" in request.headers for request in seen)
    # The password ends at the edge.
    assert not any("authorization" in request.headers for request in served.standins.map.requests)


def test_manifest_and_icons_are_found_without_complaints(page: Page, served: RunningEdge) -> None:
    """Chromium requests a manifest without credentials, where the page's link has no crossorigin
    (HTML, "Processing the manifest"): 401 would stand in the console at each visit."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    answers: dict[str, int] = {}
    page.on("response", lambda answer: answers.update({answer.url: answer.status}))
    page.goto(f"https://{MAP}/")
    finished(page)
    devtools = page.context.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["url"] == f"https://{MAP}/favicons/manifest.json"
    assert manifest["errors"] == []
    [icon] = json.loads(manifest["data"])["icons"]
    asked = [request.path for request in served.standins.map.requests]
    assert "/favicons/manifest.json" in asked
    for path in (icon["src"], "/favicon.ico", "/manifest.json", "/robots.txt"):
        assert page.evaluate("path => fetch(path).then(answer => answer.status)", path) == 200
        assert served.client.ask(MAP, path).status == 200
    assert complaints == []
    assert [url for url, status in answers.items() if status >= 400] == []


def test_search_engines_are_told_to_stay_away_from_every_host(served: RunningEdge) -> None:
    for host in (MAP, API, GEOSERVER):
        answer = served.client.ask(host, "/robots.txt")
        assert (answer.status, answer.body) == (200, b"User-agent: *\nDisallow: /\n")
        assert [each.requests for each in served.standins.all()] == [[], [], []]


def test_tiles_come_from_the_cache_the_second_time(page: Page, served: RunningEdge) -> None:
    page.goto(f"https://{MAP}/")
    finished(page)
    first = served.standins.geoserver.tiles
    assert first == 2
    page.reload()
    finished(page)
    assert page.inner_text("#step-tile").startswith("tile: 128")
    assert served.standins.geoserver.tiles == first


def test_a_models_output_is_downloaded(page: Page, tmp_path: Path) -> None:
    page.goto(f"https://{MAP}/")
    finished(page)
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "model-1.txt"
    kept = tmp_path / "model.txt"
    download.value.save_as(kept)
    assert kept.read_bytes().startswith(b"cell 0 depth 0.0\n")


@pytest.mark.parametrize("outage", ["stopped", "slow", "unavailable"])
def test_while_the_map_is_down_a_page_says_so(
    page: Page, served: RunningEdge, tmp_path: Path, outage: str
) -> None:
    application = served.standins.map
    if outage == "stopped":
        application.stop()
    elif outage == "slow":
        application.hang(30)
    else:
        application.fail(503)
    try:
        answer = page.goto(f"https://{MAP}/", timeout=60_000)
    finally:
        application.mend()
    assert answer is not None
    assert answer.status == 503
    assert page.title() == TITLE
    assert page.inner_text("h1") == HEADING
    # Its style is applied, not refused by the content policy.
    assert page.evaluate("getComputedStyle(document.body).display") == "grid"
    page.set_viewport_size({"width": 390, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.screenshot(path=tmp_path / "maintenance.png")
    served.cache.clear()
    again = page.goto(f"https://{MAP}/")
    assert again is not None
    assert again.status == 200


def test_a_page_of_another_site_gets_an_answer_that_it_can_read_and_no_data(
    chromium: Browser, served: RunningEdge
) -> None:
    page = chromium.new_page()
    page.route("https://elsewhere.example/", lambda route: route.fulfill(body="<p>Elsewhere</p>"))
    page.goto("https://elsewhere.example/")
    for url in (f"https://{API}/", f"https://{GEOSERVER}/geoserver/ows?request=GetCapabilities"):
        assert page.evaluate("url => fetch(url).then(answer => answer.status)", url) == 401
    assert served.standins.api.requests == []
    assert served.standins.geoserver.requests == []
    page.close()


def test_another_site_cannot_frame_the_map(chromium: Browser, visitor: Visitor) -> None:
    # Credentials that a browser would not use in another site's frame anyway.
    context = chromium.new_context(extra_http_headers={"Authorization": visitor.authorization})
    page = context.new_page()
    page.route(
        "https://elsewhere.example/",
        lambda route: route.fulfill(
            content_type="text/html", body=f'<iframe src="https://{MAP}/"></iframe>'
        ),
    )
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.goto("https://elsewhere.example/")
    assert page.frames[1].locator("#steps").count() == 0
    context.close()
