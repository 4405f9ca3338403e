"""Gift cards, donations and anything else another service gives: one signed message per reward.

The message's id is the reward's id in every attempt, and the receiver does for one id one thing:
that is the contract of Standard Webhooks. So a message may be sent again while it is in doubt what
became of it, and sending it again is how it is read back.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.outgoing.client import (
    AddressRefusedError,
    Answer,
    NoAnswerError,
    NotSentError,
    OutgoingClient,
)
from connectors.outgoing.signing import sign
from connectors.rewards.gateway import (
    Conflict,
    Done,
    Found,
    Granted,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    Unknown,
    Unreadable,
)
from connectors.rewards.policy import SCHEDULE, Policy
from schemas import ids
from schemas.rewards import GrantReward, RevokeReward, Webhook

HOUR = 3600
BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Answers after which the same message is worth another try."""
GONE = 410
HANDED_CHARS_MAX = 2000
RETRY_AFTER_SECONDS_MAX = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A service of the settings. The first secret is the present one."""

    name: str
    url: str
    secrets: tuple[str, ...]


def _policy(waits: tuple[float, ...]) -> Policy:
    return Policy(
        key_life_seconds=10 * 365 * 24 * HOUR,  # a receiver knows an id for good
        retry_waits=waits,
        give_up_seconds=float(sum(waits)),
    )


class WebhookExecutor:
    """Sends messages to the endpoints of the settings. `clock` is real time, unix seconds; `waits`
    are the seconds before each next try.
    """

    policy: Policy | None = _policy(SCHEDULE)

    def __init__(
        self,
        client: OutgoingClient,
        endpoints: Mapping[str, Endpoint],
        clock: Callable[[], float],
        waits: tuple[float, ...] = SCHEDULE,
    ) -> None:
        self.policy = _policy(waits)
        self._waits = waits
        self._client = client
        self._endpoints = endpoints
        self._clock = clock
        # Until this process ends: a start after an endpoint was mended is how one says so.
        self._gone: set[str] = set()
        self.undo = WebhookUndo(self)

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        grant = command.grant
        assert isinstance(grant, Webhook), "registered for webhooks alone"
        refused = self.refusal(grant.endpoint)
        if refused is not None:
            return refused
        return Prepared({"endpoint": grant.endpoint, "message": _message(command, grant)})

    def refusal(self, endpoint: str) -> Refused | None:
        """Why nothing can be sent to this endpoint."""
        if endpoint not in self._endpoints:
            known = ", ".join(sorted(self._endpoints)) or "none"
            return Refused(f"the settings have no endpoint {endpoint}; known are {known}")
        if endpoint in self._gone:
            return Refused(f"the endpoint {endpoint} answered that it is gone (410)")
        return None

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        del key  # the message's id is the key, and outlives every attempt
        try:
            answer = await self._send(body)
        except AddressRefusedError as error:
            return Refused(str(error), "address_refused")
        except NotSentError as error:
            return NotExecuted(str(error), 0.0)
        except NoAnswerError as error:
            return Unknown(str(error))
        return self._judge(answer, str(body["endpoint"]), _message_id(body))

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        del since
        match await self.carry_out(body, ""):
            case Done(reference, handed):
                return Found(reference, handed)
            case Refused(reason):
                return Conflict(f"refused while an earlier attempt may have succeeded: {reason}")
            case NotExecuted(reason, retry_after):
                return Unreadable(reason, retry_after or self._waits[0])
            case Unknown(reason):
                return Unreadable(reason, self._waits[min(1, len(self._waits) - 1)])

    async def _send(self, body: Mapping[str, Any]) -> Answer:
        endpoint = self._endpoints.get(body["endpoint"])
        if endpoint is None:
            raise NotSentError(f"the settings no longer have an endpoint {body['endpoint']}")
        message = json.dumps(body["message"], sort_keys=True, separators=(",", ":"))
        headers = sign(message, _message_id(body), at=int(self._clock()), secrets=endpoint.secrets)
        return await self._client.call(
            "POST",
            endpoint.url,
            body=message.encode(),
            headers={**headers, "content-type": "application/json"},
        )

    def _judge(self, answer: Answer, endpoint: str, message_id: str) -> Outcome:
        status = answer.status
        if 200 <= status < 300:
            return _granted(answer, message_id)
        if status in BUSY:
            reason = f"{endpoint} answered {status}"
            # It may have answered 5xx after it did its work.
            if status >= 500 and status != 503:
                return Unknown(reason)
            return NotExecuted(reason, _retry_after(answer))
        if status == GONE:
            self._gone.add(endpoint)
            return Refused(f"the endpoint {endpoint} answered that it is gone (410)", "gone")
        if 300 <= status < 400:
            return Refused(f"{endpoint} answered {status}; no redirect is followed", "redirect")
        if status >= 500:
            return Unknown(f"{endpoint} answered {status}")
        return Refused(f"{endpoint} answered {status}", str(status))


class WebhookUndo:
    """Tells the service that a reward is revoked, under an id of its own. What it does about that
    is its business: the message is what can be promised.
    """

    def __init__(self, executor: WebhookExecutor) -> None:
        self._executor = executor
        self.policy = executor.policy

    async def prepare(
        self, granted: Granted, revoke: RevokeReward
    ) -> Prepared | Done | Refused | NotExecuted:
        refused = self._executor.refusal(granted.body["endpoint"])
        if refused is not None:
            return refused
        message = {
            "type": "reward.revoked",
            "timestamp": revoke.occurred_at,
            "data": {**granted.body["message"]["data"], "reason": revoke.reason},
        }
        id_of_its_own = ids.revocation(revoke.reward_id)
        return Prepared(
            {"endpoint": granted.body["endpoint"], "id": id_of_its_own, "message": message}
        )

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        outcome = await self._executor.carry_out(body, key)
        # Whatever the service says about a revocation, there is nothing to hand over.
        return Done(outcome.reference) if isinstance(outcome, Done) else outcome

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        reading = await self._executor.read_back(body, since)
        return Found(reading.reference) if isinstance(reading, Found) else reading


def _message_id(body: Mapping[str, Any]) -> str:
    """A grant's message is known by the reward's id, a revocation's by its own."""
    return str(body.get("id") or body["message"]["data"]["reward_id"])


def _message(command: GrantReward, grant: Webhook) -> dict[str, Any]:
    """What the service is told. No more of the customer than Chargebee's id."""
    return {
        "type": "reward.granted",
        "timestamp": command.occurred_at,
        "data": {
            "reward_id": command.reward_id,
            "site": command.site,
            "customer": command.customer,
            "program": command.program,
            "program_version": command.program_version,
            "reward": command.reward,
            "purpose": grant.purpose,
            "payload": grant.payload,
        },
    }


def _granted(answer: Answer, message_id: str) -> Done:
    """A service may answer with its own reference, and a code or link for the customer."""
    try:
        told = json.loads(answer.body) if answer.body else {}
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    handed = " ".join(str(told[name]) for name in ("code", "link") if told.get(name))
    reference = str(told.get("reference") or told.get("id") or message_id)
    return Done(reference[:HANDED_CHARS_MAX], handed[:HANDED_CHARS_MAX])


def _retry_after(answer: Answer) -> float:
    """Seconds a busy service asks for; 0 where it names none that can be read."""
    try:
        asked = float(answer.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return min(max(0.0, asked), float(RETRY_AFTER_SECONDS_MAX))
