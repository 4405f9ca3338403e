"""The whole log folded again by the pure fold: points and states must be equal byte for byte. PURE.

The oracle needs no code of the engine; this needs all of it, and holds the running one to it.
"""

from collections import defaultdict
from collections.abc import Iterator

from schemas import ids
from schemas.codec import FACTS, POINTS, DecodeError
from schemas.facts import ProgramPublished
from schemas.topics import POSITION_KEY, PROGRAMS_KEY
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.storing import encode_account
from tests.chaos.logs import Logs


def differences(logs: Logs) -> Iterator[str]:
    """Where the points and accounts topics are not what the facts topic gives."""
    points, accounts, ends = _fold(logs)
    written: dict[bytes, list[bytes]] = defaultdict(list)
    for record in logs.points:
        written[record.key].append(record.value)
    for key in points.keys() | written.keys():
        if points.get(key, []) != written.get(key, []):
            yield f"the points events of {key!r} are not what its facts give"
    states = {(record.partition, record.key): record.value for record in logs.accounts}
    for partition, end in ends.items():
        position = states.pop((partition, POSITION_KEY), None)
        if position != b"%d" % end:
            yield f"the position of partition {partition} is {position!r}, its facts end at {end}"
    if states != accounts:
        wrong = {key for key in states | accounts if states.get(key) != accounts.get(key)}
        yield f"{len(wrong)} account states are not what their facts give: {sorted(wrong)[:3]}"


def _fold(
    logs: Logs,
) -> tuple[dict[bytes, list[bytes]], dict[tuple[int, bytes], bytes], dict[int, int]]:
    """Points events by account, the last state under each (partition, key), and the positions."""
    programs: dict[int, Programs] = defaultdict(Programs)
    accounts: dict[tuple[int, bytes], Account] = {}
    points: dict[bytes, list[bytes]] = defaultdict(list)
    ends: dict[int, int] = {}
    for record in logs.facts:
        ends[record.partition] = record.offset + 1
        try:
            fact = FACTS.decode(record.value)
        except DecodeError:
            continue
        known = programs[record.partition]
        if isinstance(fact, ProgramPublished):
            programs[record.partition] = known.with_published(fact)
            continue
        key = ids.account_key(fact.site, fact.customer).encode()
        account = accounts.setdefault((record.partition, key), Account())
        events = fold(account, fact, record.offset, known)
        points[key] += [POINTS.encode(each) for each in events]
    states = {where: encode_account(account) for where, account in accounts.items()}
    states |= {(each, PROGRAMS_KEY): known.encode() for each, known in programs.items()}
    return points, states, ends
