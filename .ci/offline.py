"""Require that commands talk to no network: ``offline.py WORDMORPH NAME …``.

``WORDMORPH`` is the program; the names are rows of ``tests.network.commands``, all of those that
need no torch if none is given.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.network.attempts import missing_tool, run
from tests.network.commands import COMMANDS, shell_words


def main() -> int:
    """Run the commands; return 1 if one failed or tried to reach anything."""
    program = str(Path(sys.argv[1]).resolve())
    names = sys.argv[2:] or [name for name, one in COMMANDS.items() if not one.builds]
    if missing_tool() is not None:
        print(missing_tool())
        return 1
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "HOME": folder, "SDL_VIDEODRIVER": "dummy"}
        for name in names:
            command = COMMANDS[name]
            ran = run(
                shell_words(command, [program]), cwd=Path(folder), env=env, serves=command.serves
            )
            print(f"{name}: exit status {ran.status}, {len(ran.attempts)} attempts", flush=True)
            expected = 0 if command.seconds is None else 128 + signal.SIGTERM
            if ran.status != expected or ran.attempts:
                bad = 1
                print(ran.output, *ran.attempts, sep="\n")
    return bad


if __name__ == "__main__":
    sys.exit(main())
