"""Hundreds of tests start the program as a process: it is compiled once, whatever the shell says."""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
