"""`show audit` as words: an entry is one line that fits."""

from spark_tui.commands import show


def entry(seq: int, what: str) -> dict[str, object]:
    return {
        "seq": seq,
        "time_ms": 1_732_111_402_000,
        "who": "ada",
        "face": "cockpit",
        "action": "list.submit",
        "what": what,
        "result": "R" * 200,
        "ok": False,
        "verdicts": [],
    }


def test_an_entry_is_one_line_no_wider_than_a_terminal() -> None:
    head, *lines = show._text("audit", [entry(2, "W" * 600), entry(1, "kill")]).split("\n")
    assert "time utc" in head
    assert [line.split()[0] for line in lines] == ["2", "1"]
    assert all("2024-11-20 14:03:22" in line and "list.submit" in line for line in lines)
    assert all(len(line) <= show.WIDTH for line in lines)
    assert all(line.endswith("…") for line in lines)
    assert "R" in lines[0], "a long `what` leaves room for the result"
