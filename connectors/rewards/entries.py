"""Rewards as they enter the ledger and as the holder of a lease sees them: rows and their forms.

Taking a reward back is a row of the same table: it waits its turn, is leased, attempted and settled
as every reward is, and its id is that of `schemas.ids.revocation`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from connectors.rewards.gateway import Granted
from connectors.rewards.kinds import kind_of
from connectors.rewards.standing import Standing, State
from schemas import ids
from schemas.codec import REWARDS
from schemas.rewards import GrantReward, RevokeReward

_STANDING_FIELDS = tuple(each.name for each in fields(Standing))


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """When what led to a command arrived, in real ms, and the trace that followed it here."""

    arrived_ms: int | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The reward that is to be taken back, as it stands."""

    state: State
    granted: Granted


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reward, or one taking back, as its lease holder sees it.

    `body` is the stored call, empty before the first. `claimed` is what it counts for by the names
    of limits. `target` is None where the ledger has no such reward. `is_revoked`: a reward whose
    taking back has arrived already.
    """

    reward_id: str
    kind: str
    command: GrantReward | RevokeReward
    standing: Standing
    body: str
    lease_number: int
    lease_until: float
    claimed: Mapping[str, int] = field(default_factory=dict)
    target: Target | None = None
    is_revoked: bool = False
    way: Way = field(default_factory=Way)

    @property
    def step_prefix(self) -> str:
        """Of this work's fault points."""
        return "undo_" if isinstance(self.command, RevokeReward) else "grant_"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReward:
    """A command as it arrived: its bytes are kept, so that a repeat can be compared."""

    reward_id: str
    site: str
    customer: str
    program: str
    kind: str
    command: bytes
    way: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRevocation:
    """`reward_id` is the reward to take back; `occurred_at` is the engine's time."""

    reward_id: str
    site: str
    customer: str
    program: str
    occurred_at: int
    reason: str
    command: bytes
    way: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttempt:
    move: str
    key: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of a batch of commands. `conflicting` ids arrived before with another body;
    `cancelled` counts rewards that were revoked before anything was sent.
    """

    inserted: int
    repeated: int
    conflicting: tuple[str, ...]
    revocations: int = 0
    cancelled: int = 0


def new_reward(command: GrantReward, value: bytes, way: Way | None = None) -> NewReward:
    return NewReward(
        reward_id=command.reward_id,
        site=command.site,
        customer=command.customer,
        program=command.program,
        kind=kind_of(command.grant),
        command=value,
        way=way or Way(),
    )


def new_revocation(command: RevokeReward, value: bytes, way: Way | None = None) -> NewRevocation:
    return NewRevocation(
        reward_id=command.reward_id,
        site=command.site,
        customer=command.customer,
        program=command.program,
        occurred_at=command.occurred_at,
        reason=command.reason,
        command=value,
        way=way or Way(),
    )


def reward_row(new: NewReward) -> dict[str, Any]:
    return {
        **_row(new, new.reward_id),
        "kind": new.kind,
        "revokes": None,
        "reported": False,
    }


def revocation_row(new: NewRevocation, kind: str) -> dict[str, Any]:
    return {
        **_row(new, ids.revocation(new.reward_id)),
        "kind": kind,
        "revokes": new.reward_id,
        # The account asked for this and waits for nothing: there is nobody to tell.
        "reported": True,
    }


def _row(new: NewReward | NewRevocation, reward_id: str) -> dict[str, Any]:
    return {
        "reward_id": reward_id,
        "site": new.site,
        "account": ids.account_key(new.site, new.customer),
        "program": new.program,
        "command": new.command.decode(),
        **asdict(new.way),
        **asdict(Standing()),
        "body": "",
        "claimed": "",
        "lease_owner": "",
        "lease_number": 0,
        "lease_until": 0.0,
    }


def standing_of(row: Mapping[str, Any]) -> Standing:
    values = {name: row[name] for name in _STANDING_FIELDS}
    return Standing(**{**values, "state": State(row["state"])})


def entry_of(
    row: Mapping[str, Any],
    target: Mapping[str, Any] | None = None,
    *,
    is_revoked: bool = False,
) -> Entry:
    return Entry(
        reward_id=row["reward_id"],
        kind=row["kind"],
        command=REWARDS.decode(row["command"].encode()),
        standing=standing_of(row),
        body=row["body"],
        lease_number=row["lease_number"],
        lease_until=row["lease_until"],
        claimed=claims_in(row["claimed"]),
        target=None if target is None else _target_of(target),
        is_revoked=is_revoked,
        way=Way(arrived_ms=row["arrived_ms"], traceparent=row["traceparent"]),
    )


def claims_in(text: str) -> dict[str, int]:
    claimed: dict[str, int] = json.loads(text) if text else {}
    return claimed


def _target_of(row: Mapping[str, Any]) -> Target:
    command = REWARDS.decode(row["command"].encode())
    assert isinstance(command, GrantReward)
    granted = Granted(
        command=command,
        body=json.loads(row["body"]) if row["body"] else {},
        reference=row["reference"],
    )
    return Target(state=State(row["state"]), granted=granted)
