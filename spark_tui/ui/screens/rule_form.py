"""Creates or changes a rule: Tab moves, arrows choose, ctrl+o puts it; Enter does not."""

from collections.abc import Sequence

from spark_tui.domain.rules import Rule
from spark_tui.ui.action_words import ActionError
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line, tail
from spark_tui.ui.rule_form import CHOICES, LABELS, RuleForm
from spark_tui.ui.rule_words import FOLLOWS
from spark_tui.ui.screens.dialog import LABEL, DialogScreen, fact_lines

FIELD = 24


class RuleScreen(DialogScreen):
    """Answered with `put`; `form` has the rule."""

    tone = "accent"

    def __init__(self, context: Context, rule: Rule | None) -> None:
        super().__init__(context)
        self.form = RuleForm(rule)
        self.title_text = "New rule" if rule is None else f"Change rule {rule.id}"

    def wanted_size(self) -> tuple[int, int]:
        return 74, 18

    def lines(self, width: int, height: int) -> Sequence[Line]:
        refusal = self._refusal()
        rows: list[Line] = [(), *(self._field(name) for name in self.form.fields), ()]
        text, tone = (refusal, "warn") if refusal else (f"when broken, {self._follows()}", "dim")
        said = fact_lines((("", text, tone),), width)[:2]
        foot: Line = (
            (" ", "ink"),
            (" Esc  Cancel ", "b background on accent"),
            ("   ctrl+o", "b accent" if not refusal else "dim"),
            (" put it", "ink" if not refusal else "dim"),
            ("   Tab next   ← → choose", "dim"),
        )
        gap = max(0, height - len(rows) - len(said) - 2)
        return [*rows, *said, *[()] * gap, foot]

    def _field(self, name: str) -> Line:
        active = name == self.form.field
        entry = self.form.texts[name]
        label = (f" {LABELS.get(name, name):<{LABEL}}", "ink" if active else "dim")
        if name in CHOICES:
            text = f"‹ {entry.text or 'any'} ›" if active else f"  {entry.text or 'any'}"
        else:
            text = entry.shown_in(FIELD) if active else entry.text
        ground = "b ink on background" if active else "ink on ink9"
        beside = "" if name in CHOICES and not entry.text else self.form.beside(name)
        return (label, (f" {tail(text, FIELD)} ", ground), (f" {beside}", "dim"))

    def _refusal(self) -> str:
        try:
            self.form.request()
        except ActionError as error:
            return str(error).removeprefix("This is no rule: ").rstrip(".")
        return ""

    def _follows(self) -> str:
        return FOLLOWS[self.form.request().rule.effect]

    def take_key(self, name: str, character: str | None) -> None:
        match name:
            case "escape":
                self.finish("")
            case "ctrl+o":
                if not self._refusal():
                    self.finish("put")
            case "tab" | "down":
                self.form.move(1)
            case "shift+tab" | "up":
                self.form.move(-1)
            case _:
                self.form.press(name, character)
        self.frame.pull()

    def take_paste(self, text: str) -> None:
        if self.form.field not in CHOICES:
            self.form.texts[self.form.field].insert(text)
            self.frame.pull()
