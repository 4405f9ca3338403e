"""What an account has at an instant, what expires of it, and what its tier needs. PURE.

The account has lived until that instant: what was due before it has happened.
"""

import msgspec

from streams.account import tiers as rules
from streams.account.compiled import CompiledProgram, CompiledTiers
from streams.account.figures import figures_of
from streams.account.state import FOR_GOOD, NEVER, Account


class TierOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """The tier held `since` then. `basis` counts points, or minor units of `currency`.

    `missing` is what raises to `next_tier`, both absent at the top. Where time may take the tier
    away, it is reviewed at `review_at`, and what counts must grow by `needed_to_keep` until then;
    `grace_until` says that a review has failed and this is the last. A person holds it at least at
    `held_tier` until `held_until`, absent for good.
    """

    tier: str
    since: int | None
    currency: str = ""
    basis: int = 0
    next_tier: str = ""
    missing: int | None = None
    needed_to_keep: int | None = None
    review_at: int | None = None
    grace_until: int | None = None
    held_tier: str = ""
    held_until: int | None = None


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """`expiring` holds (expires_at, points) of what is spendable, soonest first; `tier` is absent
    where there are no tiers and never was one.
    """

    balance: int
    pending: int
    lifetime: int
    deficit: int
    tier: TierOutlook | None
    expiring: tuple[tuple[int, int], ...]


def view(account: Account, program: CompiledProgram | None, at: int) -> AccountView:
    """The account at an instant under the program in force then."""
    ledger = account.ledger
    balance, pending = figures_of(ledger)
    expiring: dict[int, int] = {}
    for lot in ledger.lots:
        if lot.active and lot.expires_at != NEVER:
            expiring[lot.expires_at] = expiring.get(lot.expires_at, 0) + lot.points
    return AccountView(
        balance=balance,
        pending=pending,
        lifetime=ledger.lifetime,
        deficit=ledger.deficit,
        tier=_tier(account, program.tiers if program else None, at),
        expiring=tuple(sorted(expiring.items())),
    )


def _tier(account: Account, tiers: CompiledTiers | None, at: int) -> TierOutlook | None:
    ledger, memory = account.ledger, account.memory
    since = ledger.tier_since if ledger.tier else None
    if tiers is None or tiers.retired:
        return TierOutlook(tier=ledger.tier, since=since) if ledger.tier else None
    basis = rules.basis_of(memory, ledger.lifetime, tiers, at)
    present = tiers.index.get(ledger.tier, -1)
    # Who is in no tier of the program is placed at the next fact that earns or pays.
    above = present + 1 if present >= 0 else tiers.level_for(basis)
    rises = above < len(tiers.levels)
    held = memory.held_until > at
    review_at = _reviewed_at(account) if ledger.tier in tiers.index else NEVER
    return TierOutlook(
        tier=ledger.tier,
        since=since,
        currency=tiers.counts,
        basis=basis,
        next_tier=tiers.levels[above].id if rises else "",
        missing=max(0, tiers.levels[above].at - basis) if rises else None,
        needed_to_keep=_needed(account, tiers, present, review_at) if review_at else None,
        review_at=review_at or None,
        grace_until=memory.review_at if memory.graced else None,
        held_tier=memory.held_tier if held else "",
        held_until=memory.held_until if held and memory.held_until != FOR_GOOD else None,
    )


def _reviewed_at(account: Account) -> int:
    """When time may take the present tier away: not the end of a hold on a lower one."""
    memory = account.memory
    if memory.review_at == NEVER and memory.held_tier == account.ledger.tier:
        return memory.held_until if memory.held_until != FOR_GOOD else NEVER
    return memory.review_at


def _needed(account: Account, tiers: CompiledTiers, present: int, review_at: int) -> int:
    """What must still be added before the review, beyond what counts then already."""
    memory, lifetime = account.memory, account.ledger.lifetime
    by_year = tiers.window.by_year and memory.review_at == review_at
    ends_at = memory.failed_at if by_year and memory.failed_at else review_at
    counts = rules.basis_of(memory, lifetime, tiers, ends_at, ending=by_year)
    if not tiers.reviewed and memory.review_at == review_at:
        return max(0, memory.tier_needs - max(memory.tier_basis, counts))
    return max(0, tiers.levels[present].at - counts)
