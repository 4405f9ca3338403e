"""What routes take from the path and the query, checked and described once."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from projections.service.api.documents import EVENT_TYPES
from projections.service.paging import PAGE_DEFAULT, PAGE_MAX
from schemas.bounds import LAST_INSTANT

PLAIN = r"^[^\x00-\x1f\x7f]+$"
"""Anything that is written: Chargebee's ids are opaque."""
ID = r"^[\x21-\x7e]+$"
NUMBER_MAX = 2**63 - 1

CustomerId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=100,
        pattern=PLAIN,
        description="Chargebee's id of the customer.",
        examples=["c_1042"],
    ),
]
SequenceNumber = Annotated[
    int, Path(ge=1, le=NUMBER_MAX, description="The number of the entry.", examples=[7])
]
ProgramId = Annotated[str, Path(min_length=1, max_length=100, pattern=PLAIN, examples=["spikes"])]
VersionNumber = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[3])]
RequestId = Annotated[
    str, Path(min_length=1, max_length=100, pattern=ID, description="The caller's id of it.")
]


def _instant(text: str) -> Any:
    return Field(None, ge=0, le=LAST_INSTANT, description=text)


class SiteQuery(BaseModel):
    """Every route takes `site`; a key of one site need not say it. What is misspelt is refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    site: str | None = Field(
        None, min_length=1, max_length=50, description="Which site, for a key of all of them."
    )


class AsOfQuery(SiteQuery):
    at: int | None = _instant("As of this instant: what had happened by then. Default: now.")
    known_at: int | None = _instant(
        "As it was known then: by what had been recorded. `at` is then the same instant by default."
    )


class AtQuery(SiteQuery):
    at: int | None = _instant("As of this instant, from now on. Default: now.")


class PageQuery(SiteQuery):
    limit: int = Field(PAGE_DEFAULT, ge=1, le=PAGE_MAX, description="How many at most.")
    cursor: str | None = Field(
        None, max_length=200, description="`next` of the page before, to go on there."
    )


class EntryQuery(PageQuery):
    type: Literal[EVENT_TYPES] | None = Field(  # type: ignore[valid-type]
        None, description="Only this type of event."
    )
    rule: str | None = Field(None, min_length=1, max_length=100, description="Only of this rule.")
    from_at: int | None = Field(
        None, alias="from", ge=0, le=LAST_INSTANT, description="Occurred then or later."
    )
    to_at: int | None = Field(
        None, alias="to", ge=0, le=LAST_INSTANT, description="Occurred before then."
    )


class SearchQuery(SiteQuery):
    q: str = Field(
        min_length=2,
        max_length=200,
        pattern=PLAIN,
        description="How a customer's id begins, or the id of a reward, fact or transaction.",
        examples=["txn_1"],
    )


SiteParameters = Annotated[SiteQuery, Query()]
AsOfParameters = Annotated[AsOfQuery, Query()]
AtParameters = Annotated[AtQuery, Query()]
PageParameters = Annotated[PageQuery, Query()]
EntryParameters = Annotated[EntryQuery, Query()]
SearchParameters = Annotated[SearchQuery, Query()]
