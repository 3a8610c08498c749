"""Whatever a person can do, a row each: read by every front end, by the help and by the README."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from player.session.motion.playhead import SPEEDS
from player.session.saving.cues import GLIDES, MOST
from player.session.session import Session
from runtime.language.line import DIVISIONS
from runtime.request import MAX_SEED

Do = Callable[[Session, float], None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """The number that an action takes: its unit, its range and its default."""

    unit: str
    low: float
    high: float
    default: float
    whole: bool = False
    """whether only whole numbers count"""
    relative: bool = False
    """whether it says how far to go, not where to be: two in a row add up"""

    def holds(self, value: float) -> bool:
        """Tell whether a value is in the range, and whole where it must be."""
        return self.low <= value <= self.high and (not self.whole or value == int(value))


@dataclass(frozen=True, slots=True)
class Key:
    """A key, by the character it types or by its name (``Left``, ``Space``, ``F1`` …)."""

    name: str
    value: float | None = None
    """what the action is given when this key is pressed"""
    shift: bool = False
    ctrl: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. ``run`` takes the session and a number: 0 without a ``parameter``."""

    name: str
    meaning: str
    run: Do
    keys: tuple[Key, ...] = ()
    parameter: Parameter | None = None
    label: str = ""
    """how the help names the keys; made from them where it is empty"""
    on_beat: bool = False
    """whether it waits for the beat where one is chosen"""
    held: bool = False
    """whether the front end moves on while the key is down"""
    learnable: bool = True
    """whether its key, pressed while a knob is learned, says what the knob will do"""

    def perform(self, session: Session, value: float | None = None) -> None:
        """Do it; without a value the parameter's default counts.

        Raises:
            ValueError: a value that is not in the parameter's range.
        """
        given = 0.0
        if self.parameter is not None:
            given = self.parameter.default if value is None else value
            if not self.parameter.holds(given):
                low, high = self.parameter.low, self.parameter.high
                raise ValueError(f"{self.name} takes {low:g} to {high:g}, not {given:g}")
        if self.on_beat:
            session.at_beat(lambda: self.run(session, given))
        else:
            self.run(session, given)


CUE_KEYS = tuple(Key(f"F{number + 1}", float(number)) for number in range(1, 12))
"""F1 is the help"""

DIVISION = Parameter("1/400", -DIVISIONS, DIVISIONS, 1.0, relative=True)
PLACE = Parameter("of the way", 0.0, 1.0, 0.5)
HALVES = Parameter("doublings", -len(SPEEDS), len(SPEEDS), 1.0, whole=True, relative=True)
STEPS = Parameter("counts on offer", -64, 64, 1.0, whole=True, relative=True)
SEED = Parameter("", 0, MAX_SEED, 0.0, whole=True)
CUE = Parameter("number of a cue", 1, MOST, 1.0, whole=True)
GLIDE = Parameter("doublings", -len(GLIDES), len(GLIDES), 1.0, whole=True, relative=True)
SEEDS = Parameter("seeds", -MAX_SEED, MAX_SEED, 1.0, whole=True, relative=True)

