"""The page over links that fail, and servers that end and come again."""

from __future__ import annotations

import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.player.web.browser import ask, key, settled, until
from tests.player.web.page.playing import playing, reach
from tests.player.web.served import Client, Served, port_of_its_own, serving


def veil(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.ID, "veil").text


def hand_over(browser: webdriver.Chrome, performer: Client, served: Served) -> int:
    """Hand over to the page, and see that its keys play; return its number."""
    you: int = ask(browser, "w.session.you")
    performer.tell(do="control", want=False, to=you)
    performer.until(lambda: performer.state["performer"] == you)
    until(lambda: ask(browser, "w.session.performs"))
    key(browser, "ArrowRight")
    until(lambda: served.session.state.playhead.point[0] == 10)
    return you


def test_a_server_that_was_started_again_is_found_where_the_page_stood(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    port = port_of_its_own()
    with serving(tmp_path, port=port) as served:
        browser.get(served.url)
        settled(browser)
        key(browser, "3")
        until(lambda: served.session.state.playhead.point[0] == 1200)
        for name, shift in (("a", False), ("m", False), (".", False), ("J", True), ("j", False)):
            key(browser, name, shift=shift)
        key(browser, "n")
        until(lambda: served.session.state.request.seed == 1)
        key(browser, "b")
        key(browser, "7")
        until(lambda: served.session.state.playhead.point[0] == 2800)
        settled(browser)
        until(lambda: ask(browser, "w.state.request.seed === 1 && w.state.scanned"), 40, "the scan")
        key(browser, "p")
        until(lambda: ask(browser, "w.state.perceptual"))
    until(lambda: "trying again" in veil(browser))
    with serving(tmp_path, port=port) as served:
        until(lambda: served.session.state.playhead.point[0] == 2800, what="the old place")
        state = served.session.state
        assert state.request.seed == 1
        until(lambda: state.marks == (((1200, 2000), 0), ((1200, 2000), 1)))
        (cue,) = served.session.cues.kept
        assert (cue.moment.request.t, cue.moment.request.seed) == (0.3, 0)
        head = state.playhead
        assert (head.speed, head.loop, head.between) == (2.0, "wrap", True)
        until(lambda: state.playhead.warp is not None, 40, "perceptual time again")
        until(lambda: not veil(browser))
        key(browser, "ArrowRight")
        until(lambda: state.playhead.point[0] == 2810)
        browser.get("about:blank")


def test_a_page_overwrites_nothing_where_somebody_else_came_first(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    port = port_of_its_own()
    with serving(tmp_path, port=port) as served:
        browser.get(served.url)
        settled(browser)
        key(browser, "3")
        until(lambda: served.session.state.playhead.point[0] == 1200)
        browser.execute_script("globalThis.wordmorph.wire.open = () => {}")  # it comes later
    with serving(tmp_path, port=port) as served:
        first = Client(served)
        first.until(lambda: first.state)
        browser.execute_script("const w = wordmorph.wire; delete w.open; w.open()")
        you = until(
            lambda: ask(browser, "w.session.welcomed && w.state.performer && w.session.you")
        )
        first.say(do="change", request={"expression": "cat -> fox"})
        first.until(lambda: first.state["request"]["expression"] == "cat -> fox")
        first.until(lambda: you in first.state["viewers"])
        hand_over(browser, first, served)
        assert served.session.state.request.expression == "cat -> fox"
        browser.get("about:blank")


def test_a_page_that_watched_restores_what_it_saw_where_it_comes_first(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    port = port_of_its_own()
    with serving(tmp_path, port=port) as served:
        performer = Client(served)
        performer.say(do="change", request={"seed": 9, "expression": "cat -> fox", "t": 0.3})
        browser.get(served.url)
        until(lambda: ask(browser, "w?.state.request?.seed === 9"))
        assert not ask(browser, "w.session.performs")
    with serving(tmp_path, port=port) as served:
        state = served.session.state
        until(lambda: (state.request.seed, state.request.t) == (9, 0.3), what="the old place")
        assert state.request.expression == "cat -> fox"
        browser.get("about:blank")


def test_a_link_over_which_no_answer_comes_is_given_up(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "2")
        reach(browser, served, 800, 2000)
        until(lambda: ask(browser, "w.wire.due === 0"), what="an answer: this link is kept")
        browser.execute_script("globalThis.wordmorph.wire.socket.onmessage = null")
        key(browser, "3")
        until(lambda: "trying again" in veil(browser), 60)
        until(lambda: not veil(browser), what="the server again")
        key(browser, "ArrowRight")
        until(lambda: served.session.state.playhead.point[0] == 1210)


def test_a_link_whose_answers_take_seven_seconds_is_kept(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        you = ask(browser, "w.session.you")
        browser.execute_script(
            "const { socket } = wordmorph.wire; const { onmessage } = socket;"
            "socket.onmessage = (event) => setTimeout(() => onmessage(event), 7000);"
        )
        key(browser, "3")
        until(lambda: ask(browser, "w.wire.due > 0"), what="a question")
        until(lambda: ask(browser, "w.wire.due === 0"), 60, what="its answer")
        reach(browser, served, 1200, 2000)
        assert ask(browser, "w.session.you") == you, "it was given up and opened again"


def test_whatever_comes_shows_that_the_link_lives(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path):
        before, after = browser.execute_script(
            "const { wire, state } = wordmorph; wire.due = performance.now() + 500;"
            "const before = wire.due;"
            "wire.read(JSON.stringify({ say: 'state', seq: wire.seq, notice: state.notice }));"
            "return [before, wire.due];"
        )
        assert after > before


def test_a_tab_that_was_duplicated_goes_on_beside_its_copy(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        client = ask(browser, "w.wire.client")
        copy = Client(served, f"?client={client}")
        copy.until(lambda: copy.state)
        until(lambda: "open elsewhere" in veil(browser))
        key(browser, "ArrowRight")
        until(lambda: not veil(browser), what="the page again")
        copy.until(lambda: len(copy.state["viewers"]) == 2)
        assert ask(browser, "w.wire.client") == ask(browser, "sessionStorage.getItem('client')")
        assert ask(browser, "w.wire.client") != client
        you = hand_over(browser, copy, served)
        assert ask(browser, "w.session.you") == you, "later keys open nothing"


def test_a_page_whose_token_counts_no_more_says_so(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    port = port_of_its_own()
    with serving(tmp_path, port=port) as served:
        browser.get(served.url)
        settled(browser)
    with serving(tmp_path, port=port, token="u" * 43):
        until(lambda: "another token" in veil(browser))
        browser.get("about:blank")


def test_pictures_of_many_seeds_are_told_of_in_few_messages(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path):
        browser.execute_script(
            "const { store, state, wire } = wordmorph;"
            "for (let seed = 1000; seed < 2000; seed += 1)"
            "  store.put({ ...state.request, seed }, new Blob(['x']), 1);"
            "wire.socket.close()"
        )
        until(lambda: "trying again" in veil(browser))
        you = ask(browser, "w.session.you")
        until(lambda: ask(browser, "w.session.you") != you and ask(browser, "w.state.settings"))
        you = ask(browser, "w.session.you")
        time.sleep(1.0)
        assert ask(browser, "w.session.there && w.session.you") == you, "it was shown out"


def test_a_lost_link_is_found_again_and_nothing_that_is_here_is_sent_again(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        until(lambda: ask(browser, "w.store.pictures.size") >= 401, 40, "the whole line")
        before = ask(browser, "w.wire.received")
        browser.execute_script("globalThis.wordmorph.wire.socket.close()")
        until(lambda: "trying again" in veil(browser))
        until(lambda: not veil(browser), what="the server again")
        time.sleep(1.0)  # idle time would send the line ahead
        each = before / 401
        assert ask(browser, "w.wire.received") - before < 3 * each
        for name, x in (("ArrowRight", 100), ("End", 4000)):
            key(browser, name, shift=True)
            reach(browser, served, x, 2000)
