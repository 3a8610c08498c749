"""Typing in the window: words or a seed, with history, completion, clipboard and input methods."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pygame

from player.session.session import Session
from player.session.text.words import complete
from player.window.keys import CTRL, SHIFT
from player.window.textline import TextLine
from runtime.errors import ExpressionError, MorphError
from runtime.language.expression import parse
from runtime.language.openaxis import open_axis

REPEAT_MS = 400, 35
"""A held key in the field repeats after the first, every second, of these."""
SHORTCUT = CTRL | pygame.KMOD_META
"""Ctrl, or Command on a Mac"""


@dataclass(frozen=True, slots=True)
class Typing:
    """What is to be drawn of the field."""

    line: TextLine
    prompt: str = ""
    composed: str = ""
    """what an input method has not yet decided on, at the cursor"""
    error: str = ""
    column: int | None = None
    """where in the text the error is"""
    offers: tuple[str, ...] = ()
    offered: int | None = None
    """which of them Tab has taken"""


class Typist:
    """Opens a field when the session asks for one, and gives it the keyboard."""

    def __init__(self) -> None:
        """Start without a field."""
        self._field = Typing(TextLine())
        self._is_open = False
        self._from = 0
        """where the word begins that the offers would take the place of"""
        self._back = 0
        self._draft = ""
        self._swallow = ""
        self._placed = pygame.Rect(0, 0, 0, 0)

    @property
    def typing(self) -> Typing | None:
        """The field, None where there is none."""
        return self._field if self._is_open else None

    def tend(self, session: Session, pressed: str = "") -> None:
        """Open or close the field as the session says; ``pressed`` is the character of the key
        that asked for it, which is not meant for the field.
        """
        what = session.state.panels.typing
        if what and not self._is_open:
            request = session.state.request
            start = request.expression if what == "words" else str(request.seed)
            self._field, self._is_open = Typing(TextLine.of(start).select_all()), True
            self._back, self._swallow = 0, pressed
            pygame.key.set_repeat(*REPEAT_MS)
            pygame.key.start_text_input()
            self._changed(session)
        elif not what and self._is_open:
            self._is_open = False
            pygame.key.set_repeat()

    def place(self, field: pygame.Rect) -> None:
        """Tell input methods where the field is, so that their lists do not cover it."""
        if field != self._placed:
            self._placed = field
            pygame.key.set_text_input_rect(field)

    def handle(self, event: pygame.event.Event, session: Session) -> bool:
        """Take an event; False if it is not for the field."""
        if not self._is_open:
            return False
        if event.type == pygame.TEXTINPUT:
            swallowed, self._swallow = self._swallow, ""
            self._field = replace(self._field, composed="")
            if event.text != swallowed:
                self._set(self._field.line.insert(event.text), session)
        elif event.type == pygame.TEXTEDITING:
            self._field = replace(self._field, composed=event.text)
        elif event.type == pygame.KEYDOWN:
            if event.key not in (pygame.K_SLASH, pygame.K_RETURN):
                self._swallow = ""
            if not self._field.composed:  # else the key is the input method's
                self._press(event.key, event.mod, session)
        else:
            return False
        return True

    def point(self, place: int, session: Session, *, select: bool) -> None:
        """Put the cursor before a character; ``select`` keeps the other end of the selection.

        While an input method composes, the cursor is where it writes.
        """
        if not self._field.composed:
            self._set(self._field.line.move(place, select=select), session)

    def _press(self, key: int, mods: int, session: Session) -> None:
        select, word = bool(mods & SHIFT), bool(mods & CTRL)
        line = self._field.line
        if mods & SHORTCUT and key in (pygame.K_a, pygame.K_c, pygame.K_x, pygame.K_v):
            self._clip(key, session)
        elif key in (pygame.K_LEFT, pygame.K_RIGHT):
            way = 1 if key == pygame.K_RIGHT else -1
            self._set(line.arrow(way, word=word, select=select), session)
        elif key in (pygame.K_BACKSPACE, pygame.K_DELETE):
            way = 1 if key == pygame.K_DELETE else -1
            self._set(line.erase(way, word=word), session)
        elif key == pygame.K_HOME:
            self._set(line.move(0, select=select), session)
        elif key == pygame.K_END:
            self._set(line.move(len(line.text), select=select), session)
        elif key in (pygame.K_UP, pygame.K_DOWN):
            self._recall(1 if key == pygame.K_UP else -1, session)
        elif key == pygame.K_TAB:
            self._complete(-1 if select else 1, session)
        elif key in (pygame.K_RETURN, pygame.K_KP_ENTER):
            self._submit(session)
        elif key == pygame.K_ESCAPE:
            session.state.panels.type("")
            self.tend(session)

    def _clip(self, key: int, session: Session) -> None:
        if key == pygame.K_a:
            self._set(self._field.line.select_all(), session)
        elif key == pygame.K_v:
            self._set(self._field.line.insert(pasted()), session)
        elif self._field.line.selected:
            copy(self._field.line.selected)
            if key == pygame.K_x:
                self._set(self._field.line.erase(-1), session)

    def _recall(self, way: int, session: Session) -> None:
        """Go back and forth in what was typed before."""
        words = session.history.words
        back = self._back + way
        shown = self._field.line.text
        while 0 < back <= len(words) and words[-back] == shown:  # it is there already
            back += way
        if session.state.panels.typing != "words" or not 0 <= back <= len(words):
            return
        if self._back == 0:
            self._draft = shown
        self._back = back
        text = words[-self._back] if self._back else self._draft
        self._field = replace(self._field, line=TextLine.of(text))
        self._changed(session)

    def _complete(self, way: int, session: Session) -> None:
        """Put the next offer in the place of the word that was begun."""
        line, offers, offered = self._field.line, self._field.offers, self._field.offered
        if not offers:
            return
        first = 0 if way > 0 else -1
        at = (first if offered is None else offered + way) % len(offers)
        line = line.replaced(self._from, line.cursor, offers[at])
        self._field = replace(self._field, line=line, offered=at)
        self._check(session)

    def _submit(self, session: Session) -> None:
        text = self._field.line.text
        try:
            if session.state.panels.typing == "seed":
                session.live.type_seed(text)
            else:
                session.write(text)
        except MorphError as error:
            self._fail(error)
            return
        session.state.panels.type("")
        self.tend(session)

    def _set(self, line: TextLine, session: Session) -> None:
        if line.text != self._field.line.text:
            self._back = 0
        self._field = replace(self._field, line=line)
        self._changed(session)

    def _changed(self, session: Session) -> None:
        line = self._field.line
        offers: tuple[str, ...] = ()
        if session.state.panels.typing == "words" and line.cursor == line.anchor:
            self._from, offers = complete(line.text, line.cursor, session.played.model.words)
        self._field = replace(self._field, offers=offers, offered=None)
        self._check(session)

    def _check(self, session: Session) -> None:
        what, text = session.state.panels.typing, self._field.line.text
        prompt = "seed" if what == "seed" else "words"
        self._field = replace(self._field, prompt=prompt, error="", column=None)
        if what == "words" and text.strip():
            try:
                if open_axis(text) is None:
                    parse(text)
            except MorphError as error:
                self._fail(error)

    def _fail(self, error: MorphError) -> None:
        column = error.column if isinstance(error, ExpressionError) else None
        self._field = replace(self._field, error=str(error), column=column)


def copy(text: str) -> bool:
    """Put text on the clipboard; False where there is none."""
    try:
        pygame.scrap.put_text(text)
    except pygame.error:
        return False
    return True


def pasted() -> str:
    """Return the clipboard's text, empty where there is none."""
    try:
        return pygame.scrap.get_text()
    except (pygame.error, UnicodeDecodeError):  # another program may put there what is no text
        return ""
