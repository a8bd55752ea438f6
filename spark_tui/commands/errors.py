"""How a command fails: one sentence, one exit code."""

import traceback
from pathlib import Path

REFUSED = 1
USAGE = 2
UNDECIDED = 3  # sent, and whether it lives is not known: never to be sent again


class CommandError(Exception):
    """One sentence for stderr, and the exit code."""

    def __init__(self, text: str, exit_code: int = REFUSED) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def report_crash(error: Exception, data_dir: Path | None = None) -> str:
    """Write the traceback to the engine's log, which only its owner reads; answer what to say instead."""
    from spark_tui.link.rendezvous import LOG_FILE, default_data_dir  # not for every --version

    log = (data_dir or default_data_dir()) / LOG_FILE
    kind = type(error).__name__
    try:
        with log.open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError:  # no data directory, or a full disk: the sentence must come all the same
        return f"A defect of spark-tui ended this command ({kind}); please report it."
    return f"A defect of spark-tui ended this command ({kind}); {log} has the details, please report it."
