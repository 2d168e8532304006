"""One headless browser, and what it asked for beyond this machine."""

from __future__ import annotations

import shutil

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or put one on the PATH")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        chrome = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chrome
        chrome.close()


@pytest.fixture
def watched(browser):
    """A page, and a dictionary of what it fetched from elsewhere and of the errors it met."""
    page, seen = browser.new_page(viewport={"width": 1500, "height": 950}), {"elsewhere": [], "errors": []}
    page.on("request", lambda request: seen["elsewhere"].append(request.url) if not local(request.url) else None)
    page.on("pageerror", lambda error: seen["errors"].append(str(error)))
    yield page, seen
    page.close()


def local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "file:", "data:", "blob:", "about:"))
