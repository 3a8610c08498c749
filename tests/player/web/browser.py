"""A headless Chromium on a page of ours; it ends with the test."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


@contextmanager
def open_browser(width: int = 1366, height: int = 768) -> Iterator[webdriver.Chrome]:
    """Yield Debian's Chromium with a profile of its own; skip where there is none."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromium-driver")
    profile = tempfile.mkdtemp(prefix="wordmorph-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        resize(browser, width, height)
        yield browser
    finally:
        browser.quit()
        shutil.rmtree(profile, ignore_errors=True)


def resize(browser: webdriver.Chrome, width: int, height: int, *, light: bool = False) -> None:
    """Show the page at a size in CSS pixels, phones as phones, in dark or light colours."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "light" if light else "dark"}]},
    )


def key(browser: webdriver.Chrome, name: str, *, kind: str = "tap", shift: bool = False) -> None:
    """Press a key as the keyboard does: ``tap``, or ``down`` and ``up`` apart."""
    codes = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowUp": 38, "ArrowDown": 40, "Tab": 9}
    code = codes.get(name, ord(name.upper()) if len(name) == 1 else 0)
    typed = {"text": name} if len(name) == 1 else {}
    event = {
        "key": name,
        "windowsVirtualKeyCode": code,
        "modifiers": 8 if shift else 0,
        **({"code": f"Key{name.upper()}"} if name.isalpha() and len(name) == 1 else {}),
    }
    if kind != "up":
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", **event, **typed})
    if kind != "down":
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})


def ask(browser: webdriver.Chrome, expression: str) -> Any:
    """Return what an expression is worth in the page; ``w`` is its own object of figures."""
    return browser.execute_script(f"const w = globalThis.wordmorph; return {expression}")


def until(check: Callable[[], Any], seconds: float = 20.0, what: str = "it") -> Any:
    """Wait until something is true and return it."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = check()
        if found:
            return found
        time.sleep(0.03)
    raise AssertionError(f"{what} did not come true within {seconds:g} s")


def settled(browser: webdriver.Chrome, seconds: float = 30.0) -> None:
    """Wait until the picture asked for is drawn and the model is open."""
    until(
        lambda: ask(browser, "Boolean(w?.state.engine && w.picture.drawnKey === w.picture.wanted)"),
        seconds,
        "the picture asked for",
    )


def problems(browser: webdriver.Chrome) -> list[str]:
    """Return what the console complained about, but for a server that was not there."""
    log: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [
        json.dumps(entry)
        for entry in log
        if entry["level"] in ("SEVERE", "WARNING")
        and "WebSocket connection" not in entry["message"]
    ]
