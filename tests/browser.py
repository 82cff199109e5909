"""A headless Chromium for tests and screenshots, or the reason why there is none."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

PATIENCE = 120_000  # milliseconds: for machines that do other things as well


class NoBrowser(Exception):
    """There is no Chromium here; the message says how to get one."""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Playwright's own browser (`playwright install chromium`), else the system's (`apt install chromium`)."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NoBrowser("playwright is not installed: pip install playwright") from error
    with sync_playwright() as driver:
        own = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        try:
            browser = driver.chromium.launch(executable_path=own, timeout=PATIENCE)
        except Error as error:
            raise NoBrowser("no Chromium here: run `playwright install chromium`, or apt install chromium") from error
        yield browser
        browser.close()
