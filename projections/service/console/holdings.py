"""What a customer has now: by the fold where the account's state is at hand, else by the lots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from projections.accounts import Account
from projections.rows import LotRow
from projections.service.ports import Accounts, Standing, TierStanding
from schemas.program.amounts import money_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """`next_at` is when the next pending lot becomes spendable by itself. `tier_words` say what is
    missing to rise and to stay; `share` of a hundred of the way to the next tier is behind them.
    """

    balance: int
    pending: int
    lifetime: int
    deficit: int
    next_at: int | None
    tier: str
    tier_words: tuple[str, ...] = ()
    share: int | None = None


def hold(account: Account, lots: Sequence[LotRow], accounts: Accounts | None, now: int) -> Held:
    waiting = [lot.available_at for lot in lots if lot.available_at > now and not lot.waits]
    next_at = min(waiting, default=None)
    standing = _standing(account, accounts, now)
    row = account.row
    if standing is None:
        pending = sum(lot.remaining for lot in lots if lot.available_at > now)
        total = sum(lot.remaining for lot in lots)
        return Held(
            balance=total - pending - row.deficit,
            pending=pending,
            lifetime=row.lifetime,
            deficit=row.deficit,
            next_at=next_at,
            tier=row.tier,
        )
    tier = standing.tier
    return Held(
        balance=standing.balance,
        pending=standing.pending,
        lifetime=standing.lifetime,
        deficit=standing.deficit,
        next_at=next_at,
        tier="" if tier is None else tier.tier,
        tier_words=() if tier is None else tuple(_words(tier)),
        share=None if tier is None else _share(tier),
    )


def _standing(account: Account, accounts: Accounts | None, now: int) -> Standing | None:
    """None while the state lags behind the entries: the two are written apart."""
    if account.state is None or accounts is None:
        return None
    living = accounts.read(account.row.site, account.state)
    if living.sequence < account.row.sequence:
        return None
    return living.standing(max(now, living.lived_to))


def _words(tier: TierStanding) -> list[str]:
    said = []
    if tier.missing is not None:
        said.append(f"{_counted(tier.missing, tier)} to {tier.next_tier}")
    elif tier.tier:
        said.append("the highest there is")
    if tier.held_tier and tier.held_tier == tier.tier:
        until = f"until {_day(tier.held_until)}" if tier.held_until else "for good"
        said.append(f"held by hand {until}")
    elif tier.needed_to_keep is not None and tier.review_at is not None:
        last = ", when grace ends" if tier.grace_until is not None else ""
        needed = _counted(tier.needed_to_keep, tier) if tier.needed_to_keep else "nothing more"
        said.append(f"to stay: {needed} by {_day(tier.review_at)}{last}")
    return said


def _share(tier: TierStanding) -> int | None:
    if tier.missing is None:
        return None
    return round(100 * tier.basis / max(1, tier.basis + tier.missing))


def _counted(value: int, tier: TierStanding) -> str:
    return money_text(value, tier.currency) if tier.currency else f"{value:,}"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y")
