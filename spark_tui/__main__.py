"""`python -m spark_tui`: the same as the `spark-tui` command."""

import sys

from spark_tui.cli import main

sys.exit(main())
