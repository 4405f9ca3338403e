"""Print what the fold makes of histories, to hold one way of running it against another.

`python -m tests.support.folded FILE`: the file holds a `list[Told]` in MessagePack. The first line
printed says how the fold runs; then one line per fact: its events as they stand on the topic, and
the account as it is stored.
"""

import sys
from collections import defaultdict
from pathlib import Path

import msgspec

from deploy.native.loading import running_fold
from schemas.codec import FACTS, POINTS
from streams.account.ordering import fold
from streams.account.state import Account
from streams.account.storing import encode_account
from tests.properties.test_account_laws import PROGRAMS
from tests.support.year import programs

Told = tuple[int, list[bytes]]
"""The place of a program in `KNOWN`, and encoded facts."""

KNOWN = [programs(), *PROGRAMS]


def main() -> None:
    print(running_fold())  # noqa: T201 - for the test that reads it
    for program, history in msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Told]):
        accounts: defaultdict[str, Account] = defaultdict(Account)
        for offset, value in enumerate(history):
            fact = FACTS.decode(value)
            account = accounts[fact.customer]
            events = fold(account, fact, offset, KNOWN[program])
            print(*(POINTS.encode(event).decode() for event in events), end=" ")  # noqa: T201
            print(encode_account(account).hex())  # noqa: T201


if __name__ == "__main__":
    main()
