"""What the views hold of a person beyond figures."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.settings import Settings
from deploy.views import reading_own_views
from projections.anonymous import anonymous
from projections.history import all_rewards_of, entries_of
from projections.queries import find_balances
from projections.rows import EntryRow
from schemas.codec import POINTS
from schemas.points import AccountErased


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """`is_open`: there is an account and it is not erased. `texts` are rows that hold what people
    or other systems wrote. `facts` are ids; `custom_offsets` are those of facts that were custom
    events.
    """

    is_known: bool
    is_open: bool = False
    texts: int = 0
    partition: int | None = None
    facts: tuple[str, ...] = ()
    custom_offsets: tuple[int, ...] = ()


async def written_of(settings: Settings, site: str, customer: str) -> Written:
    async with reading_own_views(settings) as connection:
        return await _written(connection, site, customer)


async def _written(connection: AsyncConnection, site: str, customer: str) -> Written:
    accounts = await find_balances(connection, customer, site)
    if not accounts:
        return Written(is_known=False)
    [account] = accounts
    entries = await entries_of(connection, site, customer)
    closed = (each.sequence for each in entries if each.type == AccountErased.__name__)
    # What came after is about nobody: it says that the account is erased.
    last = next(closed, account.sequence)
    rewards = await all_rewards_of(connection, site, customer)
    texts = sum(_tells(each) for each in entries if each.sequence <= last)
    texts += sum(bool(each.reference or each.reason) for each in rewards)
    custom = {each.fact_offset for each in entries if each.fact.startswith("custom:")}
    return Written(
        is_known=True,
        is_open=not account.erased,
        texts=texts,
        partition=account.partition,
        facts=tuple(sorted({each.fact for each in entries})),
        custom_offsets=tuple(sorted(custom)),
    )


def _tells(entry: EntryRow) -> bool:
    event = POINTS.decode(entry.event.encode())
    return bool(entry.source) or anonymous(event) != event
