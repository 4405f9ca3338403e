"""What the billing site holds for each reward: once where delivered, never where failed. PURE."""

import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from connectors.rewards.gateway import GrantedCredit
from deploy.audit.stories import LedgerReward
from deploy.audit.tally import Tally
from schemas import ids

CREDIT, COUPON = "promotional_credit", "coupon"


Uses = Mapping[str, Counter[str] | None]
"""How often each coupon waits at a subscription or was used up by its invoices, by subscription id;
None where the site has no such subscription any more.
"""


def compare_credits(
    tally: Tally,
    site: str,
    ledger: Iterable[LedgerReward],
    granted: Mapping[str, Sequence[GrantedCredit]],
    *,
    known: Container[str],
    erased: Container[str],
) -> None:
    """`ledger` holds the site's rewards, `granted` its promotional credits by reference, listed
    later; `known` are the ids of all rewards that the ledger held after that. `erased` accounts may
    have lost theirs together with the customer.
    """
    for row in ledger:
        if row.via != CREDIT:
            continue
        tally.examined += 1
        there = granted.get(row.reward_id, ())
        if len(there) > 1:
            tally.breach(f"{row.reward_id} was given {len(there)} times: {_named(there)}")
        elif there:
            _compare_credit(tally, row, there[0])
        elif row.state == "delivered" and ids.account_key(site, row.customer) not in erased:
            tally.breach(f"{row.reward_id} is delivered and {site} holds no credit for it")
    for reference, there in granted.items():
        # Other systems may give credits too, under references of their own.
        if reference.startswith(f"{site}{ids.SEPARATOR}") and reference not in known:
            tally.breach(f"{_named(there)} was given for {reference}, which no ledger knows")


def _compare_credit(tally: Tally, row: LedgerReward, credit: GrantedCredit) -> None:
    if row.state in {"failed", "cancelled"}:
        tally.breach(f"{row.reward_id} is {row.state} and was given all the same: {credit.id}")
    right = row.amounts_minor.get(credit.currency)
    if credit.amount_minor != right or credit.customer != row.customer:
        tally.breach(
            f"{credit.id} gives {credit.amount_minor} {credit.currency} to {credit.customer} for"
            f" {row.reward_id}, which is worth {right} to {row.customer}"
        )


def coupon_of(row: LedgerReward) -> tuple[str, str] | None:
    """Subscription and coupon of the call that was stored, None where none was."""
    if row.via != COUPON or not row.body:
        return None
    body = json.loads(row.body)
    return body["subscription"], body["coupon"]["id"]


def compare_coupons(tally: Tally, ledger: Iterable[LedgerReward], uses: Uses) -> None:
    """`ledger` holds the site's rewards, `uses` those of every subscription that they name a coupon
    for, read after it.
    """
    used_by: dict[tuple[str, str], str] = {}
    for row in ledger:
        coupon = coupon_of(row)
        if coupon is None:
            continue
        tally.examined += 1
        other = used_by.setdefault(coupon, row.reward_id)
        if other != row.reward_id:
            tally.breach(f"{row.reward_id} and {other} are one coupon: {':'.join(coupon)}")
        counts = uses[coupon[0]]
        if counts is not None:
            _compare_coupon(tally, row, counts[coupon[1]])


def _compare_coupon(tally: Tally, row: LedgerReward, count: int) -> None:
    # One that lasts is on no more invoices than its periods are, and may still wait for another.
    lasts = json.loads(row.body)["coupon"].get("period", 0)
    if count > lasts + 1:
        tally.breach(f"the coupon of {row.reward_id} was applied {count} times")
    elif count and row.state in {"failed", "cancelled"}:
        tally.breach(f"{row.reward_id} is {row.state} and its coupon was applied all the same")
    elif not count and row.state == "delivered" and not row.taken_back:
        tally.breach(f"{row.reward_id} is delivered and its coupon is nowhere to be seen")


def _named(credits_: Iterable[GrantedCredit]) -> str:
    return ", ".join(credit.id for credit in credits_)
