"""All that is kept of a person, as one JSON document: for the person, and for nobody else."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiokafka.partitioner import DefaultPartitioner

from deploy.clock import wall_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.dead_letters.letters import Letter
from deploy.dead_letters.reading import DeadLetterLog
from deploy.erasure.matching import is_about
from deploy.erasure.needles import Needles
from deploy.replay.history import History, read_history
from deploy.replay.reader import Progress, open_reader
from deploy.replay.replay import Replay, discrepancies
from deploy.service.erasure import own_ledger
from deploy.service.refusals import as_refusals
from deploy.settings import Settings
from deploy.topic_logs import Logs, open_logs
from deploy.views import reading_own_views
from projections.history import all_rewards_of, lots_of
from projections.queries import find_balances
from projections.rows import BalanceRow, LotRow, RewardRow
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import ProgramPublished
from schemas.topics import Topics

REWARDS_MAX = 10_000


class ExportedReward(msgspec.Struct, frozen=True, kw_only=True):
    """A reward as the views hold it; from the ledger what was `handed` over, such as a code."""

    reward: RewardRow
    ledger_state: str = ""
    handed: str = ""


class KnownSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """What facts last said of a subscription, as the account remembers it."""

    id: str
    plan: str
    quantity: int
    amount_minor: int
    currency: str
    period: int
    period_unit: str
    status: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody sent, as it came: `text`, or `base64` where the bytes are no text. `at` is unix
    seconds; `error` says why a dead letter is one.
    """

    topic: str
    partition: int
    offset: int
    at: int
    text: str = ""
    base64: str = ""
    error: str = ""


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Version 1. `facts` and `entries` are as they stand on `loyalty.facts.v1` and
    `loyalty.points.v1`, oldest first; `received` is what retention has left of what was sent about
    the customer; `notes` say what could not be read.
    """

    site: str
    customer: str
    exported_at: int
    account: BalanceRow | None
    subscriptions: list[KnownSubscription]
    facts: list[msgspec.Raw]
    entries: list[msgspec.Raw]
    lots: list[LotRow]
    rewards: list[ExportedReward]
    received: list[Message]
    dead_letters: list[Message]
    notes: list[str]
    version: int = 1

    @property
    def is_empty(self) -> bool:
        return self.account is None and not (self.received or self.dead_letters or self.rewards)


class ReplayingExporter:
    """The service's port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def export(self, site: str, customer: str) -> dict[str, Any] | None:
        with as_refusals():
            found = await export(self._settings, site, customer)
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
        return None if found.is_empty else document


async def export(
    settings: Settings, site: str, customer: str, progress: Progress = lambda *_: None
) -> Export:
    """Everything under the customer's id. Raises `OperatingError`."""
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    async with reading_own_views(settings) as connection:
        accounts = await find_balances(connection, customer, site)
        lots = await lots_of(connection, site, customer)
        rewards = await all_rewards_of(connection, site, customer)
        async with open_reader(servers, topics) as reader:
            history = await read_history(connection, reader, site, customer, progress=progress)
    account = accounts[0] if accounts else None
    async with open_logs(servers, settings.app_id) as logs:
        received = await _received(logs, topics, site, customer)
    subscriptions, notes = _remembered(history, is_erased=account is not None and account.erased)
    return Export(
        site=site,
        customer=customer,
        exported_at=wall_clock(),
        account=account,
        subscriptions=subscriptions,
        facts=_facts(history),
        entries=[msgspec.Raw(each.event.encode()) for each in history.entries],
        lots=lots,
        rewards=await _rewards(settings, site, customer, rewards),
        received=received,
        dead_letters=await _letters(DeadLetterLog(servers, topics.dlq), site, customer),
        notes=notes,
    )


def _facts(history: History) -> list[msgspec.Raw]:
    values = [each.value or b"" for each in history.records]
    return [
        msgspec.Raw(each) for each in values if not isinstance(FACTS.decode(each), ProgramPublished)
    ]


def _remembered(history: History, *, is_erased: bool) -> tuple[list[KnownSubscription], list[str]]:
    """Subscriptions as the account knows them after its last fact, and what stands against it."""
    replay = Replay(history.site, history.customer)
    given = list(replay.fold(history.records))
    known = [
        KnownSubscription(
            id=each.id,
            plan=each.plan,
            quantity=each.quantity,
            amount_minor=each.amount_minor,
            currency=each.currency,
            period=each.period,
            period_unit=each.period_unit,
            status=each.status,
        )
        for each in replay.account.memory.subscriptions
    ]
    notes = ["Facts that came again are not listed: they changed nothing."]
    if is_erased:
        # Its entries are stored without free texts, so they are not what a replay gives.
        return known, [*notes, "The account is erased: entries hold figures and no texts."]
    return known, [*notes, *discrepancies(history, given)]


async def _rewards(
    settings: Settings, site: str, customer: str, rewards: Sequence[RewardRow]
) -> list[ExportedReward]:
    held: Mapping[str, Mapping[str, Any]] = {}
    async with own_ledger(settings, access="read") as ledger:
        if ledger is not None:
            rows = await ledger.list_rewards(state=None, limit=REWARDS_MAX, customer=customer)
            held = {row["reward_id"]: row for row in rows if row["site"] == site}
    return [
        ExportedReward(
            reward=each,
            ledger_state=held.get(each.reward_id, {}).get("state", ""),
            handed=held.get(each.reward_id, {}).get("handed", ""),
        )
        for each in rewards
    ]


async def _received(logs: Logs, topics: Topics, site: str, customer: str) -> list[Message]:
    """Under the customer's key, on the one partition where that lies."""
    key, found = ids.account_key(site, customer).encode(), []
    for topic in (topics.raw, topics.custom):
        partitions = await logs.partitions(topic)
        home = int(DefaultPartitioner()(key, partitions, partitions))
        start = (await logs.starts(topic, [home]))[home]
        end = (await logs.ends(topic, [home]))[home]
        async for records in logs.read(topic, home, start, end):
            found += [
                _message(topic, each.partition, each.offset, each.timestamp, each.value or b"")
                for each in records
                if each.key == key
            ]
    return found


async def _letters(log: DeadLetterLog, site: str, customer: str) -> list[Message]:
    def told(letter: Letter) -> Message:
        at_ms = letter.timestamp_ms
        return _message(
            log.topic, letter.partition, letter.offset, at_ms, letter.value, letter.error
        )

    nothing_else = Needles(())
    return [
        told(letter)
        async for letter in log.newest_first()
        if is_about(letter, site, customer, nothing_else)
    ]


def _message(  # noqa: PLR0917 - what a record is
    topic: str, partition: int, offset: int, timestamp_ms: int, value: bytes, error: str = ""
) -> Message:
    try:
        text, encoded = value.decode(), ""
    except UnicodeDecodeError:
        text, encoded = "", base64.b64encode(value).decode()
    return Message(
        topic=topic,
        partition=partition,
        offset=offset,
        at=timestamp_ms // 1000,
        text=text,
        base64=encoded,
        error=error,
    )