ACTIONS: tuple[Action, ...] = (
    Action(
        "write",
        "type other words",
        lambda s, _: s.state.panels.type("words"),
        (Key("/"), Key("Enter")),
    ),
    Action(
        "move",
        "move by 1/400; hold to move on",
        lambda s, v: s.state.move_along(v),
        (Key("Left", -1.0), Key("Right", 1.0)),
        DIVISION,
        held=True,
    ),
    Action(
        "move_u",
        "along the second axis, if there is one",
        lambda s, v: s.state.move_across(v),
        (Key("Down", -1.0), Key("Up", 1.0)),
        DIVISION,
        label="↑  ↓",
        held=True,
    ),
    Action(
        "seek",
        "jump to tenths",
        lambda s, v: s.state.seek(v),
        tuple(Key(str(digit), digit / 10) for digit in range(10)),
        PLACE,
        label="0 … 9",
        on_beat=True,
    ),
    Action(
        "seek_u",
        "jump along the second axis",
        lambda s, v: s.state.seek_u(v),
        (),
        PLACE,
        on_beat=True,
    ),
    Action(
        "play",
        "play or pause",
        lambda s, _: s.state.play(),
        (Key("Space"),),
    ),
    Action(
        "change_speed",
        "slower, faster",
        lambda s, v: s.state.change_speed(v),
        (Key(",", -1.0), Key(".", 1.0)),
        HALVES,
    ),
    Action("home", "to the start", lambda s, _: s.state.seek(0.0), (Key("Home"),), on_beat=True),
    Action("end", "to the end", lambda s, _: s.state.seek(1.0), (Key("End"),), on_beat=True),
    Action(
        "change_seed",
        "next seed, previous seed",
        lambda s, v: s.state.change_seed(v),
        (Key("n", 1.0), Key("n", -1.0, shift=True)),
        SEEDS,
        on_beat=True,
    ),
    Action(
        "random_seed",
        "any seed",
        lambda s, _: NAMES["seed"].perform(s, secrets.randbelow(MAX_SEED + 1)),
        (Key("n", ctrl=True),),
    ),
    Action("type_seed", "type a seed", lambda s, _: s.state.panels.type("seed"), (Key("#"),)),
    Action("seed", "take a seed", lambda s, v: s.live.set_seed(int(v)), (), SEED, on_beat=True),
    Action(
        "change_steps",
        "more sampler steps, fewer",
        lambda s, v: s.live.change_steps(int(v)),
        (Key("+", 1.0), Key("-", -1.0)),
        STEPS,
    ),
    Action(
        "edit",
        "slots edit their word, its tail, or all",
        lambda s, _: s.live.next_edit(),
        (Key("e"),),
    ),
    Action("model", "the next model", lambda s, _: s.live.next_model(), (Key("o"),)),
    Action("undo", "undo", lambda s, _: s.undo(), (Key("z", ctrl=True),)),
    Action(
        "redo",
        "redo",
        lambda s, _: s.redo(),
        (Key("z", ctrl=True, shift=True), Key("y", ctrl=True)),
    ),
    Action("mark_a", "set mark A", lambda s, _: s.state.mark("a"), (Key("a"),)),
    Action("mark_b", "set mark B", lambda s, _: s.state.mark("b"), (Key("b"),)),
    Action(
        "flip", "flip between the marks", lambda s, _: s.state.flip(), (Key("Tab"),), on_beat=True
    ),
    Action("between", "play between the marks", lambda s, _: s.state.toggle_between(), (Key("j"),)),
    Action(
        "loop",
        "at the ends: turn round, begin anew, stop",
        lambda s, _: s.state.next_loop(),
        (Key("j", shift=True),),
    ),
    Action(
        "difference",
        "how the marks differ, as a picture",
        lambda s, _: s.state.toggle_difference(),
        (Key("d"),),
    ),
    Action("keep_cue", "keep a cue", lambda s, _: s.cues.keep(s.moment), (Key("m"),)),
    Action(
        "cue",
        "recall a cue",
        lambda s, v: s.cues.recall(int(v)),
        CUE_KEYS,
        CUE,
        label="F2 … F12",
        on_beat=True,
    ),
    Action(
        "glide_cue",
        "glide to a cue",
        lambda s, v: s.cues.recall(int(v), gliding=True),
        tuple(replace(key, shift=True) for key in CUE_KEYS),
        CUE,
        label="Shift+F2 … F12",
        on_beat=True,
    ),
    Action(
        "drop_cue",
        "drop a cue",
        lambda s, v: s.cues.drop(int(v)),
        tuple(replace(key, ctrl=True) for key in CUE_KEYS),
        CUE,
        label="Ctrl+F2 … F12",
    ),
    Action(
        "change_glide",
        "shorter glides, longer",
        lambda s, v: s.cues.change_glide(int(v)),
        (Key("<", -1.0), Key(">", 1.0)),
        GLIDE,
    ),
    Action("save", "save a still", lambda s, _: s.keeping.save(), (Key("s"),)),
    Action(
        "record",
        "record a film and its take, press again to finish",
        lambda s, _: s.keeping.record(),
        (Key("r"),),
    ),
    Action("grid", "save a grid over both axes", lambda s, _: s.keeping.draw_grid(), (Key("g"),)),
    Action(
        "range",
        "how far the second axis stays calm here",
        lambda s, _: s.priority.find_range(),
        (Key("w"),),
    ),
    Action("tokens", "token strip", lambda s, _: s.state.panels.toggle_tokens(), (Key("t"),)),
    Action(
        "storms",
        "storm strip: how fast the picture changes",
        lambda s, _: s.state.panels.toggle_storms(),
        (Key("h"),),
    ),
    Action(
        "perceptual",
        "perceptual time, once the scan is whole",
        lambda s, _: s.state.toggle_perceptual(),
        (Key("p"),),
    ),
    Action(
        "interp",
        "lerp or slerp: slide between the words, or turn",
        lambda s, _: s.state.toggle_interp(),
        (Key("i"),),
    ),
    Action("copy", "copy the command", lambda s, _: s.copy_command(), (Key("c"),)),
    Action(
        "zoom",
        "look closer; drag to look round; a double click ends it",
        lambda s, _: s.state.panels.next_zoom(),
        (Key("z"),),
    ),
    Action("stats", "statistics", lambda s, _: s.state.panels.toggle_stats(), (Key("x"),)),
    Action(
        "fullscreen", "fullscreen", lambda s, _: s.state.panels.toggle_fullscreen(), (Key("f"),)
    ),
    Action("tap", "tap the tempo", lambda s, _: s.tap(), (Key("k"),)),
    Action(
        "quantise",
        "jumps wait for nothing, a beat, a bar",
        lambda s, _: s.next_quantum(),
        (Key("q"),),
    ),
    Action(
        "learn",
        "learn a MIDI knob: press a key, move the knob",
        lambda s, _: s.state.learn_knob(),
        (Key("l"),),
        learnable=False,
    ),
    Action(
        "hand_over",
        "hand over to who asks, where several play one session",
        lambda s, _: s.hand_over(),
        (Key("y"),),
    ),
    Action("clean", "picture only", lambda s, _: s.state.panels.toggle_clean(), (Key("v"),)),
    Action("help", "this help", lambda s, _: s.state.panels.toggle_help(), (Key("F1"), Key("?"))),
    Action(
        "back",
        "close what is open, leave full screen, quit",
        lambda s, _: s.state.back(),
        (Key("Escape"),),
        learnable=False,
    ),
)

