"""The `spark-tui` command: parse, call, print. Whatever goes wrong is one line and an exit code.

0 done, 1 refused or failed, 2 a wrong flag, setting or file, 3 the answer was lost, 129 the terminal went
away, 130 interrupted.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spark_tui.commands.output import Untold


def main(argv: Sequence[str] | None = None) -> int:
    from spark_tui.commands import output
    from spark_tui.commands.hang_up import HUNG_UP, from_hang_up, hush

    words = list(sys.argv[1:] if argv is None else argv)
    output.take()
    try:
        if words[:1] == ["--version"]:
            return output.ended(_version(), output.LOOK)
        return output.ended(*_run(words))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not from_hang_up(error):
            raise
        hush()
        return HUNG_UP


def _run(words: Sequence[str]) -> "tuple[int, Untold]":
    """The exit code, and what to know where the answer cannot be written. Raises only what nobody is left to
    be told."""
    from spark_tui.commands.errors import CommandError, report_crash
    from spark_tui.commands.hang_up import from_hang_up
    from spark_tui.commands.output import LOOK, Unheard, untold
    from spark_tui.commands.parser import parse

    unread = LOOK
    try:
        arguments = parse(words)
        unread = untold(arguments)
        code: int = arguments.run(arguments)
    except CommandError as error:
        print(f"spark-tui: {error}", file=sys.stderr)
        code = error.exit_code
    except (SystemExit, Unheard):  # --help was printed; or nobody can be told more
        code = 0
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # the last guard: an operator never sees a traceback
        if from_hang_up(error):
            raise
        print(f"spark-tui: {report_crash(error)}", file=sys.stderr)
        code = 1
    return code, unread


def _version() -> int:
    from importlib.metadata import version

    print(f"spark-tui {version('spark-tui')}")
    return 0
