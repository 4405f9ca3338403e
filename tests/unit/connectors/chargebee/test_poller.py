"""Walking the Events API: nothing is skipped, whatever fails."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.chargebee.client import EventPage
from connectors.chargebee.errors import CallUncertainError
from connectors.chargebee.poller import FIRST_WINDOW_SECONDS, EndlessListingError, Poller, Walk
from connectors.chargebee.positions import PositionFiles, PositionUnreadableError
from connectors.publish import BrokerUnavailableError, RecordTooLargeError
from tests.support import chargebee as cb
from tests.support.chargebee import T0
from tests.support.publisher import InMemoryPublisher

NOW = T0 + 10 * cb.DAY
PAGE = 2


class FakeEvents:
    """The Events API as Chargebee documents it: `after` is exclusive, pages name the next."""

    def __init__(self, *events: cb.Json) -> None:
        self.events = list(events)
        self.asked: list[int | None] = []
        self.failures: list[Exception] = []
        self.fail_at_offset: str | None = None

    async def list_events(self, *, after: int | None, offset: str | None = None) -> EventPage:
        self.asked.append(after)
        if self.failures and offset == self.fail_at_offset:
            raise self.failures.pop()
        found = [event for event in self.events if event["occurred_at"] > (after or 0)]
        start = int(offset or 0)
        more = start + PAGE < len(found)
        return EventPage(
            events=found[start : start + PAGE], next_offset=str(start + PAGE) if more else None
        )


def happened(number: int, at: int) -> cb.Json:
    return cb.payment_succeeded() | {"id": f"ev_{number}", "occurred_at": at}


async def no_sleep(_seconds: float) -> None:
    return


def poller(
    source: FakeEvents, publisher: InMemoryPublisher, directory: Path, **options: Any
) -> Poller:
    positions = PositionFiles(directory / "poller")
    return Poller("acme-test", source, publisher, positions, lambda: NOW, sleep=no_sleep, **options)


def ids_of(publisher: InMemoryPublisher) -> list[str]:
    return [orjson.loads(record.value)["id"] for record in publisher.records]


async def test_a_walk_publishes_every_page_as_webhooks_would(tmp_path: Path) -> None:
    publisher = InMemoryPublisher()
    events = [happened(number, NOW - 100 + number) for number in range(5)]
    walk = await poller(FakeEvents(*events), publisher, tmp_path).walk()
    assert (walk.events, walk.published) == (5, 5)
    assert ids_of(publisher) == [f"ev_{number}" for number in range(5)]
    first = publisher.records[0]
    assert orjson.loads(first.value) == events[0]
    assert first.key == b"acme-test:cust_1"
    assert first.headers == {"site": "acme-test", "source": "poller", "received_at": str(NOW)}


async def test_the_first_walk_covers_what_webhooks_may_have_missed(tmp_path: Path) -> None:
    source = FakeEvents()
    await poller(source, InMemoryPublisher(), tmp_path).walk()
    assert source.asked == [NOW - FIRST_WINDOW_SECONDS]


async def test_a_restart_goes_on_from_the_watermark_less_the_overlap(tmp_path: Path) -> None:
    source = FakeEvents(happened(1, NOW - 50))
    await poller(source, InMemoryPublisher(), tmp_path).walk()
    again = FakeEvents()
    await poller(again, InMemoryPublisher(), tmp_path, overlap_seconds=600).walk()
    assert again.asked == [NOW - 50 - 600]
    # An empty walk does not move the watermark back.
    assert PositionFiles(tmp_path / "poller").load("acme-test") == NOW - 50


async def test_an_event_that_is_indexed_late_is_found_and_the_others_not_repeated(
    tmp_path: Path,
) -> None:
    publisher = InMemoryPublisher()
    source = FakeEvents(happened(1, NOW - 50))
    walking = poller(source, publisher, tmp_path)
    await walking.walk()
    source.events = [happened(2, NOW - 60), *source.events]
    walk = await walking.walk()
    assert (walk.events, walk.published) == (2, 1)
    assert ids_of(publisher) == ["ev_1", "ev_2"]


@pytest.mark.parametrize("offset", [None, "2"])
async def test_a_walk_that_fails_moves_no_watermark_and_is_repeated(
    tmp_path: Path, offset: str | None
) -> None:
    publisher = InMemoryPublisher()
    source = FakeEvents(*(happened(number, NOW - 100 + number) for number in range(4)))
    source.fail_at_offset = offset
    source.failures = [CallUncertainError("timeout")]
    walking = poller(source, publisher, tmp_path)
    with pytest.raises(CallUncertainError):
        await walking.walk()
    assert PositionFiles(tmp_path / "poller").load("acme-test") is None
    source.failures = [CallUncertainError("timeout"), CallUncertainError("timeout")]
    await walking.walk_until_done()
    assert set(ids_of(publisher)) == {"ev_0", "ev_1", "ev_2", "ev_3"}
    assert PositionFiles(tmp_path / "poller").load("acme-test") == NOW - 97
    assert walking.complaint() is None


async def test_no_watermark_moves_while_kafka_is_away(tmp_path: Path) -> None:
    publisher = InMemoryPublisher()
    publisher.failure = BrokerUnavailableError("away")
    with pytest.raises(BrokerUnavailableError):
        await poller(FakeEvents(happened(1, NOW - 5)), publisher, tmp_path).walk()
    assert PositionFiles(tmp_path / "poller").load("acme-test") is None


async def test_an_event_that_kafka_will_never_take_does_not_stop_the_walk(tmp_path: Path) -> None:
    publisher = InMemoryPublisher()
    publisher.failure = RecordTooLargeError("too large")
    await poller(FakeEvents(happened(1, NOW - 5)), publisher, tmp_path).walk()
    assert PositionFiles(tmp_path / "poller").load("acme-test") == NOW - 5


async def test_a_back_fill_starts_where_it_is_told_and_shows_progress(tmp_path: Path) -> None:
    shown: list[Walk] = []
    source = FakeEvents(*(happened(number, T0 + number * cb.DAY) for number in range(1, 5)))
    await poller(source, InMemoryPublisher(), tmp_path).walk(start_at=T0, progress=shown.append)
    assert [walk.events for walk in shown] == [2, 4]
    assert [walk.reached_at for walk in shown] == [T0 + 2 * cb.DAY, T0 + 4 * cb.DAY]


async def test_a_listing_without_end_is_noticed(tmp_path: Path) -> None:
    class Endless(FakeEvents):
        async def list_events(self, *, after: int | None, offset: str | None = None) -> EventPage:
            return EventPage(events=[], next_offset="again")

    with pytest.raises(EndlessListingError):
        await poller(Endless(), InMemoryPublisher(), tmp_path).walk()


@pytest.mark.parametrize("at", ["soon", None, NOW * 1000, True])
async def test_a_senseless_time_is_published_and_moves_no_watermark(
    tmp_path: Path, at: object
) -> None:
    class Odd(FakeEvents):
        async def list_events(self, *, after: int | None, offset: str | None = None) -> EventPage:
            return EventPage(events=[{"id": "ev_1", "occurred_at": at}], next_offset=None)

    publisher = InMemoryPublisher()
    await poller(Odd(), publisher, tmp_path).walk()
    assert ids_of(publisher) == ["ev_1"]
    assert PositionFiles(tmp_path / "poller").load("acme-test") == NOW - FIRST_WINDOW_SECONDS


def test_a_damaged_position_says_what_to_do(tmp_path: Path) -> None:
    positions = PositionFiles(tmp_path)
    positions.save("acme-test", 5)
    assert positions.load("acme-test") == 5
    (tmp_path / "acme-test.json").write_bytes(b'{"site":"acme-te')
    with pytest.raises(PositionUnreadableError, match="Delete it"):
        positions.load("acme-test")
