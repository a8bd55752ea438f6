"""`python -m spark_tui.simulator`: the simulator without the rest of the command line."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from spark_tui.simulator.server import add_arguments, run


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = OneLineParser(prog="spark-tui simulator", description="An exchange on loopback.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
