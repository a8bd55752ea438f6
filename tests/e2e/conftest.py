from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    place = Desk(tmp_path)
    yield place
    place.close()
