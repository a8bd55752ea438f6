"""The `spark-tui` command: parse, call, print. Whatever goes wrong is one line and an exit code.

0 done, 1 refused or failed, 2 a wrong flag, setting or file, 129 the terminal went away.
"""

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["--version"]:
        return _version()
    from spark_tui.commands.hang_up import HUNG_UP, from_hang_up, hush

    try:
        return _run(words)
    except Exception as error:
        if not from_hang_up(error):
            raise
        hush()
        return HUNG_UP


def _run(words: Sequence[str]) -> int:
    """Raises only what nobody is left to be told."""
    from spark_tui.commands.errors import CommandError, report_crash
    from spark_tui.commands.hang_up import from_hang_up
    from spark_tui.commands.parser import parse

    try:
        arguments = parse(words)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        print(f"spark-tui: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader (a pager, `head`) left: nothing to say, and Python must not complain about stdout at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the last guard: an operator never sees a traceback
        if from_hang_up(error):
            raise
        print(f"spark-tui: {report_crash(error)}", file=sys.stderr)
        return 1
    return code


def _version() -> int:
    from importlib.metadata import version

    print(f"spark-tui {version('spark-tui')}")
    return 0
