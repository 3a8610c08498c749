"""The front door: whatever happens from the first import on ends in a line, not in a traceback."""

import gc
import os
import sys


def main() -> None:
    """Run the command line; every expected error is one line on stderr and exit status 1."""
    gc.disable()  # what imports make stays: to look through it all again took a tenth of the start
    try:
        from player.program import run  # takes half a second, in which Ctrl-C may come

        status = run()
        sys.stdout.flush()
    except KeyboardInterrupt as error:
        print("wordmorph: interrupted", file=sys.stderr)
        status = getattr(error, "status", 130)
    except BrokenPipeError:  # whoever read our output has seen enough
        status = 0
        _forget_output()
    except PermissionError as error:  # where no message of ours says more
        what = error.filename or "the output"
        print(f"wordmorph: {what} cannot be read or written: {error.strerror}", file=sys.stderr)
        status = 1
    except OSError as error:
        if error.filename is not None:
            raise
        print(f"wordmorph: the output cannot be written: {error.strerror}", file=sys.stderr)
        status = 1
        _forget_output()
    sys.exit(status)


def _forget_output() -> None:
    """Let Python not try once more to write what could not be written, as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
