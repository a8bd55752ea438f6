"""TRADE_MODE=paper: the exchange's market with an account of our own in the data directory."""

import random
from decimal import Decimal
from pathlib import Path

from spark_tui.engine.place import StartError
from spark_tui.settings import Paper
from spark_tui.venues.paper import PAPER_FILE, Fees, PaperSettings, PaperStore, PaperStoreError, PaperVenue
from spark_tui.venues.paper.venue import Source
from spark_tui.wire.clock import Clock

_PERCENT = Decimal(100)


def open_paper(source: Source, paper: Paper, data_dir: Path, clock: Clock, rng: random.Random) -> PaperVenue:
    """Raises StartError."""
    try:
        store = PaperStore.open(data_dir / PAPER_FILE, paper.start)
    except PaperStoreError as error:
        raise StartError(error.text) from None
    fees = Fees(maker=paper.maker_fee_percent / _PERCENT, taker=paper.taker_fee_percent / _PERCENT)
    settings = PaperSettings(fees=fees, round_trip_ms=paper.round_trip_ms)
    return PaperVenue(source, store, clock=clock, rng=rng, settings=settings)
