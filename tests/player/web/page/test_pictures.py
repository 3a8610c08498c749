"""What the page shows in the place of the picture."""

from __future__ import annotations

import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.player.web.browser import ask, key, settled, until
from tests.player.web.page.playing import playing
from tests.player.web.served import Two, serving


def test_the_next_models_picture_is_shown(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with serving(tmp_path, models=Two(), lossless=True) as served:
        browser.get(served.url)
        settled(browser)
        pixel = "Array.from(w.picture.context.getImageData(20, 20, 1, 1).data.slice(0, 3))"
        before = ask(browser, pixel)
        key(browser, "o")
        until(lambda: ask(browser, pixel) == [255 - value for value in before], what="the negative")
        browser.get("about:blank")


def test_a_picture_that_overtakes_the_settings_of_its_model_stays(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with serving(tmp_path, models=Two()) as served:
        browser.get(served.url)
        settled(browser)
        browser.execute_script(  # settings, others than before, come when the test says so
            "const { session } = wordmorph; const heard = session.heard.bind(session);"
            "session.heard = ({ settings, ...message }) => {"
            "  if (settings) globalThis.late = { ...settings, model: 'other' };"
            "  heard(message);"
            "};"
        )
        key(browser, "o")
        until(lambda: ask(browser, "globalThis.late"), what="another model")
        settled(browser)
        count = ask(browser, "w.store.pictures.size")
        assert count
        browser.execute_script("wordmorph.session.learn({ settings: globalThis.late })")
        assert ask(browser, "w.store.pictures.size") >= count
        settled(browser)
        browser.get("about:blank")


def test_the_difference_of_the_marks_lies_on_the_picture_until_back(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path):
        picture = browser.find_element(By.ID, "picture")
        key(browser, "a")
        key(browser, "End")
        settled(browser)
        key(browser, "b")
        until(lambda: ask(browser, "w.state.marks.length") == 2)
        plain = picture.screenshot_as_png
        key(browser, "d")
        until(lambda: ask(browser, "w.picture.laid"), what="the difference")
        assert picture.screenshot_as_png != plain
        until(lambda: "difference" in (picture.get_attribute("aria-label") or ""))
        key(browser, "Escape")
        until(lambda: not ask(browser, "w.picture.laid"))
        until(lambda: picture.screenshot_as_png == plain, what="the picture again")


def test_a_difference_that_is_decoded_too_late_is_not_shown(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path):
        key(browser, "a")
        key(browser, "End")
        settled(browser)
        key(browser, "b")
        until(lambda: ask(browser, "w.state.marks.length") == 2)
        browser.execute_script(
            "const decode = createImageBitmap;"
            "globalThis.createImageBitmap = (blob) =>"
            "  new Promise((done) => setTimeout(() => done(decode(blob)), 500));"
        )
        key(browser, "d")
        until(lambda: ask(browser, "w.session.difference"), what="the difference")
        key(browser, "d")
        until(lambda: not ask(browser, "w.state.difference"))
        time.sleep(0.8)
        assert not ask(browser, "w.picture.laid")


def test_the_picture_is_looked_at_closely(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path) as served:
        picture = browser.find_element(By.ID, "picture")
        width = "w.picture.canvas.getBoundingClientRect().width"
        wide = ask(browser, width)
        key(browser, "z")
        until(lambda: ask(browser, width) > 1.9 * wide)
        actions = webdriver.ActionChains(browser)
        actions.drag_and_drop_by_offset(picture, 60, 0).perform()
        assert ask(browser, "w.actions.zoom.away[0]") > 0
        assert not served.session.state.playhead.playing, "a drag is no click"
        key(browser, "Escape")
        until(lambda: ask(browser, width) == wide)
        key(browser, "x")
        until(lambda: "input to picture" in browser.find_element(By.ID, "stats").text)


def test_a_tap_on_the_picture_alone_brings_the_controls_back(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        browser.find_element(By.ID, "more").click()
        button = browser.find_element(By.CSS_SELECTOR, '#actions [data-action="clean"]')
        browser.execute_script("arguments[0].scrollIntoView()", button)
        button.click()
        transport = browser.find_element(By.ID, "transport")
        until(lambda: not transport.is_displayed(), what="the picture alone")
        browser.find_element(By.ID, "picture").click()
        until(transport.is_displayed, what="the controls")
        assert not served.session.state.playhead.playing
