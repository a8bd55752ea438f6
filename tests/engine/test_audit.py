"""The audit: who, through which face, what, the rules' verdicts, the result; found again by its words."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.commands.table import table
from spark_tui.domain.values import LegRole, ListKind, Side
from spark_tui.engine import audit_view
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.records import Acted, to_entry
from spark_tui.link.local import LocalLink
from spark_tui.link.messages import (
    Audit,
    AuditVerdict,
    CancelAll,
    ConfirmCanary,
    GetAudit,
    GetOrders,
    Kill,
    PreviewOrder,
    Resume,
    RunCanary,
    SubmitLeg,
    SubmitList,
)
from spark_tui.link.service import LinkError
from spark_tui.store.ledger import Entry, Stored
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.engine.harness import Rig, buy, rig


async def ask(it: Rig, text: str = "", **more: object) -> Audit:
    await it.engine.journal.durable()
    result = await it.ask(GetAudit(text=text, **more))  # type: ignore[arg-type]
    assert isinstance(result, Audit)
    return result


async def test_an_order_is_on_record_with_face_verdicts_and_result(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        link = LocalLink(it.engine, face="do", operator="ayse", rate_hz=0)
        await link.call(buy(price="59000"))
        (row,) = (await ask(it, "order.submit")).rows
        assert (row.who, row.face, row.ok) == ("ayse", "do", True)
        assert "price=59000" in row.what
        assert "ACCEPTED" in row.result
        assert {verdict.rule for verdict in row.verdicts} >= {"trading_state", "book", "balance"}
        assert all(verdict.ok for verdict in row.verdicts)


async def test_a_refusal_names_the_rule_that_refused(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.submit(buy("1000000"))
        (row,) = (await ask(it, "denied insufficient_balance")).rows
        assert row.ok is False
        assert [verdict.code for verdict in row.verdicts if verdict.code == "INSUFFICIENT_BALANCE"]


async def test_a_command_that_fails_is_on_record_too(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        with pytest.raises(LinkError):
            await it.ask(Resume(reason=" "))
        (row,) = (await ask(it, "reason_needed")).rows
        assert (row.action, row.ok) == ("resume", False)


async def test_a_canary_that_is_not_green_is_not_told_as_done(tmp_path: Path) -> None:
    settings = EngineSettings(symbols={NAME: (SYMBOL,)}, data_dir=str(tmp_path), hosts={NAME: "127.0.0.1"})
    async with rig(tmp_path, settings=settings) as it:
        run = RunCanary(symbol=SYMBOL, quantity=D("0.001"))
        await it.ask(run)
        await it.ask(ConfirmCanary(symbol=SYMBOL, quantity=D("0.001"), typed="ETHUSDT"))
        await it.ask(Kill(reason="drill"))
        await it.ask(run)
        rows = [row for row in (await ask(it, "canary")).rows if row.action.startswith("canary.")]
        told = [(row.action, row.ok, row.result.split(" ", 1)[1][:12]) for row in reversed(rows)]
        assert told == [
            ("canary.run", True, "green"),
            ("canary.confirm", False, "refused: NOT"),
            ("canary.run", False, "red: HALTED:"),
        ]


async def test_a_list_is_told_without_what_its_legs_left_unsaid(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.ask(
            SubmitList(
                kind=ListKind.OTO,
                legs=(
                    SubmitLeg(role=LegRole.WORKING, order=buy(price="59000")),
                    SubmitLeg(role=LegRole.PENDING, order=buy(price="70000", side=Side.SELL)),
                ),
            )
        )
        (row,) = (await ask(it, "list.submit")).rows
        assert '"price":"59000"' in row.what
        assert "null" not in row.what
        assert '""' not in row.what


async def test_looking_is_not_on_record(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.ask(PreviewOrder(order=buy()))
        await it.ask(GetOrders())
        await ask(it)
        assert not any(row.face or row.ok is not None for row in (await ask(it)).rows)


async def test_verdicts_of_what_comes_later_are_not_the_commands(tmp_path: Path) -> None:
    """Two orders at the same time: each record has the verdicts of its own order."""
    async with rig(tmp_path) as it:
        await asyncio.gather(it.submit(buy("0.1")), it.submit(buy("1000000")))
        rows = {row.ok: row for row in (await ask(it, "order.submit")).rows}
        assert all(verdict.ok for verdict in rows[True].verdicts)
        assert not all(verdict.ok for verdict in rows[False].verdicts)


async def test_a_kill_whose_record_fails_is_a_kill(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        whole = it.engine.journal.note

        def broken(record: object) -> object:
            if isinstance(record, Acted):
                raise RuntimeError("the audit is broken")
            return whole(record)  # type: ignore[arg-type]

        it.engine.journal.note = broken  # type: ignore[method-assign,assignment]
        await it.ask(Kill(reason="drill"))
        assert it.engine.guard.killed
        assert any("could not be recorded" in notice.text for notice in it.engine.notices.recent)


async def test_halts_are_found_with_who_and_why(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.ask(Kill(reason="storm"))
        assert [row.action for row in (await ask(it, "storm")).rows] == ["kill", "trading"]


async def test_every_entry_on_demand(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        assert not [row for row in (await ask(it, order.client_order_id)).rows if row.ok is None]
        everything = await ask(it, order.client_order_id, all_entries=True)
        assert {"order intended", "order sent", "order accepted"} <= {row.action for row in everything.rows}


async def test_pages_go_back_to_the_first_entry_without_gap_or_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_view, "_CHUNK", 7)
    async with rig(tmp_path) as it:
        for _ in range(20):
            await it.ask(CancelAll())
        seen: list[int] = []
        before = 0
        while True:
            page = await ask(it, all_entries=True, before=before, limit=6)
            seen += [row.seq for row in page.rows]
            before = page.before
            if not before:
                break
        assert seen == list(range(seen[0], 0, -1))


async def test_one_question_reads_a_bounded_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_view, "MAX_SCANNED", 10)
    async with rig(tmp_path) as it:
        await it.submit(buy("1000000"))
        for _ in range(30):
            await it.ask(CancelAll())
        page = await ask(it, "denied")
        assert page.rows == ()
        while page.before and not page.rows:
            page = await ask(it, "denied", before=page.before)
        assert len(page.rows) == 1


async def test_only_what_is_newer_is_read_for_a_face_that_follows(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.ask(CancelAll())
        known = (await ask(it)).entries
        assert (await ask(it, after=known)).rows == ()
        await it.submit(buy("1000000"))
        newer = await ask(it, after=known)
        assert [row.action for row in newer.rows] == ["order.submit"]
        assert newer.before == 0


WORDS = st.text(
    st.sampled_from(sorted("abeginorİK0.:=%[(\\\"/'|\u202e\x1b\x7fé")), min_size=1, max_size=6
).filter(lambda word: not any(character.isspace() for character in word))


@given(WORDS, st.lists(WORDS, max_size=4), st.data())
def test_what_is_skipped_unread_holds_no_such_word(who: str, told: list[str], data: st.DataObject) -> None:
    record = Acted(
        action="kill",
        what=" ".join(told),
        operator=data.draw(st.sampled_from([who, ""])),
        face="do",
        verdicts=(AuditVerdict(rule="book", ok=False, code="NO_BOOK"),),
        result="done",
        ok=True,
        at_ms=0,
    )
    entry = to_entry(record)
    stored = Stored(1, 0, entry.kind, entry.body)
    haystack = audit_view._haystack(audit_view._in_lines(audit_view.row_of(stored)))
    start = data.draw(st.integers(0, len(haystack) - 1))
    word = haystack[start : start + data.draw(st.integers(1, 6))]
    for sought in word.split():
        assert sought.isascii() is False or audit_view._may_hold(stored, [sought]), sought


async def test_a_command_that_was_cut_off_is_on_record_too(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for_ever = it.engine.audit.recorded(CancelAll(), "ayse", asyncio.Event().wait)  # type: ignore[arg-type]
        under_way = asyncio.create_task(for_ever)
        await asyncio.sleep(0)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        (row,) = (await ask(it, "cut_off")).rows
        assert (row.who, row.action, row.ok) == ("ayse", "order.cancel-all", False)


@pytest.fixture
def strange() -> Stored:
    return Stored(
        7, 1_795_000_000_000_000_000, "from-the-future", b'{"type":"from-the-future","operator":"x"}'
    )


def test_an_entry_of_a_later_version_is_shown_as_it_is(strange: Stored) -> None:
    row = audit_view.row_of(strange)
    assert (row.seq, row.action) == (7, "from-the-future")
    assert "future" in row.what


async def test_a_damaged_body_is_a_row_too(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.ledger.append(Entry("acted", b"\xff\xfe not json"))
        rows = (await ask(it)).rows
        assert rows[0].action == "acted"


FORGED = "ayse\n21 Nov root kill\x1b[2J\u202e done"


async def test_a_row_cannot_be_forged_by_a_name_or_a_reason(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        link = LocalLink(it.engine, face="do\n", operator=FORGED, rate_hz=0)
        await link.call(Kill(reason=FORGED))
        for row in (await ask(it, all_entries=True)).rows:
            assert all(text.isprintable() for text in (row.who, row.face, row.action, row.what, row.result))


def test_a_table_keeps_its_rows_whatever_a_cell_holds() -> None:
    text = table(("who", "what"), [{"who": FORGED, "what": "x"}], "")
    assert len(text.splitlines()) == 2
    assert all(line.isprintable() for line in text.splitlines())
