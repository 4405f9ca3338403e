"""Laws of standing as of an instant, held over random programs and histories."""

import pytest

from deploy.service.accounts import programs_of, standing_as_of, standing_at
from schemas.facts import AnyFact, ProgramPublished
from schemas.program.model import Program
from streams.account.ordering import fold
from streams.account.outlook import view
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.storing import decode_account, encode_account
from tests.laws.chance import Chance
from tests.laws.histories import random_history
from tests.laws.programs import random_program
from tests.support.history import history_of, published_program
from tests.support.story import time
from tests.support.year import SITE

SEEDS = range(60)
SECONDS = 1_000


def drawn(seed: int) -> tuple[Program, list[AnyFact], Chance]:
    chance = Chance(seed)
    program = random_program(chance)
    return program, random_history(chance, program), chance


def folded(program: Program, facts: list[AnyFact]) -> tuple[Account, Programs]:
    """The account after the facts, and the versions that are known then."""
    account, programs = Account(), programs_of([program])
    for offset, fact in enumerate(facts):
        if isinstance(fact, ProgramPublished):
            programs = programs.with_published(fact)
        else:
            fold(account, fact, offset, programs)
    return account, programs


@pytest.mark.parametrize("seed", SEEDS)
def test_as_of_is_what_folding_the_facts_up_to_then_gives(seed: int) -> None:
    """The fold itself, told of the facts that had happened and then of the time."""
    program, facts, chance = drawn(seed)
    history = history_of(published_program(program), *facts)
    instants = [fact.occurred_at for fact in facts if not isinstance(fact, ProgramPublished)]
    for at in chance.sample(instants, min(4, len(instants))):
        known = [
            each for each in facts if isinstance(each, ProgramPublished) or each.occurred_at <= at
        ]
        account, programs = folded(program, known)
        fold(account, time(at), 10**6, programs)
        expected = view(account, programs.effective(SITE, at), at)
        found = standing_as_of(history, at, None)
        assert (found.balance, found.pending) == (expected.balance, expected.pending)
        assert (found.lifetime, found.deficit) == (expected.lifetime, expected.deficit)
        assert tuple((each.expires_at, each.points) for each in found.expiring) == expected.expiring
        assert (found.tier is None) == (expected.tier is None)
        if found.tier is not None and expected.tier is not None:
            for name in expected.tier.__struct_fields__:
                assert getattr(found.tier, name) == getattr(expected.tier, name), name


@pytest.mark.parametrize("seed", SEEDS)
def test_as_of_now_is_what_the_events_said_then(seed: int) -> None:
    """Where facts came in order, the figures of the last event up to an instant stand then, apart
    from what time alone has done since: so the fold is asked right after each event.
    """
    program, facts, chance = drawn(seed)
    in_order = sorted({fact.id: fact for fact in facts}.values(), key=lambda fact: fact.occurred_at)
    history = history_of(published_program(program), *in_order)
    last = {entry.occurred_at: entry for entry in history.entries}
    for at in chance.sample(sorted(last), min(4, len(last))):
        found, entry = standing_as_of(history, at, None), last[at]
        assert (found.balance, found.pending) == (entry.balance, entry.pending)
        assert (found.lifetime, found.deficit) == (entry.lifetime, entry.deficit)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_kept_state_and_a_replay_tell_one_thing(seed: int) -> None:
    program, facts, chance = drawn(seed)
    history = history_of(published_program(program), *facts)
    account, programs = folded(program, facts)
    account = decode_account(encode_account(account))
    # An erased account ignores later facts, and lives no further.
    last = max(account.memory.clock, *(fact.occurred_at for fact in facts))
    at = last + chance.choice([0, 1, 86_400, 40 * 86_400, 400 * 86_400])
    kept, replayed = standing_at(account, SITE, at, programs), standing_as_of(history, at, None)
    assert kept == replayed


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_known_at_is_what_the_log_held_by_then(seed: int) -> None:
    program, facts, chance = drawn(seed)
    history = history_of(published_program(program), *facts)
    cut = chance.randrange(1, len(history.records))
    for place, record in enumerate(history.records):
        record.timestamp = place * SECONDS + 999
    shorter = history_of(published_program(program), *facts[: cut - 1])
    at = max(fact.occurred_at for fact in facts)
    known = standing_as_of(history, at, cut - 1)
    if shorter.entries:
        assert known == standing_as_of(shorter, at, None)
    else:
        assert known.sequence == 0
