"""A paper account over another venue's market data: our own matching against the book and trades that are
really there, with strict cash and a state on disk. `matching` is also what paper twins are simulated with."""

from spark_tui.venues.paper.clearing import Fees
from spark_tui.venues.paper.store import PAPER_FILE, PaperStore, PaperStoreError
from spark_tui.venues.paper.venue import PaperSettings, PaperVenue, Source

__all__ = [
    "PAPER_FILE",
    "Fees",
    "PaperSettings",
    "PaperStore",
    "PaperStoreError",
    "PaperVenue",
    "Source",
]
