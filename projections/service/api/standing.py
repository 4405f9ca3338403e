"""Where an account stands: by its state as the fold left it, or by folding again for the past."""

import asyncio

from projections.service.ports import HistoryGone, LivingAccount, Ports, Standing
from projections.service.problems import not_found, offered, unavailable

STATE_BEHIND_SECONDS_MAX = 0.5
POLL_SECONDS = 0.025


async def standing_of(
    ports: Ports, site: str, customer: str, at: int | None, known_at: int | None
) -> tuple[Standing, int]:
    """Where an account stands, and at which instant that is. Raises `Problem`."""
    living = await _caught_up(ports, site, customer)
    if known_at is None:
        # A clock may stand a little behind what an account has lived already.
        instant = max(ports.clock(), living.lived_to) if at is None else at
        if instant >= living.lived_to:
            return living.standing(instant), instant
    else:
        instant = known_at if at is None else at
    try:
        then = await offered(ports.accounts).as_of(site, customer, instant, known_at)
    except HistoryGone as error:
        raise unavailable(str(error), 3_600) from error
    if then is None:
        raise unknown(customer)
    return then, instant


async def _caught_up(ports: Ports, site: str, customer: str) -> LivingAccount:
    """The account once its state has seen what its entries tell: the two are written apart, within
    moments of each other.
    """
    accounts = offered(ports.accounts)
    deadline = asyncio.get_running_loop().time() + STATE_BEHIND_SECONDS_MAX
    while True:
        found = await offered(ports.account_reader).read(site, customer)
        if found is None:
            raise unknown(customer)
        late = asyncio.get_running_loop().time() >= deadline
        if found.state is not None:
            living = accounts.read(site, found.state)
            if late or living.sequence >= found.row.sequence:
                return living
        elif late:
            raise unavailable("The account's state is still being read.")
        await asyncio.sleep(POLL_SECONDS)


async def refuse_unknown(ports: Ports, site: str, customer: str) -> None:
    """Raises the refusal where there is no such account."""
    if await offered(ports.account_reader).read(site, customer) is None:
        raise unknown(customer)


def unknown(customer: str) -> Exception:
    return not_found(f"Nothing is known of the customer {customer}.")
