"""An account as bytes, and back: what a worker stores of it, and what a past holds of it. PURE."""

import msgspec

from streams.account.packing import pack_all
from streams.account.state import Account, StoredAccount, StoredCore, StoredDue

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredAccount)
_core_decoder = msgspec.msgpack.Decoder(StoredCore)
_due_decoder = msgspec.msgpack.Decoder(StoredDue)


def encode_account(account: Account) -> bytes:
    memory, core = account.memory, account.core or encode_core(account)
    for past in account.past:
        pack_all(past.facts)
    stored = StoredAccount(account.due_at, core, memory.digests, memory.payments, account.past)
    return _encoder.encode(stored)


def decode_account(data: bytes) -> Account:
    stored = _decoder.decode(data)
    account = decode_core(stored.core)
    account.memory.digests, account.memory.payments = stored.digests, stored.payments
    account.past, account.core = stored.past, stored.core
    return account


def encode_core(account: Account) -> bytes:
    memory = account.memory
    digests, payments = memory.digests, memory.payments
    memory.digests, memory.payments = b"", []
    core = _encoder.encode(StoredCore(account.ledger, memory, account.due_at))
    memory.digests, memory.payments = digests, payments
    return core


def decode_core(data: bytes) -> Account:
    """An account without digests, payments and past."""
    core = _core_decoder.decode(data)
    return Account(core.ledger, core.memory, core.due_at)


def next_due_at(account: Account) -> int | None:
    """Unix seconds of the next instant at which time alone changes the account."""
    return account.due_at or None


def read_due_at(data: bytes) -> int | None:
    """`next_due_at` of an encoded account, in a tenth of the time that decoding takes."""
    return _due_decoder.decode(data).due_at or None
