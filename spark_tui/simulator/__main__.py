"""`python -m spark_tui.simulator`: the simulator without the rest of the command line."""

import argparse
import sys

from spark_tui.simulator.server import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="spark-tui simulator", description="An exchange on loopback.")
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
