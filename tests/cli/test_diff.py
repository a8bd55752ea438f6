"""What `show diff` prints, and what `diff report` writes."""

from pathlib import Path

import pytest

from spark_tui.commands import diff
from spark_tui.commands.errors import USAGE, CommandError
from spark_tui.commands.parser import parse
from spark_tui.link.messages import Diff, GetDiff
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import FakeVenue
from tests.engine.harness import Rig, buy, rig


async def printed(it: Rig) -> str:
    found = await it.ask(GetDiff())
    assert isinstance(found, Diff)
    return diff.text(found)


async def test_before_the_first_order_it_says_what_is_missing(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        assert diff.NOTHING in await printed(it)


async def test_an_order_stands_beside_its_twin_under_the_total(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        order = await it.submit(buy("0.5", None))
        lines = (await printed(it)).splitlines()
    assert any(line.split() == ["grade", "A"] for line in lines)
    assert lines[-1].split()[0] == order.client_order_id
    assert lines[-1].split().count("60010") == 2  # both sides' average price
    assert lines[-1].split()[-1] == "A"


async def test_an_order_whose_twin_was_cut_off_says_so_and_shows_no_figure_of_it(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = FakeVenue(clock)
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        order = await it.submit(buy("0.5", "59000"))
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        [line] = [one for one in (await printed(it)).splitlines() if one.startswith(order.client_order_id)]
    assert line.endswith("cut off")
    assert line.split()[5:7] == ["0", "-"]  # filled, by the order and by its twin


@pytest.mark.parametrize("out", ["", "."])
def test_a_report_needs_a_file_to_go_to(out: str) -> None:
    with pytest.raises(CommandError, match="--out needs a file") as refused:
        diff.run(parse(["diff", "report", "--out", out]))
    assert refused.value.exit_code == USAGE


def test_without_an_engine_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No engine runs"):
        diff.run(parse(["diff", "report", "--data-dir", str(tmp_path)]))


def test_a_copy_that_cannot_be_written_says_where_the_report_is(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_bytes(b"{}")
    with pytest.raises(CommandError, match=r"cannot be written.*the report itself is in"):
        diff._copy(report, tmp_path / "none" / "copy.json")
    diff._copy(report, tmp_path / "copy.json")
    assert (tmp_path / "copy.json").read_bytes() == b"{}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.json", "report.json"]
