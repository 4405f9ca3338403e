"""One suite for the ledger on SQLite and on PostgreSQL, as its own migration makes it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.rewards import states
from connectors.rewards.database import LedgerError, explain_database_error
from connectors.rewards.gateway import Done, Unknown
from connectors.rewards.ledger import (
    Entry,
    LeaseLostError,
    Ledger,
    NewAttempt,
    NewReward,
    Received,
    open_ledger,
)
from connectors.rewards.policy import Policy
from connectors.rewards.states import Instant, Move, State
from connectors.rewards.tables import metadata
from deploy.migrations.runner import upgrade
from schemas.codec import REWARDS
from schemas.rewards import RevokeReward
from tests.support.postgres import fresh_schema, running_postgres
from tests.support.rewards import NOON, give, grant, received

TOPIC = "loyalty.rewards.v1"

POLICY = Policy()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_postgres(tmp_path_factory.mktemp("pg")) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    if request.param == "sqlite":
        opened = open_ledger(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite'}")
    else:
        opened = open_ledger(request.getfixturevalue("postgres"), schema=fresh_schema())
    await upgrade(opened.engine, "ledger")
    yield opened
    await opened.close()


def at(wall: float) -> Instant:
    return Instant(now=NOON, wall=wall)


async def lease(
    ledger: Ledger, *, owner: str = "one", wall: float = 0, limit: int = 9
) -> list[Entry]:
    return await ledger.lease("acme", owner=owner, wall=wall, seconds=100, limit=limit)


async def begin(ledger: Ledger, entry: Entry) -> tuple[Entry, int]:
    standing = states.begin(entry.standing, Move.PREPARE, at(1))
    new = NewAttempt(move="prepare", key="key", body='{"amount":500}')
    return await ledger.begin_attempt(entry, standing, new, wall=1, lease_until=101)


async def deliver(ledger: Ledger, entry: Entry) -> None:
    begun, number = await begin(ledger, entry)
    done = states.after_call(begun.standing, Done("pc_1"), POLICY, at(2))
    await ledger.end_attempt(begun, done, number=number, result="done", detail="pc_1", wall=2)


async def test_a_command_and_the_position_after_it_arrive_together(ledger: Ledger) -> None:
    result = await ledger.receive(
        [received(grant(1)), received(grant(2))], {}, topic=TOPIC, partition=3, next_offset=8
    )
    assert (result.inserted, result.repeated, result.conflicting) == (2, 0, ())
    assert await ledger.positions(TOPIC) == {3: 8}


async def test_a_batch_that_cannot_be_stored_does_not_move_the_position(ledger: Ledger) -> None:
    broken = received(grant(1))
    object.__setattr__(broken, "site", None)
    with pytest.raises(DBAPIError):
        await ledger.receive([broken], {}, topic=TOPIC, partition=0, next_offset=1)
    assert await ledger.positions(TOPIC) == {}


async def test_a_repeated_command_changes_nothing(ledger: Ledger) -> None:
    await give(ledger, grant())
    await deliver(ledger, (await lease(ledger))[0])
    result = await ledger.receive(
        [received(grant()), received(grant())], {}, topic=TOPIC, partition=0, next_offset=2
    )
    assert (result.inserted, result.repeated, result.conflicting) == (0, 2, ())
    assert (await ledger.count_states())["delivered"] == 1


async def test_the_same_id_with_another_body_is_told_and_the_first_kept(ledger: Ledger) -> None:
    await give(ledger, grant())
    other = grant(program_version=4)
    result = await ledger.receive([received(other)], {}, topic=TOPIC, partition=0, next_offset=2)
    assert result.conflicting == (grant().reward_id,)
    [entry] = await lease(ledger)
    assert entry.command == grant()


async def test_a_position_never_goes_back(ledger: Ledger) -> None:
    await give(ledger, next_offset=9)
    await give(ledger, next_offset=4)
    assert await ledger.positions(TOPIC) == {0: 9}


async def test_two_rewarders_never_lease_the_same_reward(ledger: Ledger) -> None:
    await give(ledger, *(grant(1, customer=f"c{n}") for n in range(40)))
    leased = await asyncio.gather(*(lease(ledger, owner=f"r{n}", limit=7) for n in range(6)))
    ids = [entry.reward_id for entries in leased for entry in entries]
    assert len(ids) == len(set(ids))
    rest = await lease(ledger, limit=40)
    assert len(ids) + len(rest) == 40


async def test_of_one_customer_only_the_first_moving_reward_is_leased(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(2), grant(1, customer="c2"))
    assert len(await lease(ledger)) == 2
    assert await lease(ledger, wall=50) == []
    [first, _] = await lease(ledger, wall=101)
    await deliver(ledger, first)
    assert [entry.reward_id for entry in await lease(ledger, wall=50)] == [grant(2).reward_id]


async def test_a_reward_waits_for_its_time(ledger: Ledger) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    begun, number = await begin(ledger, entry)
    doubted = states.after_call(begun.standing, Unknown("timed out"), POLICY, at(10))
    await ledger.end_attempt(begun, doubted, number=number, result="unknown", detail="", wall=10)
    assert await lease(ledger, wall=10) == []
    [again] = await lease(ledger, wall=20)
    assert again.standing == doubted
    assert again.body == '{"amount":500}'
    assert await ledger.oldest_doubt() == 10


async def test_a_stuck_reward_is_left_alone_and_blocks_nobody(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(2))
    [entry] = await lease(ledger)
    begun, number = await begin(ledger, entry)
    doubted = states.after_call(begun.standing, Unknown("timed out"), POLICY, at(10))
    await ledger.end_attempt(begun, doubted, number=number, result="unknown", detail="", wall=10)
    [entry] = await lease(ledger, wall=20)
    stuck = replace(entry.standing, stuck="given twice")
    await ledger.put(entry, stuck, wall=20, keep=False)
    assert [entry.reward_id for entry in await lease(ledger, wall=9999)] == [grant(2).reward_id]
    assert (await ledger.count_states())["stuck"] == 1
    [shown] = await ledger.list_rewards(state="stuck", limit=9)
    assert (shown["reward_id"], shown["reason"]) == (grant(1).reward_id, "given twice")


async def test_one_whose_lease_was_taken_over_writes_nothing(ledger: Ledger) -> None:
    await give(ledger, grant())
    [old] = await lease(ledger, owner="frozen")
    begun, number = await begin(ledger, old)
    [new] = await lease(ledger, owner="awake", wall=200)
    assert new.standing.state is State.ATTEMPTING
    done = states.after_call(begun.standing, Done("pc_1"), POLICY, at(201))
    with pytest.raises(LeaseLostError):
        await ledger.end_attempt(begun, done, number=number, result="done", detail="", wall=201)
    with pytest.raises(LeaseLostError):
        await begin(ledger, old)
    lost = states.take_over(new.standing, at(200))
    kept = await ledger.put(new, lost, wall=200, keep=True)
    shown = await ledger.show_reward(new.reward_id)
    assert shown is not None
    assert [attempt["result"] for attempt in shown["attempts"]] == ["lost"]
    assert kept.standing.state is State.UNKNOWN


async def test_outcomes_are_told_until_marked(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(1, customer="c2"))
    for entry in await lease(ledger):
        await deliver(ledger, entry)
    untold = [entry.reward_id for entry in await ledger.unreported(10)]
    assert untold == [grant(1).reward_id, grant(1, customer="c2").reward_id]
    await ledger.mark_reported(untold[:1])
    assert [entry.reward_id for entry in await ledger.unreported(10)] == untold[1:]


async def revoke(ledger: Ledger, *, grants: tuple[NewReward, ...] = ()) -> Received:
    command = RevokeReward(
        reward_id=grant().reward_id,
        site="acme",
        customer="c1",
        program="spikes",
        program_version=3,
        reward="five-off",
        occurred_at=NOON,
        reason="refunded",
    )
    revocations = {command.reward_id: REWARDS.encode(command)}
    return await ledger.receive(grants, revocations, topic=TOPIC, partition=0, next_offset=9)


async def test_a_revocation_of_what_was_given_is_recorded_as_not_carried_out(
    ledger: Ledger,
) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    await deliver(ledger, entry)
    assert (await revoke(ledger)).late == (grant().reward_id,)
    assert (await revoke(ledger)).late == ()
    shown = await ledger.show_reward(grant().reward_id)
    assert shown is not None
    assert (shown["state"], shown["revocation"]) == ("delivered", "not_revoked")


async def test_a_revoked_reward_that_was_not_given_yet_is_withdrawn(ledger: Ledger) -> None:
    command = received(grant())
    assert (await revoke(ledger, grants=(command,))).withdrawn == (command.reward_id,)
    again = await revoke(ledger)
    assert (again.withdrawn, again.late) == ((), ())
    assert await lease(ledger) == []
    [entry] = await ledger.unreported(10)
    assert (entry.standing.state, entry.standing.settled_at) == (State.FAILED, NOON)
    assert entry.standing.reason == "withdrawn before it was given: refunded"
    shown = await ledger.show_reward(command.reward_id)
    assert shown is not None
    assert shown["revocation"] == "withdrawn"


async def test_whoever_was_about_to_give_a_withdrawn_reward_gives_nothing(ledger: Ledger) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    await revoke(ledger)
    with pytest.raises(LeaseLostError):
        await deliver(ledger, entry)


async def test_a_reward_whose_attempt_is_stored_is_not_withdrawn(ledger: Ledger) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    await begin(ledger, entry)
    assert (await revoke(ledger)).late == (grant().reward_id,)


async def test_rewards_are_listed_by_customer_latest_first(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(2), grant(1, customer="xc1"), grant(1, customer="c_"))
    listed = await ledger.list_rewards(state="due", limit=9, customer="c1")
    assert [each["reward_id"] for each in listed] == [grant(2).reward_id, grant(1).reward_id]
    assert await ledger.show_reward("nothing") is None


async def test_the_migration_makes_what_the_code_expects(ledger: Ledger) -> None:
    def compare(connection: sa.Connection) -> None:
        schema = connection.dialect.default_schema_name
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            found = {column["name"]: column for column in inspector.get_columns(table.name)}
            assert set(found) == set(table.columns.keys()), (schema, table.name)
            for column in table.columns:
                assert found[column.name]["nullable"] == column.nullable, column
            indexes = {index["name"] for index in inspector.get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= indexes

    async with ledger.engine.begin() as connection:
        assert isinstance(connection, AsyncConnection)
        await connection.run_sync(compare)


async def test_upgrading_twice_changes_nothing(ledger: Ledger) -> None:
    await give(ledger, grant())
    await upgrade(ledger.engine, "ledger")
    assert (await ledger.count_states())["due"] == 1


async def test_a_ledger_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite'}"
    writer = open_ledger(url)
    await upgrade(writer.engine, "ledger")
    await writer.close()
    reader = open_ledger(url, read_only=True)
    with pytest.raises(DBAPIError) as raised:
        await give(reader, grant())
    await reader.close()
    assert "write access" in str(explain_database_error(raised.value, url))


async def test_a_reader_leaves_no_empty_file_behind(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'none.sqlite'}"
    reader = open_ledger(url, read_only=True)
    with pytest.raises(DBAPIError) as raised:
        await reader.count_states()
    await reader.close()
    assert "cactus rewarder" in str(explain_database_error(raised.value, url))
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - in a temporary directory


def test_only_sqlite_and_postgresql_hold_a_ledger() -> None:
    with pytest.raises(LedgerError):
        open_ledger("mysql+aiomysql://somewhere/ledger")
