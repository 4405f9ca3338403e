"""Whose erasure is not finished: Chargebee deleted them, and nobody has erased the rest."""

import json

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.erasure.erase import ERASED
from deploy.settings import Settings
from deploy.views import reading_own_views
from projections.access.database import access
from projections.access.decisions import Decision, decisions_about
from projections.tables import balances
from schemas import ids

CHUNK_SUBJECTS = 500


async def unfinished(settings: Settings, engine: AsyncEngine, site: str) -> list[str]:
    """Customers whose account is closed, and of whom no erasure was ever finished."""
    query = select(balances.c.customer).where(balances.c.site == site, balances.c.erased.is_(True))
    async with reading_own_views(settings) as connection:
        closed = list(await connection.scalars(query.order_by(balances.c.customer)))
    found: list[str] = []
    for start in range(0, len(closed), CHUNK_SUBJECTS):
        part = closed[start : start + CHUNK_SUBJECTS]
        async with access(engine) as connection:
            subjects = [ids.account_key(site, each) for each in part]
            known = await decisions_about(connection, subjects)
        finished = {
            subject
            for subject, decisions in known.items()
            if any(each.kind == ERASED and _left_nothing(each) for each in decisions)
        }
        found += [each for each in part if ids.account_key(site, each) not in finished]
    return found


def _left_nothing(decision: Decision) -> bool:
    return not any(json.loads(decision.detail).values())
