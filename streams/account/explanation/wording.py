"""Points, figures, values and days as one program's customers know them. PURE."""

from datetime import UTC, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from schemas.program import amounts
from schemas.program.words import PULLED, describe
from streams.account.compiled import CompiledProgram
from streams.account.steps import Value

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Wording:
    """The words of a program: its name for points, its zone for days. None is UTC and "points"."""

    def __init__(self, program: CompiledProgram | None) -> None:
        self.program = program
        self._zone: ZoneInfo | None = program.zone if program is not None else None
        self._name = program.program.points.name if program is not None else "points"

    def points(self, number: int | str) -> str:
        """`points(1982)` is "1,982 spikes"; texts are exact values."""
        return f"{self.number(number)} {self._name}"

    @staticmethod
    def number(number: int | str) -> str:
        if isinstance(number, int):
            return f"{number:,}"
        if "/" in number:
            return f"about {float(Fraction(number)):,.2f}"
        whole, point, rest = number.partition(".")
        return f"{int(whole):,}{point}{rest}"

    def basis(self, value: int, currency: str) -> str:
        """What counts towards a tier: points, or money of a currency."""
        return amounts.money_text(value, currency) if currency else self.points(value)

    def day(self, at: int) -> str:
        local = self._local(at)
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"

    def moment(self, at: int) -> str:
        """The day and, but for midnight, the time of it."""
        local = self._local(at)
        clock = f" at {local:%H:%M}" if (local.hour, local.minute) != (0, 0) else ""
        return f"{self.day(at)}{clock}"

    def last(self, at: int) -> str:
        """When that ends which is gone at an instant: mostly with a day."""
        local = self._local(at)
        if (local.hour, local.minute) == (0, 0):
            return f"at the end of {self.day(at - 1)}"
        return f"on {self.moment(at)}"

    def reward(self, reward: str) -> str:
        """What the program says of a reward, empty where it does not know it."""
        if self.program is None:
            return ""
        told = describe(self.program.program)
        return next((text for kind, name, text in told if (kind, name) == ("reward", reward)), "")

    def is_part(self, name: str) -> bool:
        """Whether a rule or reward of the program has this id."""
        if self.program is None:
            return False
        rewards = (each.id for each in self.program.rewards)
        return name in self.program.rule_by_id or name in rewards

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, self._zone or UTC)


def pulled(trigger: str, event: str | None) -> str:
    """When a rule of this trigger earns."""
    return f"the event `{event}` arrives" if event else PULLED[trigger]  # type: ignore[index]


def values(read: dict[str, Value]) -> str:
    """`subscription.plan = "basic", payment.recurring = false`."""
    return ", ".join(f"{name} = {_value(value)}" for name, value in read.items())


def _value(value: Value) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    return str(value)


def times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def listed(parts: list[str]) -> str:
    """`one, two and three`."""
    *before, last = parts
    return f"{', '.join(before)} and {last}" if before else last


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
