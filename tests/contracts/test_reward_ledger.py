"""One suite for the ledger on SQLite and on PostgreSQL, as its own migration makes it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.rewards import states
from connectors.rewards.database import LedgerError, explain_database_error
from connectors.rewards.desk import By, DecisionRefusedError, Scope
from connectors.rewards.entries import Entry, NewAttempt, reward_row
from connectors.rewards.gateway import Done, Found, NotExecuted, Outcome, Refused, Unknown
from connectors.rewards.ledger import LeaseLostError, Ledger, open_ledger
from connectors.rewards.limits import Claim
from connectors.rewards.policy import Policy
from connectors.rewards.standing import Instant, State
from connectors.rewards.states import Move
from connectors.rewards.tables import decision, metadata, usage
from connectors.rewards.usage import LimitReachedError
from deploy.migrations.runner import upgrade
from schemas import ids
from schemas.codec import REWARDS
from tests.support.postgres import fresh_schema, running_postgres
from tests.support.rewards import NOON, coupon, give, grant, received, revoke

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
        [received(grant(1)), received(grant(2))], (), topic=TOPIC, partition=3, next_offset=8
    )
    assert (result.inserted, result.repeated, result.conflicting) == (2, 0, ())
    assert await ledger.positions(TOPIC) == {3: 8}


async def test_a_batch_that_cannot_be_stored_does_not_move_the_position(ledger: Ledger) -> None:
    broken = received(grant(1))
    object.__setattr__(broken, "site", None)
    with pytest.raises(DBAPIError):
        await ledger.receive([broken], (), topic=TOPIC, partition=0, next_offset=1)
    assert await ledger.positions(TOPIC) == {}


async def test_a_repeated_command_changes_nothing(ledger: Ledger) -> None:
    await give(ledger, grant())
    await deliver(ledger, (await lease(ledger))[0])
    result = await ledger.receive(
        [received(grant()), received(grant())], (), topic=TOPIC, partition=0, next_offset=2
    )
    assert (result.inserted, result.repeated, result.conflicting) == (0, 2, ())
    assert (await ledger.count_states())["delivered"] == 1


async def test_the_same_id_with_another_body_is_told_and_the_first_kept(ledger: Ledger) -> None:
    await give(ledger, grant())
    other = grant(program_version=4)
    result = await ledger.receive([received(other)], (), topic=TOPIC, partition=0, next_offset=2)
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
    reader = open_ledger(url, access="read")
    with pytest.raises(DBAPIError) as raised:
        await give(reader, grant())
    await reader.close()
    assert "write access" in str(explain_database_error(raised.value, url))


async def test_a_reader_leaves_no_empty_file_behind(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'none.sqlite'}"
    reader = open_ledger(url, access="read")
    with pytest.raises(DBAPIError) as raised:
        await reader.count_states()
    await reader.close()
    assert "cactus rewarder" in str(explain_database_error(raised.value, url))
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - in a temporary directory


def test_only_sqlite_and_postgresql_hold_a_ledger() -> None:
    with pytest.raises(LedgerError):
        open_ledger("mysql+aiomysql://somewhere/ledger")


async def pass_over(ledger: Ledger, entry: Entry) -> None:
    """Its lease is given back as it was."""
    await ledger.put(entry, entry.standing, wall=0, keep=False)


async def shown(ledger: Ledger, ordinal: int = 1) -> dict[str, Any]:
    found = await ledger.show_reward(grant(ordinal).reward_id)
    assert found is not None
    return found


async def test_what_is_revoked_while_it_is_due_is_cancelled_and_told_to_nobody(
    ledger: Ledger,
) -> None:
    await give(ledger, grant())
    for _ in range(2):
        result = await give(ledger, revoke())
    assert (result.revocations, result.cancelled) == (0, 0)
    found = await shown(ledger)
    assert (found["state"], found["reason"]) == ("cancelled", "revoked: refunded")
    assert await ledger.unreported(9) == []
    [entry] = await lease(ledger)
    assert entry.reward_id == "acme:c1:five-off:1:revoked"
    assert entry.target is not None
    assert entry.target.state is State.CANCELLED


async def test_one_who_prepares_a_reward_that_is_cancelled_meanwhile_sends_nothing(
    ledger: Ledger,
) -> None:
    await give(ledger, grant())
    [preparing] = await lease(ledger)
    await give(ledger, revoke())
    with pytest.raises(LeaseLostError):
        await begin(ledger, preparing)
    assert (await shown(ledger))["attempts"] == []


async def test_a_reward_that_arrives_after_its_revocation_is_never_given(ledger: Ledger) -> None:
    await give(ledger, revoke())
    await give(ledger, grant())
    assert (await shown(ledger))["state"] == "cancelled"


async def test_a_revocation_waits_until_its_reward_is_settled(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(2))
    [entry] = await lease(ledger)
    begun, number = await begin(ledger, entry)
    result = await give(ledger, revoke(1))
    assert (result.revocations, result.cancelled) == (1, 0)
    assert await lease(ledger) == []
    done = states.after_call(begun.standing, Done("pc_1"), POLICY, at(2))
    await ledger.end_attempt(begun, done, number=number, result="done", detail="pc_1", wall=2)
    [second] = await lease(ledger)
    assert second.reward_id == grant(2).reward_id
    await deliver(ledger, second)
    [taking_back] = await lease(ledger)
    assert taking_back.command == revoke(1)
    assert taking_back.target is not None
    assert taking_back.target.granted.command == grant(1)
    assert taking_back.target.granted.body == {"amount": 500}
    assert taking_back.target.granted.reference == "pc_1"


async def test_what_was_done_to_take_a_reward_back_is_shown_with_it(ledger: Ledger) -> None:
    await give(ledger, grant())
    await deliver(ledger, (await lease(ledger))[0])
    await give(ledger, revoke())
    begun, number = await begin(ledger, (await lease(ledger))[0])
    partly = states.after_call(begun.standing, Done("pd_1", short="2 of 5"), POLICY, at(3))
    await ledger.end_attempt(begun, partly, number=number, result="done", detail="pd_1", wall=3)
    found = await shown(ledger)
    assert (found["state"], found["revocation"]) == ("delivered", "partly")
    assert found["revocation_reason"] == "2 of 5"
    assert [(each["of"], each["detail"]) for each in found["attempts"]] == [
        ("reward", "pc_1"),
        ("revocation", "pd_1"),
    ]
    assert (await ledger.count_states())["delivered"] == 1
    assert (await ledger.count_states(revocations=True))["delivered"] == 1


def claim(name: str = "stock:tree", amount: int = 1, limit: int = 3, **changes: Any) -> Claim:
    values = {"reason": f"{name} is used up", **changes}
    return Claim(name=name, amount=amount, limit=limit, **values)


async def begin_with(ledger: Ledger, entry: Entry, *claims: Claim) -> tuple[Entry, int]:
    standing = states.begin(entry.standing, Move.PREPARE, at(1))
    new = NewAttempt(move="prepare", key="key", body="{}")
    return await ledger.begin_attempt(
        entry, standing, new, wall=1, lease_until=101, claims=list(claims)
    )


async def used(ledger: Ledger) -> dict[str, int]:
    async with ledger.engine.begin() as connection:
        return {row.name: row.used for row in await connection.execute(sa.select(usage))}


async def test_a_limit_is_never_passed_however_many_draw_on_it(ledger: Ledger) -> None:
    await give(ledger, *(grant(1, customer=f"c{n}") for n in range(8)))
    entries = await lease(ledger)

    async def try_one(entry: Entry) -> bool:
        try:
            await begin_with(ledger, entry, claim("a"), claim("b", amount=2, limit=6))
        except LimitReachedError:
            return False
        return True

    assert sum(await asyncio.gather(*(try_one(entry) for entry in entries))) == 3
    assert await used(ledger) == {"a": 3, "b": 6}


async def test_what_is_over_one_limit_counts_for_none_and_stores_no_attempt(
    ledger: Ledger,
) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    with pytest.raises(LimitReachedError, match="b is used up"):
        await begin_with(ledger, entry, claim("a"), claim("b", amount=7, limit=6))
    assert await used(ledger) == {}
    assert ((await shown(ledger))["attempts"], (await shown(ledger))["state"]) == ([], "due")


async def test_what_fails_or_is_cancelled_gives_back_what_it_counted_for(ledger: Ledger) -> None:
    await give(ledger, grant(1), grant(1, customer="c2"))
    outcomes: tuple[Outcome, ...] = (Refused("no"), NotExecuted("busy", 0))
    for entry, outcome in zip(await lease(ledger), outcomes, strict=True):
        begun, number = await begin_with(ledger, entry, claim(amount=1))
        after = states.after_call(begun.standing, outcome, POLICY, at(2))
        await ledger.end_attempt(begun, after, number=number, result="", detail="", wall=2)
    assert await used(ledger) == {"stock:tree": 1}
    await give(ledger, revoke(1, customer="c2"))
    assert await used(ledger) == {"stock:tree": 0}


async def test_what_is_prepared_again_counts_once_and_for_what_it_is_then(ledger: Ledger) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    begun, number = await begin_with(ledger, entry, claim(), claim("usd", amount=3))
    after = states.after_call(begun.standing, NotExecuted("busy", 0), POLICY, at(2))
    await ledger.end_attempt(begun, after, number=number, result="", detail="", wall=2)
    [again] = await lease(ledger, wall=2)
    assert again.claimed == {"stock:tree": 1, "usd": 3}
    await begin_with(ledger, again, claim(), claim("eur", amount=2))
    assert await used(ledger) == {"stock:tree": 1, "usd": 0, "eur": 2}


async def test_limits_of_a_period_that_is_over_are_forgotten(ledger: Ledger) -> None:
    await give(ledger, grant())
    [entry] = await lease(ledger)
    await begin_with(ledger, entry, claim("hour", ends_wall=3600.0), claim("ever"))
    await ledger.forget_usage(3600.0)
    assert set(await used(ledger)) == {"hour", "ever"}
    await ledger.forget_usage(3600.1)
    assert set(await used(ledger)) == {"ever"}


ANNA = By(actor="anna", reason="looked at the site")


async def decisions(ledger: Ledger) -> list[tuple[str, ...]]:
    async with ledger.engine.begin() as connection:
        rows = await connection.execute(sa.select(decision).order_by(decision.c.number))
        return [(row.verb, row.subject, row.actor, row.reason, row.detail) for row in rows]


async def in_doubt(ledger: Ledger, *, stuck: str = "") -> None:
    await give(ledger, grant())
    begun, number = await begin_with(ledger, (await lease(ledger))[0], claim())
    doubted = states.after_call(begun.standing, Unknown("timed out"), POLICY, at(10))
    doubted = replace(doubted, stuck=stuck)
    await ledger.end_attempt(begun, doubted, number=number, result="unknown", detail="", wall=10)


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        (Scope(), {"credit", "coupon"}),
        (Scope(site="acme"), {"credit", "coupon"}),
        (Scope(site="other"), set()),
        (Scope(program="spikes"), {"credit", "coupon"}),
        (Scope(program="other"), set()),
        (Scope(site="acme", kind="coupon"), {"coupon"}),
        (Scope(site="other", kind="coupon"), set()),
    ],
)
async def test_what_is_paused_is_not_begun_until_it_is_resumed(
    ledger: Ledger, scope: Scope, stopped: set[str]
) -> None:
    await give(ledger, coupon(1, reward="coupon"), grant(1, reward="credit", customer="c2"))
    await ledger.pause(scope, ANNA, at(5))
    leased = await lease(ledger)
    assert {"credit", "coupon"} - {entry.command.reward for entry in leased} == stopped
    for entry in leased:
        await pass_over(ledger, entry)
    await ledger.resume(scope, ANNA, at(6))
    assert len(await lease(ledger)) == 2
    assert [verb for verb, *_ in await decisions(ledger)] == ["pause", "resume"]


async def test_nothing_waits_for_what_is_paused_and_what_is_in_doubt_is_settled(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger)
    await give(ledger, coupon(2), grant(3))
    await ledger.pause(Scope(kind="coupon"), ANNA, at(5))
    await ledger.pause(Scope(kind="promotional_credit"), ANNA, at(5))
    [doubtful] = await lease(ledger, wall=20)
    assert doubtful.standing.state is State.UNKNOWN
    await ledger.resume(Scope(kind="promotional_credit"), ANNA, at(6))
    done = states.after_read_back(doubtful.standing, Found("pc_1"), POLICY, at(21))
    await ledger.record_reading(doubtful, done, result="found", detail="pc_1", wall=21)
    assert [entry.reward_id for entry in await lease(ledger, wall=22)] == [grant(3).reward_id]


async def test_a_pause_is_made_and_ended_once(ledger: Ledger) -> None:
    with pytest.raises(DecisionRefusedError, match="no pause of kind coupon"):
        await ledger.resume(Scope(kind="coupon"), ANNA, at(1))
    await ledger.pause(Scope(), ANNA, at(1))
    with pytest.raises(DecisionRefusedError, match="everything is paused already"):
        await ledger.pause(Scope(), ANNA, at(2))
    [only] = await ledger.pauses()
    assert (only["actor"], only["since_wall"]) == ("anna", 1)


async def test_doubt_is_resolved_by_what_a_human_found_and_the_account_is_told(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger, stuck="given up")
    reward_id = grant().reward_id
    state = await ledger.resolve(reward_id, ANNA, at(30), as_="delivered", reference="pc_9")
    assert state is State.DELIVERED
    [untold] = await ledger.unreported(9)
    assert (untold.standing.reference, untold.standing.stuck) == ("pc_9", "")
    assert await used(ledger) == {"stock:tree": 1}
    assert await decisions(ledger) == [
        ("resolve", reward_id, "anna", "looked at the site", "unknown → delivered")
    ]
    assert (await shown(ledger))["decisions"][0]["actor"] == "anna"


async def test_what_is_resolved_as_failed_gives_back_its_points_and_its_place(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger)
    await ledger.resolve(grant().reward_id, ANNA, at(30), as_="failed")
    [untold] = await ledger.unreported(9)
    assert untold.standing.reason == "looked at the site"
    assert await used(ledger) == {"stock:tree": 0}


async def test_a_revocation_that_waits_for_a_human_goes_on_when_the_reward_is_resolved(
    ledger: Ledger,
) -> None:
    await in_doubt(ledger, stuck="given up")
    await give(ledger, revoke())
    [waiting] = await lease(ledger, wall=20)
    held = states.hold(waiting.standing, "its reward waits for a human")
    await ledger.put(waiting, held, wall=20, keep=False)
    assert await lease(ledger, wall=999) == []
    assert (await shown(ledger))["revocation"] == "stuck"
    await ledger.resolve(grant().reward_id, ANNA, at(30), as_="delivered")
    [again] = await lease(ledger, wall=999)
    assert again.command == revoke()


async def test_a_retry_looks_again_and_never_sends_blindly(ledger: Ledger) -> None:
    await in_doubt(ledger, stuck="not settled after 24 h")
    long_after = at(100_000)
    await ledger.retry(grant().reward_id, ANNA, long_after)
    [entry] = await lease(ledger, wall=100_000)
    assert states.next_move(entry.standing, POLICY, long_after) is Move.READ_BACK
    assert entry.standing.doubtful_since == 100_000


async def test_a_cancelled_reward_fails_and_whoever_prepared_it_loses_it(ledger: Ledger) -> None:
    await give(ledger, grant())
    [preparing] = await lease(ledger)
    await ledger.cancel(grant().reward_id, ANNA, at(3))
    with pytest.raises(LeaseLostError):
        await begin(ledger, preparing)
    [untold] = await ledger.unreported(9)
    assert (untold.standing.state, untold.standing.reason) == (
        State.FAILED,
        "cancelled: looked at the site",
    )


async def test_a_taking_back_is_decided_on_by_its_own_id(ledger: Ledger) -> None:
    await give(ledger, grant())
    await deliver(ledger, (await lease(ledger))[0])
    await give(ledger, revoke())
    [entry] = await lease(ledger)
    refused = states.refuse_before_sending(entry.standing, Refused("spent"), at(3))
    await ledger.put(entry, refused, wall=3, keep=False)
    assert (await shown(ledger))["revocation"] == "impossible"
    await ledger.retry(entry.reward_id, ANNA, at(4))
    assert (await shown(ledger))["revocation"] == "due"
    await ledger.cancel(entry.reward_id, ANNA, at(5))
    found = await shown(ledger)
    assert (found["state"], found["revocation"]) == ("delivered", "not_needed")
    assert [each["verb"] for each in found["decisions"]] == ["retry", "cancel"]


async def test_decisions_that_contradict_what_is_are_refused_and_leave_no_trace(
    ledger: Ledger,
) -> None:
    reward_id = grant().reward_id
    with pytest.raises(DecisionRefusedError, match="holds no reward"):
        await ledger.retry("nothing", ANNA, at(1))
    await give(ledger, grant())
    with pytest.raises(DecisionRefusedError, match="only what is in doubt can be resolved"):
        await ledger.resolve(reward_id, ANNA, at(1), as_="failed")
    begun, number = await begin(ledger, (await lease(ledger))[0])
    for decide in (ledger.retry, ledger.cancel):
        with pytest.raises(DecisionRefusedError, match="this very moment"):
            await decide(reward_id, ANNA, at(2))
    doubted = states.after_call(begun.standing, Unknown("timed out"), POLICY, at(10))
    await ledger.end_attempt(begun, doubted, number=number, result="unknown", detail="", wall=10)
    with pytest.raises(DecisionRefusedError, match="may have been given"):
        await ledger.cancel(reward_id, ANNA, at(11))
    await ledger.resolve(reward_id, ANNA, at(12), as_="failed")
    with pytest.raises(DecisionRefusedError, match="its points are back"):
        await ledger.retry(reward_id, ANNA, at(13))
    with pytest.raises(DecisionRefusedError, match="nothing to cancel"):
        await ledger.cancel(reward_id, ANNA, at(13))
    assert [verb for verb, *_ in await decisions(ledger)] == ["resolve"]


async def test_an_attempt_whose_rewarder_died_can_be_resolved(ledger: Ledger) -> None:
    await give(ledger, grant())
    await begin(ledger, (await lease(ledger))[0])
    await ledger.resolve(grant().reward_id, ANNA, at(102), as_="delivered", reference="pc_1")
    found = await shown(ledger)
    assert (found["state"], found["attempts"][0]["result"]) == ("delivered", "lost")


async def test_a_ledger_of_an_earlier_release_keeps_its_rewards_and_revocations(
    tmp_path: Path,
) -> None:
    file = tmp_path / "ledger.sqlite"
    old = open_ledger(f"sqlite+aiosqlite:///{file}")
    await upgrade(old.engine, "ledger", to="0002")
    row = {
        **reward_row(received(coupon())),
        **dict.fromkeys(("program", "kind", "revokes", "claimed")),
    }
    kept = {name: value for name, value in row.items() if value is not None}
    command = REWARDS.encode(revoke()).decode()
    async with old.engine.begin() as connection:
        table = sa.table("reward", *(sa.column(name) for name in kept))
        await connection.execute(sa.insert(table).values(kept))
        await connection.execute(
            sa.text("INSERT INTO revocation VALUES (:id, :command, 'not_revoked')"),
            {"id": coupon().reward_id, "command": command},
        )
    await upgrade(old.engine, "ledger")
    found = await shown(old)
    assert (found["state"], found["program"], found["kind"]) == ("due", "spikes", "coupon")
    assert found["revocation"] == "impossible"
    assert found["revocation_reason"] == "an earlier release did not take rewards back"
    await old.retry(ids.revocation(coupon().reward_id), ANNA, at(1))
    [entry] = await lease(old)
    assert entry.command == coupon()
    await old.close()
