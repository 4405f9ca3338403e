"""The audit of a run: what was lost, doubled, left out or invented. PURE.

It judges by the logs and by what the producer was promised, with its own reading and its own sums.
Each check returns breaches, as sentences; none means that the invariant holds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tests.chaos.bookkeeping import Books
from tests.chaos.life import SITE
from tests.chaos.load import Promised
from tests.chaos.logs import Logs, Record

_decode = msgspec.json.decode

Document = dict[str, Any]
Fact = tuple[str, str]
"""(account key, natural key)."""


class Oracle:
    """Reads the logs once, then answers."""

    def __init__(self, logs: Logs, promised: Promised) -> None:
        self._logs = logs
        self._promised = promised
        self.facts: dict[Fact, tuple[Record, Document]] = {}
        self.broken_facts: list[Record] = []
        self.repeats = 0
        for record in logs.facts:
            self._note_fact(record)
        self.points = [(record, _decode(record.value)) for record in logs.points]
        self.books: dict[str, Books] = {}
        self._gaps = list(self._keep_books())

    def _note_fact(self, record: Record) -> None:
        try:
            document: Document = _decode(record.value)
        except msgspec.DecodeError:
            self.broken_facts.append(record)
            return
        if document["type"] != "ProgramPublished":
            fact = (f"{SITE}:{document['customer']}", document["id"])
            # The first delivery decides: what arrives later under the same key changes nothing.
            self.repeats += fact in self.facts
            self.facts.setdefault(fact, (record, document))

    def breaches(self) -> Iterator[str]:
        yield from self._promises()
        yield from self._translations()
        yield from self._completeness()
        yield from self._doubles()
        yield from self._gaps
        yield from self._payments()
        yield from self._dead_letters()

    def _promises(self) -> Iterator[str]:
        """What Kafka acknowledged is in the log, at the place it named, byte for byte."""
        there = {("raw", each.partition, each.offset): each.value for each in self._logs.raw}
        there |= {("facts", each.partition, each.offset): each.value for each in self._logs.facts}
        for (_, partition, offset), message in self._promised.messages.items():
            if there.get((message.where, partition, offset)) != message.value:
                yield f"lost: acknowledged at {message.where}-{partition}@{offset} and not there"
        for refusal in self._promised.refused:
            yield f"the load was refused: {refusal}"

    def _translations(self) -> Iterator[str]:
        """Every raw event that was promised has become its fact."""
        for message in self._promised.messages.values():
            fact = (f"{SITE}:{message.customer}", message.fact)
            if message.where == "raw" and message.fact and fact not in self.facts:
                yield f"lost: the event of {fact} never became a fact"

    def _completeness(self) -> Iterator[str]:
        """Facts and causes are the same set, and the first delivery of a fact is its cause."""
        causes: dict[Fact, set[int]] = defaultdict(set)
        for record, event in self.points:
            causes[record.key.decode(), event["cause"]["fact"]].add(event["cause"]["offset"])
        for fact in self.facts.keys() - causes.keys():
            yield f"lost: {fact} has no points event"
        for fact in causes.keys() - self.facts.keys():
            yield f"invented: {fact} caused points events and is not in the log"
        for fact in causes.keys() & self.facts.keys():
            first, _ = self.facts[fact]
            if causes[fact] != {first.offset}:
                yield f"doubled: {fact} was decided at {causes[fact]}, it came at {first.offset}"

    def _doubles(self) -> Iterator[str]:
        """No fact moved the same thing twice."""
        seen: Counter[tuple[object, ...]] = Counter()
        for record, event in self.points:
            # One payment may meet several refunds that were waiting for it.
            if event["type"] != "PointsReversed":
                what = event.get("rule"), event.get("lot"), event.get("reward_id")
                seen[record.key, event["cause"]["fact"], event["type"], *what] += 1
        seen.update(
            (record.key, event["rule"], event["cause"]["fact"])
            for record, event in self.points
            if event["type"] == "PointsEarned"
        )
        yield from (f"doubled: {key} stands {count} times" for key, count in seen.items()
                    if count > 1)  # fmt: skip

    def _keep_books(self) -> Iterator[str]:
        """Sequences have no gap, and every figure follows from the events before it."""
        for record, event in self.points:
            account = record.key.decode()
            books = self.books.setdefault(account, Books())
            if account != f"{event['site']}:{event['customer']}":
                yield f"gap: an event of {event['customer']} lies under the key {account}"
            if complaint := books.enter(event):
                yield f"gap: {account} event {event['sequence']} ({event['type']}): {complaint}"

    def _payments(self) -> Iterator[str]:
        """Two points for each whole euro, floored: worked out here from the fact alone."""
        earned: Counter[Fact] = Counter()
        for record, event in self.points:
            if event.get("rule") == "pay":
                earned[record.key.decode(), event["cause"]["fact"]] += event["points"]
        for fact, (_, document) in self.facts.items():
            due = document["amount_minor"] * 2 // 100 if _is_payment(document) else 0
            if earned[fact] != due:
                yield f"wrong: {fact} earned {earned[fact]} points, {due} were due"

    def _dead_letters(self) -> Iterator[str]:
        """Broken bytes are in the DLQ: of facts once, of raw events at least once."""
        buried = Counter((_header(each, "topic"), each.value) for each in self._logs.dlq)
        broken_raw = {
            message.value
            for message in self._promised.messages.values()
            if message.where == "raw" and not message.fact
        }
        facts = {value: count for (topic, value), count in buried.items() if "facts" in topic}
        raw = {value for topic, value in buried if "raw" in topic}
        if facts != Counter(each.value for each in self.broken_facts):
            yield f"the DLQ holds {len(facts)} broken facts, not {len(self.broken_facts)} once each"
        if raw != broken_raw:
            yield f"the DLQ holds {len(raw)} broken events, not {len(broken_raw)}"


def _is_payment(document: Document) -> bool:
    return bool(document["type"] == "PaymentSucceeded")


def _header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()


def conserved(books: Iterable[Books]) -> tuple[int, int, int]:
    """(earned, reversed, lifetime) over all customers: the last is the first less the second."""
    kept = list(books)
    return (
        sum(each.earned for each in kept),
        sum(each.reversed for each in kept),
        sum(each.lifetime for each in kept),
    )
