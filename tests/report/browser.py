"""A real browser for the tests of what people open in one."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@contextmanager
def real_browser():
    """Chromium, without a window; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"there is no {' or '.join(_NAMES)} here")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - slow to import

    with sync_playwright() as playwright:
        # Its own sandbox does not work for root, nor in most containers; it opens our files alone.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def serious_problems(page):
    """What keeps people from reading the page, by axe-core: names of rules, and some elements."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - where a browser is

    # Within a frame it asks the frame itself, which a page from disk must not.
    found = Axe().run(page, options={"iframes": False}).response["violations"]
    return [
        (each["id"], [node["target"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]


@contextmanager
def opened(browser, path, ready=None, **options):
    """A page that is ready; afterwards it must not have complained, nor have asked for anything.

    Args:
        browser: The browser.
        path: The page's file.
        ready: What shows that it is ready; of our own page, that its script has ended.
        **options: Of the browser's context, such as ``color_scheme``.
    """
    context = browser.new_context(viewport={"width": 1400, "height": 900}, **options)
    try:
        page = context.new_page()
        complaints, requests = [], []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector(ready or "html[data-ready]", state="attached")
        yield page
        assert complaints == []
        outside = [url for url in requests if not url.startswith(("data:", path.as_uri()))]
        assert outside == []
    finally:
        context.close()
