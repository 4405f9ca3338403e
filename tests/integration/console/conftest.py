"""One small installation and one Chromium for the suite; it is skipped loudly where none is.

Playwright's loop runs for as long as the browser does, and no other may run in its thread: so the
browser has a thread of its own, and these tests run there.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from deploy.kafka import Running
from tests.support.small_site import SmallSite, small_site

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]
SCREENSHOTS = Path(__file__).parents[3] / ".screenshots"
LOUD = frozenset({"error", "warning"})
PASSWORD = "four unrelated desert words"


THREAD = ThreadPoolExecutor(1, thread_name_prefix="browser")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    wanted = pyfuncitem._fixtureinfo.argnames
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in wanted}
    THREAD.submit(pyfuncitem.obj, **arguments).result()
    return True


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on PATH")
    playwright = THREAD.submit(sync_playwright().start).result()
    opened = THREAD.submit(playwright.chromium.launch, executable_path=found, args=OPTIONS).result()
    yield opened
    THREAD.submit(opened.close).result()
    THREAD.submit(playwright.stop).result()


@pytest.fixture(scope="package")
def site(
    browser: Browser, broker: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SmallSite]:
    del browser  # without one there is nothing to serve
    with small_site(broker, tmp_path_factory.mktemp("site")) as small:
        yield small


@pytest.fixture(scope="package")
def signed_in(browser: Browser, site: SmallSite) -> StorageState:
    """The cookies of an admin who has chosen a password: what a first visit leads to."""
    once = site.cactus("people", "add", "ada", "--role", "admin").strip()
    return THREAD.submit(_visit_first, browser, site, once).result()


def _visit_first(browser: Browser, site: SmallSite, once: str) -> StorageState:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.address}/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(once)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Present password").fill(once)
    page.get_by_label("New password, at least").fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    page.get_by_role("heading", name="Overview").wait_for()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(browser: Browser, signed_in: StorageState) -> Iterator[Page]:
    """A page of the admin. What the browser complains of (a breach of the policy, a broken script)
    fails the test.
    """
    complaints: list[str] = []
    opened = THREAD.submit(_open_page, browser, signed_in, complaints).result()
    yield opened
    THREAD.submit(opened.context.close).result()
    assert complaints == []


def _open_page(browser: Browser, signed_in: StorageState, complaints: list[str]) -> Page:
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in LOUD else None)
    return page
