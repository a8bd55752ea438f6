"""Curves in braille: where a dot is, and that nothing is drawn where nobody measured."""

from spark_tui.ui.lines import Line
from spark_tui.ui.widgets.plot import Frame, Sample, plot

BLANK = " "


def drawn(samples: list[Sample], *, apart: int = 10, area_from: float | None = None) -> list[str]:
    lines = plot(
        samples,
        Frame(0, 100, apart),
        30,
        5,
        label=lambda value: f"{value:.1f}",
        clock=str,
        tone="accent",
        area_from=area_from,
    )
    return [text(line) for line in lines]


def text(line: Line) -> str:
    return "".join(part for part, _ in line)


def test_a_rise_goes_from_the_lower_left_to_the_upper_right() -> None:
    lines = drawn([Sample(at, at) for at in range(0, 101, 10)])
    assert lines[0][1] == BLANK
    assert lines[3][1] != BLANK
    assert lines[0].split()[-2][-1] != BLANK
    assert len(lines) == 5


def test_a_gap_is_left_open() -> None:
    lines = drawn([Sample(0, 1), Sample(10, 1), Sample(80, 1), Sample(90, 1)])
    plotted = "".join(line[5:16] for line in lines[:4])
    assert plotted.strip() == ""
    joined = drawn([Sample(0, 1), Sample(10, 1), Sample(80, 1), Sample(90, 1)], apart=100)
    assert "".join(line[5:16] for line in joined[:4]).strip() != ""


def test_an_area_hangs_from_its_ground() -> None:
    lines = drawn([Sample(at, -at) for at in range(0, 101, 10)], area_from=0.0)
    assert "⣿" in lines[0]
    assert lines[3][1:10].strip() == ""


def test_the_axis_says_the_middle_of_its_row_and_the_times_stand_under_it() -> None:
    lines = drawn([Sample(0, 0.0), Sample(10, 8.0)])
    assert lines[0].rstrip().endswith("7.0")
    assert lines[-1].split() == ["0", "50", "100"]


def test_one_value_all_along_has_room_above_and_below() -> None:
    lines = drawn([Sample(at, 5.0) for at in range(0, 101, 10)])
    assert lines[0][1:20].strip() == ""
    assert any(line[1:20].strip() for line in lines[1:3])


def test_nothing_inside_the_frame_is_no_picture() -> None:
    assert drawn([Sample(500, 1.0)]) == []
    assert drawn([]) == []
