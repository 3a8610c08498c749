"""What ``wordmorph play`` imports before its window: time that a person waits."""

from __future__ import annotations

from tests.support.child import run_code

NEEDLESS = ("av", "rich", "matplotlib", "openvino", "torch", "export")
CODE = f"""
import sys
sys.argv = ["wordmorph", "play", "cat ->"]
from player.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 1, end.code
import player.window.window
print([name for name in {NEEDLESS!r} if name in sys.modules])
"""


def test_the_window_opens_before_what_it_does_not_need_is_imported() -> None:
    done = run_code(CODE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert "^" in done.stderr  # the request was really checked


WARNING = """
import sys, warnings
import player.program
player.program.make_app = lambda name: lambda words: warnings.warn("it waits", RuntimeWarning)
sys.argv = ["wordmorph", "doctor"]
from player.cli import main
main()
"""


def test_a_warning_is_one_line_without_a_file_of_the_program() -> None:
    done = run_code(WARNING)
    assert (done.returncode, done.stderr) == (0, "wordmorph: it waits\n")
