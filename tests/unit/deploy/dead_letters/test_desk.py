"""Each dead letter is decided about once, and what was decided is kept with who and why."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.dead_letters.decisions import DISCARD, REPLAY, REPLAYED
from deploy.dead_letters.desk import Desk
from deploy.dead_letters.letters import Letter
from deploy.dead_letters.reading import DeadLetterLog
from projections.access.database import access, open_access
from projections.access.decisions import Decision, list_decisions
from projections.service.ports import DecisionRefused
from schemas.topics import Topics
from tests.support.migrated import migrate
from tests.unit.deploy.dead_letters.test_verdict import FACT, letter

TOPICS = Topics()
FIRST = letter(TOPICS.facts, FACT)
ELSEWHERE = replace(letter("elsewhere", b"?"), offset=2)


class Shelf:
    """Dead letters in memory, in place of the log."""

    topic = TOPICS.dlq

    def __init__(self, *letters: Letter) -> None:
        self.letters = list(letters)

    async def newest_first(self, *, before: tuple[int, int] | None = None) -> AsyncIterator[Letter]:
        del before
        for each in reversed(self.letters):
            yield each

    async def find(self, partition: int, offset: int) -> Letter | None:
        found = [e for e in self.letters if (e.partition, e.offset) == (partition, offset)]
        return found[0] if found else None


class Post:
    """Keeps what is sent; refuses while `is_away`."""

    def __init__(self) -> None:
        self.sent: list[Letter] = []
        self.is_away = False

    async def __call__(self, letter: Letter) -> tuple[int, int]:
        if self.is_away:
            raise DecisionRefused("Kafka did not take it")
        self.sent.append(letter)
        return letter.source_partition, 99


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = open_access(f"sqlite+aiosqlite:///{tmp_path / 'access.sqlite'}")
    await migrate(made, "access")
    yield made
    await made.dispose()


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def desk(engine: AsyncEngine, post: Post) -> Desk:
    shelf = cast("DeadLetterLog", Shelf(FIRST, ELSEWHERE))
    return Desk(shelf, engine, post, TOPICS, lambda: 1_700_000_000)


async def kept(engine: AsyncEngine) -> list[Decision]:
    async with access(engine) as connection:
        return await list_decisions(connection, limit=10)


async def test_a_replay_is_sent_and_kept_with_who_and_why(
    desk: Desk, post: Post, engine: AsyncEngine
) -> None:
    said = await desk.replay(0, 1, "ada", "fixed in 1.4")
    assert said == "Sent again as loyalty.facts.v1/0/99."
    assert post.sent == [FIRST]
    done, asked = await kept(engine)
    assert (asked.kind, done.kind) == (REPLAY, REPLAYED)
    assert (done.by, done.reason, done.subject) == ("ada", "fixed in 1.4", FIRST.subject)
    assert done.detail == "loyalty.facts.v1/0/99"


async def test_it_is_sent_once(desk: Desk, post: Post) -> None:
    await desk.replay(0, 1, "ada", "fixed")
    with pytest.raises(DecisionRefused, match="replayed already, by ada: fixed"):
        await desk.replay(0, 1, "bob", "me too")
    with pytest.raises(DecisionRefused, match="replayed already"):
        await desk.discard(0, 1, "bob", "not needed")
    assert len(post.sent) == 1


async def test_a_sending_that_failed_can_be_tried_again(
    desk: Desk, post: Post, engine: AsyncEngine
) -> None:
    post.is_away = True
    with pytest.raises(DecisionRefused, match="did not take it"):
        await desk.replay(0, 1, "ada", "fixed")
    assert [each.kind for each in await kept(engine)] == [REPLAY]
    post.is_away = False
    await desk.replay(0, 1, "ada", "fixed")
    assert post.sent == [FIRST]


async def test_a_discarded_one_waits_no_more_and_is_never_sent(desk: Desk, post: Post) -> None:
    await desk.discard(0, 1, "ada", "a test by hand")
    states = {each.letter.offset: each.state async for each in desk.newest_first()}
    assert states == {1: "discarded", 2: "waiting"}
    with pytest.raises(DecisionRefused, match="discarded already"):
        await desk.replay(0, 1, "bob", "why not")
    assert post.sent == []


async def test_what_came_from_nowhere_of_ours_is_not_sent(
    desk: Desk, post: Post, engine: AsyncEngine
) -> None:
    with pytest.raises(DecisionRefused, match="It came from elsewhere"):
        await desk.replay(0, 2, "ada", "fixed")
    assert post.sent == []
    assert await kept(engine) == []


async def test_a_place_that_holds_nothing_is_said_to(desk: Desk) -> None:
    with pytest.raises(DecisionRefused, match="holds nothing at 0/7"):
        await desk.discard(0, 7, "ada", "gone")


async def test_the_same_record_buried_twice_is_one_decision(
    engine: AsyncEngine, post: Post
) -> None:
    twice = cast("DeadLetterLog", Shelf(FIRST, replace(FIRST, offset=5)))
    desk = Desk(twice, engine, post, TOPICS, lambda: 0)
    await desk.replay(0, 5, "ada", "fixed")
    assert [each.state async for each in desk.newest_first()] == ["replayed", "replayed"]
    assert DISCARD not in [each.kind for each in await kept(engine)]