NAMES: dict[str, Action] = {action.name: action for action in ACTIONS}

SHOWN = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "Escape": "Esc"}
"""Keys whose label is not their name."""


def label_of(action: Action) -> str:
    """Return how the help names an action's keys, such as ``N  Shift+N``."""
    if action.label:
        return action.label
    shown = []
    for key in action.keys:
        name = SHOWN.get(key.name, key.name.upper() if len(key.name) == 1 else key.name)
        shown.append(f"{'Ctrl+' if key.ctrl else ''}{'Shift+' if key.shift else ''}{name}")
    return "  ".join(shown)


HELP: tuple[tuple[str, str], ...] = (
    *((label_of(action), action.meaning) for action in ACTIONS if action.keys),
    ("Shift  Ctrl", "with an arrow: ten times as far, a tenth as far"),
    ("mouse", "drag the bar and the pad; click the picture to play; the wheel moves"),
)
"""(keys, what they do), in the order the help shows them."""


def find(name: str, *, shift: bool = False, ctrl: bool = False) -> tuple[Action, Key] | None:
    """Return what a key does; Shift counts only where some key asks for it."""
    bound = [(action, key) for action in ACTIONS for key in action.keys if key.name == name]
    fitting = [one for one in bound if one[1].shift <= shift and one[1].ctrl == ctrl]
    return max(fitting, key=lambda one: one[1].shift, default=None)
