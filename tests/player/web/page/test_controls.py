"""The page's fields, buttons and cues."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from player.session.actions import HELP
from player.session.text.words import PRESETS
from tests.player.fakes import SIZE, picture
from tests.player.web.browser import ask, key, settled, until
from tests.player.web.page.playing import PAD, playing, reach
from tests.player.web.served import Client


def test_a_download_that_fails_is_told(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path):
        browser.execute_script("globalThis.fetch = () => Promise.reject(new TypeError('gone'))")
        key(browser, "s")
        button = until(lambda: browser.find_elements(By.CSS_SELECTOR, "#kept button"))[0]
        button.click()
        until(lambda: "does not answer" in browser.find_element(By.ID, "notice").text)


def test_an_expression_is_completed_refused_with_a_caret_and_played(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        field = browser.find_element(By.ID, "expression")
        field.clear()
        field.send_keys("cat -> (kitt")
        words = browser.find_elements(By.CSS_SELECTOR, "#completions li")
        assert [word.text for word in words] == ["kitten"]
        field.send_keys(Keys.ARROW_DOWN)
        field.send_keys(Keys.ENTER)  # takes the word
        assert field.get_attribute("value") == "cat -> (kitten"
        field.send_keys(Keys.ENTER)
        caret = browser.find_element(By.ID, "caret")
        until(lambda: caret.text)
        text, under, why = caret.get_attribute("textContent").split("\n")  # type: ignore[union-attr]
        assert text == "cat -> (kitten"
        assert under.index("^") == text.index("(")
        assert why
        assert served.session.state.request.expression == "cat -> kitten"
        field.clear()
        field.send_keys("cat -> fox")
        field.send_keys(Keys.ENTER)
        until(lambda: served.session.state.request.expression == "cat -> fox")
        until(lambda: not caret.text)
        key(browser, "ArrowRight")
        until(lambda: served.session.state.playhead.point[0] == 10, what="keys after writing")


def test_tab_takes_the_first_offer_and_arrows_recall_what_was_typed(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    typed = ["cat -> fox", "cat -> [-kitten]", "cat -> kitten"]
    with playing(browser, tmp_path, "cat -> tabby") as served:
        browser.execute_script("localStorage.clear()")
        browser.refresh()
        settled(browser)
        field = browser.find_element(By.ID, "expression")
        field.clear()
        field.send_keys("cat -> -kitt", Keys.TAB)
        assert field.get_attribute("value") == "cat -> -kitten"
        field.send_keys(Keys.CONTROL, "a", Keys.NULL)
        field.send_keys(Keys.BACKSPACE)
        offers = browser.find_elements(By.CSS_SELECTOR, "#completions li")
        assert [one.text for one in offers] == list(PRESETS)
        field.send_keys(Keys.TAB)
        assert field.get_attribute("value") == PRESETS[0]
        for expression in typed:
            field.send_keys(Keys.CONTROL, "a", Keys.NULL)
            field.send_keys(expression, Keys.ENTER)
            if expression.endswith("]"):  # refused: it is no expression to come back to
                until(lambda: browser.find_element(By.ID, "caret").text)
            else:
                until(
                    lambda wanted=expression: served.session.state.request.expression == wanted  # type: ignore[misc]
                )
                until(lambda: browser.switch_to.active_element != field)
        browser.refresh()  # what was typed outlasts the page
        settled(browser)
        field = browser.find_element(By.ID, "expression")
        until(lambda: field.get_attribute("value") == "cat -> kitten")
        field.send_keys(Keys.CONTROL, "a", Keys.NULL)
        field.send_keys("a draft ")
        shown = []
        for way in (Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_DOWN, Keys.ARROW_DOWN):
            field.send_keys(way)
            shown.append(field.get_attribute("value"))
        assert shown == [
            "cat -> kitten",
            "cat -> fox",
            "cat -> fox",
            "cat -> kitten",
            "a draft ",
        ]


def test_help_and_buttons_are_the_table_of_actions(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "?")
        rows = browser.find_elements(By.CSS_SELECTOR, "#keys dt, #keys dd")
        assert [row.text for row in rows] == [
            " ".join(words.split()) for row in HELP for words in row
        ]
        browser.find_element(By.ID, "close").click()
        browser.find_element(By.CSS_SELECTOR, '[data-action="play"]').click()
        until(lambda: served.session.state.playhead.playing)
        until(lambda: ask(browser, "w.picture.shown") > 3)


def test_a_cue_is_kept_and_recalled(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "3")
        reach(browser, served, 1200, 2000)
        key(browser, "m")
        until(lambda: browser.find_elements(By.CSS_SELECTOR, "#cues button"), what="the cue")
        key(browser, "End")
        reach(browser, served, 4000, 2000)
        cue = browser.find_element(By.CSS_SELECTOR, "#cues button")
        cue.click()
        reach(browser, served, 1200, 2000)
        key(browser, "End")
        reach(browser, served, 4000, 2000)
        for modifier, done in (
            (Keys.SHIFT, lambda: served.session.state.gliding is not None),
            (Keys.CONTROL, lambda: not served.session.cues.kept),
        ):  # for the keys that browsers keep
            actions = webdriver.ActionChains(browser)
            actions.key_down(modifier).click(cue).key_up(modifier).perform()
            until(done)
        key(browser, "?")
        assert "F11" in browser.find_element(By.ID, "reserved").text
        key(browser, "Escape")


def seen_in(browser: webdriver.Chrome, canvas: str) -> list[int]:
    """Return the colour in the middle of a canvas, once it is shown."""
    until(
        lambda: ask(
            browser, f"(e => e && !e.hidden && e.width > 0)(document.querySelector('{canvas}'))"
        ),
        what=f"a picture in {canvas}",
    )
    middle = "e.getContext('2d').getImageData(e.width / 2, e.height / 2, 1, 1).data"
    found: list[int] = ask(
        browser, f"(e => [...{middle}].slice(0, 3))(document.querySelector('{canvas}'))"
    )
    return found


def test_cues_and_the_bar_show_small_pictures_of_what_is_here(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "3")
        reach(browser, served, 1200, 2000)
        key(browser, "m")
        request = served.session.state.request
        drawn = picture(request)[SIZE // 2, SIZE // 2]
        assert seen_in(browser, "#cues canvas") == pytest.approx(drawn.tolist(), abs=6)
        key(browser, "End")
        reach(browser, served, 4000, 2000)
        bar = browser.find_element(By.ID, "bar")
        width = bar.size["width"]
        inset = round(10 + 0.3 * (width - 20) - width / 2)
        webdriver.ActionChains(browser).move_to_element_with_offset(bar, inset, 0).perform()
        assert seen_in(browser, "#tip canvas") == pytest.approx(drawn.tolist(), abs=6)
        assert browser.find_element(By.CSS_SELECTOR, "#tip figcaption").text == "t 0.3000"
        there = browser.find_element(By.ID, "tip").rect
        assert abs(there["x"] + there["width"] / 2 - (bar.rect["x"] + width / 2 + inset)) < 3
        webdriver.ActionChains(browser).move_to_element(
            browser.find_element(By.ID, "words")
        ).perform()
        until(lambda: not browser.find_element(By.ID, "tip").is_displayed())
        assert served.session.state.playhead.point == (4000, 2000), "hovering moves nothing"


def test_any_cue_is_glided_to_and_dropped_without_a_keyboard(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        kept, state = served.session.cues, served.session.state
        for number, place in enumerate(("3", "5", "7"), 1):
            key(browser, place)
            reach(browser, served, 400 * int(place), 2000)
            key(browser, "m")
            until(lambda many=number: len(kept.kept) == many)  # type: ignore[misc]

        def press(label: str) -> None:
            rows = "//*[@id='cues']/button"
            until(lambda: len(browser.find_elements(By.XPATH, rows)) == len(kept.kept) + 2)
            browser.find_element(By.XPATH, f"{rows}[text()='{label}']").click()

        until(lambda: browser.find_elements(By.CSS_SELECTOR, "#cues button"))
        press("Glide")
        press("2")
        until(lambda: state.gliding is not None)
        until(lambda: state.playhead.point == (2000, 2000))
        press("Glide")
        press("1")
        reach(browser, served, 1200, 2000)
        press("Drop")
        press("2")
        until(lambda: [cue.moment.request.t for cue in kept.kept] == [0.3, 0.7])
        press("2")  # one alone was to be dropped
        reach(browser, served, 2800, 2000)
        assert len(kept.kept) == 2
        key(browser, "?")
        assert "Ctrl+F4" in browser.find_element(By.ID, "reserved").text
        key(browser, "Escape")


def test_y_hands_over_to_who_asks(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "y")
        notice = browser.find_element(By.ID, "notice")
        until(lambda: notice.text == "nobody asks to perform")
        other = Client(served)
        other.until(lambda: other.you is not None)
        other.tell(do="control", want=True)
        until(lambda: ask(browser, "w.state.asking.length") == 1)
        key(browser, "y")
        other.until(lambda: other.state.get("performer") == other.you)
        until(lambda: "watching" in notice.text or ask(browser, "!w.session.performs"))


def test_every_control_has_a_name(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path, PAD):
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        controls = {"button", "slider", "textbox", "combobox", "spinbutton", "image", "listbox"}
        met = set()
        for node in tree:
            role = node.get("role", {}).get("value")
            if role in controls and not node.get("ignored"):
                met.add(role)
                assert node.get("name", {}).get("value"), node
        assert {"button", "slider", "combobox", "spinbutton", "image"} <= met
        # or every step of a glide would be spoken
        assert browser.find_element(By.ID, "position").aria_role not in ("status", "alert", "log")


def test_keys_are_the_players_again_after_a_setting(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        state = served.session.state
        seed = browser.find_element(By.ID, "seed")
        key(browser, "#")
        seed.send_keys(Keys.CONTROL, "a", Keys.NULL)
        seed.send_keys("7", Keys.ENTER)
        until(lambda: state.request.seed == 7)
        key(browser, "ArrowRight")
        reach(browser, served, 10, 2000)
        for typed in (Keys.BACKSPACE, "9" * 20):  # no seed at all, and none there is
            key(browser, "#")
            seed.send_keys(Keys.CONTROL, "a", Keys.NULL)
            seed.send_keys(typed, Keys.ENTER)
        key(browser, "#")
        seed.send_keys("5", Keys.ESCAPE)
        webdriver.ActionChains(browser).click(browser.find_element(By.ID, "steps")).perform()
        browser.find_element(By.CSS_SELECTOR, "#steps option[value='2']").click()
        until(lambda: state.request.steps == 2)
        key(browser, "ArrowRight")
        reach(browser, served, 20, 2000)
        assert (state.request.seed, state.request.steps) == (7, 2)


def test_a_copied_command_is_said(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path):
        key(browser, "c")
        notice = browser.find_element(By.ID, "notice")
        until(lambda: "copied: wordmorph play" in notice.text)
