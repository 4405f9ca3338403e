"""What a reward counts for before it may be given: stock, budget, and ceilings on money. PURE.

Stock and budgets are the program's and counted over all of its versions; their calendar is the
program's. Ceilings are the installation's guard against a mistake in any program: they count real
time in UTC, and hold rewards up rather than fail them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.rewards.gateway import Prepared
from schemas.program import periods
from schemas.program.amounts import money_text
from schemas.rewards import Allowance, GrantReward

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`amount` of what may be used up to `limit` under a name.

    `ceiling` names a limit of the settings, which only postpones; a limit of the program's, over
    which a reward fails, leaves it empty. `ends_wall` is when the name's period is over.
    """

    name: str
    amount: int
    limit: int
    reason: str
    ceiling: str = ""
    ends_wall: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Money by currency, in minor units. A currency that is not named has no ceiling."""

    customer_per_day: Mapping[str, int] = field(default_factory=dict)
    site_per_hour: Mapping[str, int] = field(default_factory=dict)
    program_per_day: Mapping[str, int] = field(default_factory=dict)

    def claims(self, command: GrantReward, prepared: Prepared, wall: float) -> list[Claim]:
        """What the attempt of `prepared` counts for, at real time `wall`."""
        claims = self._ceilings(command, prepared, wall)
        if command.allowance is not None:
            claims += _allowances(command, command.allowance, prepared)
        return claims

    def _ceilings(self, command: GrantReward, prepared: Prepared, wall: float) -> list[Claim]:
        site, currency = command.site, prepared.currency
        ceilings = (
            ("customer_per_day", self.customer_per_day, DAY_SECONDS, f"{site}:{command.customer}"),
            ("site_per_hour", self.site_per_hour, HOUR_SECONDS, site),
            ("program_per_day", self.program_per_day, DAY_SECONDS, f"{site}:{command.program}"),
        )
        claims = []
        for ceiling, table, seconds, whose in ceilings:
            limit = table.get(currency)
            if limit is None or prepared.worth_minor == 0:
                continue
            window = int(wall // seconds)
            claims.append(
                Claim(
                    name=f"ceiling:{ceiling}:{whose}:{currency}:{window}",
                    amount=prepared.worth_minor,
                    limit=limit,
                    reason=f"paused: {ceiling} of {money_text(limit, currency)} is reached",
                    ceiling=ceiling,
                    ends_wall=float((window + 1) * seconds),
                )
            )
        return claims


def _allowances(command: GrantReward, allowance: Allowance, prepared: Prepared) -> list[Claim]:
    of = f"{command.site}:{command.program}:{command.reward}"
    claims = []
    if allowance.stock is not None:
        claims.append(
            Claim(
                name=f"stock:{of}",
                amount=1,
                limit=allowance.stock,
                reason=f"out of stock: all {allowance.stock} were given",
            )
        )
    limit = allowance.budget_minor.get(prepared.currency)
    if limit is not None:
        claims.append(
            Claim(
                name=f"budget:{of}:{prepared.currency}:{_period(command, allowance)}",
                amount=prepared.worth_minor,
                limit=limit,
                reason=f"the budget of {money_text(limit, prepared.currency)} is used up",
            )
        )
    return claims


def _period(command: GrantReward, allowance: Allowance) -> str:
    """The calendar period in which the reward was earned, whenever it is given."""
    if allowance.per == "ever":
        return allowance.per
    zone = periods.parse_zone(allowance.zone)
    return f"{allowance.per} {periods.period_key(command.occurred_at, allowance.per, zone)}"
