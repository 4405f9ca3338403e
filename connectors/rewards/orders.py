"""Gift cards and donations ordered at Tremendous, claimed by the customer through a link.

An order is made under the reward's id: a repeat gives the same order again (201), and it can be
read by that id (developers.tremendous.com, core-orders-create). Nothing of the customer is told.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from connectors.outgoing.client import (
    AddressRefusedError,
    Answer,
    NoAnswerError,
    NotSentError,
    OutgoingClient,
)
from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Done,
    Found,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    Unknown,
    Unreadable,
)
from connectors.rewards.policy import Policy
from connectors.rewards.undo import NoUndo
from schemas.program.amounts import minor_digits
from schemas.rewards import GrantReward, Order

MADE = frozenset({200, 201, 202})
"""201: the order was there before."""
NO_FUNDS = 402
BUSY = 429
FUNDS_WAIT_SECONDS = 900.0
BUSY_WAIT_SECONDS = 5.0
KEY_LIFE_SECONDS = 10 * 365 * 86_400
UNREADABLE_WAIT_SECONDS = 30.0


class OrderExecutor:
    """Orders from one account. Without an `api_key` every order is refused, and says so.

    `policy` is everybody's; but an order's id is its key, and is known for good.
    """

    def __init__(
        self,
        client: OutgoingClient,
        *,
        api_url: str,
        api_key: str,
        funding_source: str,
        policy: Policy | None = None,
    ) -> None:
        self.policy: Policy | None = replace(policy or Policy(), key_life_seconds=KEY_LIFE_SECONDS)
        self._client = client
        self._api_url = api_url.rstrip("/")
        self._api_key = api_key
        self._funding_source = funding_source
        self.undo = NoUndo("what was ordered at Tremendous is the customer's")

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        grant = command.grant
        assert isinstance(grant, Order), "registered for orders alone"
        if not self._api_key:
            return Refused("the settings have no tremendous.api_key to order with")
        currency = command.currency
        if not currency and len(grant.amounts_minor) == 1:
            [currency] = grant.amounts_minor
        if currency not in grant.amounts_minor:
            known = ", ".join(sorted(grant.amounts_minor))
            return Refused(
                f"the reward has no amount in {currency or 'any currency'}, only {known}"
            )
        return Prepared(
            self._order(command, grant, currency),
            worth_minor=grant.amounts_minor[currency],
            currency=currency,
        )

    def _order(self, command: GrantReward, grant: Order, currency: str) -> dict[str, Any]:
        reward: dict[str, Any] = {
            "value": {
                "denomination": grant.amounts_minor[currency] / 10 ** minor_digits(currency),
                "currency_code": currency,
            },
            "delivery": {"method": "LINK"},
        }
        if grant.campaign:
            reward["campaign_id"] = grant.campaign
        else:
            reward["products"] = list(grant.products)
        return {
            "external_id": command.reward_id,
            "payment": {"funding_source_id": self._funding_source},
            "reward": reward,
        }

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        del key  # the external id is the key, and outlives every attempt
        try:
            answer = await self._call("POST", "/orders", json.dumps(body).encode())
        except AddressRefusedError as error:
            return Refused(str(error), "address_refused")
        except NotSentError as error:
            return NotExecuted(str(error), BUSY_WAIT_SECONDS)
        except NoAnswerError as error:
            return Unknown(str(error))
        return _judge(answer, body)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        del since
        path = f"/orders/{quote(body['external_id'], safe='')}"
        try:
            answer = await self._call("GET", path, b"")
        except (AddressRefusedError, NotSentError, NoAnswerError) as error:
            return Unreadable(str(error), UNREADABLE_WAIT_SECONDS)
        if answer.status == 404:
            return Absent()
        if answer.status != 200:
            wait = BUSY_WAIT_SECONDS if answer.status == BUSY else UNREADABLE_WAIT_SECONDS
            return Unreadable(f"Tremendous answered {answer.status}", wait)
        match _made(answer, body):
            case Done(reference, handed):
                return Found(reference, handed)
            case Refused(reason):
                return Conflict(reason)
            case NotExecuted(reason, _) | Unknown(reason):
                return Unreadable(reason, UNREADABLE_WAIT_SECONDS)

    async def _call(self, method: str, path: str, body: bytes) -> Answer:
        return await self._client.call(
            method,
            self._api_url + path,
            body=body,
            headers={
                "authorization": f"Bearer {self._api_key}",
                "content-type": "application/json",
            },
        )


def _judge(answer: Answer, body: Mapping[str, Any]) -> Outcome:
    status = answer.status
    if status in MADE:
        return _made(answer, body)
    if status == NO_FUNDS:
        return NotExecuted("the account at Tremendous has not enough funds", FUNDS_WAIT_SECONDS)
    if status == BUSY:
        return NotExecuted("Tremendous is busy (429)", BUSY_WAIT_SECONDS)
    if 400 <= status < 500:
        return Refused(f"Tremendous answered {status}: {_complaint(answer)}", str(status))
    return Unknown(f"Tremendous answered {status}")


def _made(answer: Answer, body: Mapping[str, Any]) -> Outcome:
    """The order in an answer, held against what was asked for."""
    try:
        order = json.loads(answer.body)["order"]
        reward = order["rewards"][0]
        value = reward["value"]
        link = reward.get("delivery", {}).get("link") or ""
        reference, status = str(order["id"]), order["status"]
    except (ValueError, LookupError, TypeError, AttributeError):
        return Unknown("Tremendous answered with something that is no order")
    if status == "FAILED":
        return Refused(f"the order {reference} failed at Tremendous")
    wanted = body["reward"]["value"]
    if (float(value["denomination"]), value["currency_code"]) != (
        float(wanted["denomination"]),
        wanted["currency_code"],
    ):
        there = f"{value['denomination']} {value['currency_code']}"
        return Refused(f"the order {reference} under this id is for {there}", "order_differs")
    return Done(reference, link)


def _complaint(answer: Answer) -> str:
    try:
        errors = json.loads(answer.body)["errors"]
        return f"{errors['message']} {json.dumps(errors.get('payload', {}))}"[:500]
    except (ValueError, LookupError, TypeError):
        return "without a reason"
