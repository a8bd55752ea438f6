"""A scripted engine for tests of the cockpit."""

from tests.ui.fake_engine.engine import FakeEngine
from tests.ui.fake_engine.scenes import with_differences
from tests.ui.fake_engine.world import VENUE, ManualClock

__all__ = ["VENUE", "FakeEngine", "ManualClock", "with_differences"]
