"""Erase a person, place by place, and tell what was found, what is left, and when that goes.

Every step may be repeated, so an erasure that was broken off is finished by erasing again.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.rewards.desk import By, DecisionRefusedError
from connectors.rewards.forgetting import Forgetting, Held
from connectors.rewards.ledger import Ledger
from connectors.rewards.standing import Instant
from deploy.dead_letters.decisions import ERASE as ERASE_LETTER
from deploy.dead_letters.letters import Letter
from deploy.dead_letters.reading import DeadLetterLog
from deploy.erasure.databases import empty_journals
from deploy.erasure.letters import find_theirs, take_out
from deploy.erasure.matching import is_about
from deploy.erasure.needles import Needles
from deploy.erasure.views import Written, written_of
from deploy.replay.reader import FactsReader
from deploy.settings import Settings
from deploy.wording import instant
from projections.access.database import access
from projections.access.decisions import Decision, record_decision
from projections.access.forgetting import count_requests, forget_requests
from projections.service.ports import ErasureReport
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import AnyFact, CustomerDeleted, CustomEventReceived
from schemas.topics import DAY_MS, Topics

ERASE, ERASED = "erase", "erased"
FOLDED_SECONDS_MAX = 30.0
LOOK_EVERY_SECONDS = 0.2

ACCOUNT, VIEWS = "open account", "free texts in the views"
CODES, ANSWERS = "codes in the reward ledger", "answers of services in the reward ledger"
LETTERS, REQUESTS = "dead letters", "remembered requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an erasure works with. `clock` is the engine's time, `wall` real time; `ledger` is None
    where no rewarder has made one yet.
    """

    settings: Settings
    topics: Topics
    bootstrap_servers: str
    reader: FactsReader
    access: AsyncEngine
    ledger: Ledger | None
    send: Callable[[AnyFact], Awaitable[None]]
    clock: Callable[[], int]
    wall: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is erased. `texts` tell of the person beyond the id: a name, an address."""

    site: str
    customer: str
    texts: Sequence[str] = ()

    @property
    def account(self) -> str:
        return ids.account_key(self.site, self.customer)


class Erasure:
    """Of one person. `by` and `reason` are kept; `reason` should name nobody."""

    def __init__(self, means: Means, person: Person, by: str, reason: str) -> None:
        self._means = means
        self._person = person
        self._by = by
        self._reason = reason
        self._needles = Needles(person.texts)
        self._dlq = DeadLetterLog(means.bootstrap_servers, means.topics.dlq)
        self._forgetting = None if means.ledger is None else Forgetting(means.ledger.engine)

    async def run(self) -> ErasureReport:
        """Raises `OperatingError`, or what `send` raises; what was done until then stays done."""
        found = await self._count()
        await self._note(ERASE, json.dumps(found))
        fact = await self._tell_account()
        await self._await_account()
        await self._clear_ledger()
        await self._clear_letters()
        await self._clear_requests()
        in_use = await empty_journals(self._means.settings)
        left = await self._count()
        await self._note(ERASED, json.dumps(left))
        return ErasureReport(
            site=self._person.site,
            customer=self._person.customer,
            fact=fact.id,
            found=found,
            left=left,
            remaining=tuple(await self._remaining(left, in_use)),
        )

    async def _count(self) -> dict[str, int]:
        """What there is of the person, by place."""
        written, held = await self._written(), await self._held()
        letters = await find_theirs(self._dlq, self._is_theirs)
        async with access(self._means.access) as connection:
            requests = await count_requests(
                connection, self._person.site, self._person.customer, written.facts
            )
        return {
            ACCOUNT: int(written.is_open),
            VIEWS: written.texts,
            CODES: held.handed,
            ANSWERS: held.told,
            LETTERS: sum(len(cut.theirs) for cut in letters.values()),
            REQUESTS: requests,
        }

    async def _written(self) -> Written:
        return await written_of(self._means.settings, self._person.site, self._person.customer)

    async def _held(self) -> Held:
        if self._forgetting is None:
            return Held()
        return await self._forgetting.held_of(self._person.account)

    def _is_theirs(self, letter: Letter) -> bool:
        return is_about(letter, self._person.site, self._person.customer, self._needles)

    async def _tell_account(self) -> CustomerDeleted:
        """The fact that Chargebee's own deletion becomes: of the two, the first counts."""
        fact = CustomerDeleted(
            id=ids.customer_deleted(self._person.customer),
            site=self._person.site,
            customer=self._person.customer,
            occurred_at=self._means.clock(),
        )
        await self._means.send(fact)
        return fact

    async def _await_account(self) -> None:
        """Until the views know it, or for as long as that may take: the report says which."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FOLDED_SECONDS_MAX):
                while (await self._written()).is_open:  # noqa: ASYNC110 - roles are processes
                    await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _clear_ledger(self) -> None:
        ledger = self._means.ledger
        if ledger is None or self._forgetting is None:
            return
        time = Instant(now=self._means.clock(), wall=float(self._means.wall()))
        for reward_id in (await self._held()).due:
            # One that the rewarder has begun meanwhile is under way, and told as such.
            with contextlib.suppress(DecisionRefusedError):
                await ledger.cancel(
                    reward_id, By(actor=self._by, reason="the account is erased"), time
                )
        await self._forgetting.forget(self._person.account)

    async def _clear_letters(self) -> None:
        means = self._means
        cuts = await find_theirs(self._dlq, self._is_theirs)
        for cut in cuts.values():
            for letter in cut.theirs:
                # An audit must know why a rejected record has no letter any more.
                await self._note(ERASE_LETTER, "", subject=letter.subject)
        await take_out(means.bootstrap_servers, self._dlq, means.settings.app_id, cuts)

    async def _clear_requests(self) -> None:
        facts = (await self._written()).facts
        async with access(self._means.access) as connection:
            await forget_requests(connection, self._person.site, self._person.customer, facts)

    async def _remaining(self, left: dict[str, int], in_use: Sequence[str]) -> list[str]:
        means, topics = self._means, self._means.topics
        told = []
        if left[ACCOUNT]:
            told.append(
                "The account is not closed yet: the fact is on Kafka. Start the worker and the "
                "projector, and erase again."
            )
        if moving := (await self._held()).moving:
            told.append(
                f"{moving:,} rewards are under way. When they are settled, erase again: what "
                "services answer of them is then forgotten too."
            )
        told += [
            f"The write-ahead log of the {name} is in use and may hold what was there before: "
            "erase again in a moment."
            for name in in_use
        ]
        days = max(spec.retention_ms for spec in topics if spec.name in (topics.raw, topics.custom))
        until = instant(means.wall() + days // 1000)
        told.append(
            f"What Chargebee and other systems sent stays {days // DAY_MS} days on {topics.raw} "
            f"and {topics.custom}, and is gone by {until} UTC, with the segments that hold it."
        )
        told.append(
            f"Earlier states of the account, with the facts of its last days, stay on "
            f"{topics.accounts} until Kafka compacts it."
        )
        if properties := await self._named_properties():
            told.append(
                f"Facts hold {', '.join(f'`{each}`' for each in properties)} of custom events, "
                "because a program names them. Facts stay."
            )
        return told

    async def _named_properties(self) -> list[str]:
        written = await self._written()
        if written.partition is None or not written.custom_offsets:
            return []
        found = await self._means.reader.read(written.partition, written.custom_offsets)
        facts = [FACTS.decode(record.value or b"") for record in found.values()]
        custom = (each for each in facts if isinstance(each, CustomEventReceived))
        return sorted({f"{each.name}.{name}" for each in custom for name in each.properties})

    async def _note(self, kind: str, detail: str, *, subject: str = "") -> None:
        async with access(self._means.access) as connection:
            await record_decision(
                connection,
                Decision(
                    at=self._means.wall(),
                    by=self._by,
                    kind=kind,
                    subject=subject or self._person.account,
                    reason=self._reason,
                    detail=detail,
                ),
            )
