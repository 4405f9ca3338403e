"""Forget what a customer's systems asked of intake: after that, a repeat is an ordinary request."""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.access.tables import requests

IN_LIST_MAX = 500


async def count_requests(
    connection: AsyncConnection, site: str, customer: str, facts: Sequence[str]
) -> int:
    """Those that became one of the `facts`, by id, or a fact of the customer."""
    counted = 0
    for theirs in _theirs(site, customer, facts):
        query = select(func.count()).select_from(requests).where(*theirs)
        counted += int(await connection.scalar(query) or 0)
    return counted


async def forget_requests(
    connection: AsyncConnection, site: str, customer: str, facts: Sequence[str]
) -> None:
    for theirs in _theirs(site, customer, facts):
        await connection.execute(delete(requests).where(*theirs))


def _theirs(site: str, customer: str, facts: Sequence[str]) -> Iterator[list[ColumnElement[bool]]]:
    """Terms for one statement each: databases bound how many values one may list."""
    named = f'"customer":{msgspec.json.encode(customer).decode()}'
    of_site = requests.c.site == site
    told = requests.c.fact.contains(named, autoescape=True)
    yield [of_site, told]
    for start in range(0, len(facts), IN_LIST_MAX):
        part = facts[start : start + IN_LIST_MAX]
        yield [of_site, requests.c.fact.in_(part), ~told]
