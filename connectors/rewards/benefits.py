"""What a subscription itself gains: a feature, free days, a free add-on; and how to read it."""

from collections.abc import Mapping
from typing import Any

from connectors.rewards.gateway import (
    Absent,
    Conflict,
    Found,
    NotExecuted,
    Outcome,
    Prepared,
    ReadBack,
    Refused,
    RewardGateway,
    Subscription,
)
from connectors.rewards.landing import BILLED_AGAIN, IN_TERM, LIVING, land
from connectors.rewards.policy import Policy
from connectors.rewards.undo import FeatureUndo, FreeDaysUndo, NoUndo
from schemas.rewards import Feature, FreeAddon, FreeDays, GrantReward

DAY_SECONDS = 86_400


class FeatureExecutor:
    """An entitlement override, which ends by itself where the grant says until when."""

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway
        self.undo = FeatureUndo(gateway)

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        grant = command.grant
        assert isinstance(grant, Feature), "registered for features alone"
        chosen = await land(self._gateway, command, LIVING)
        if not isinstance(chosen, Subscription):
            return chosen
        override: dict[str, Any] = {"feature_id": grant.id, "value": grant.value}
        if grant.until is not None:
            override["expires_at"] = grant.until
        return Prepared({"subscription": chosen.id, "override": override})

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        return await self._gateway.set_feature(body["subscription"], body["override"], key)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        del since
        subscription, override = body["subscription"], body["override"]
        held = await self._gateway.features(subscription)
        # Setting it again does no harm, so another value is as good as none.
        if held.get(override["feature_id"]) == override["value"]:
            return Found(f"{subscription}:{override['feature_id']}")
        return Absent()


class FreeDaysExecutor:
    """A later end of the present term: an instant that is worked out once and stored."""

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway
        self.undo = FreeDaysUndo(gateway, self)

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        grant = command.grant
        assert isinstance(grant, FreeDays), "registered for free days alone"
        chosen = await land(self._gateway, command, IN_TERM)
        if not isinstance(chosen, Subscription):
            return chosen
        assert chosen.term_end is not None, "only one in a term can have free days"
        return Prepared(
            {
                "subscription": chosen.id,
                "from": chosen.term_end,
                "until": chosen.term_end + grant.days * DAY_SECONDS,
            }
        )

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        return await self._gateway.move_term_end(body["subscription"], body["until"], key)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        del since
        subscription = body["subscription"]
        held = await self._gateway.subscription(subscription)
        if held is None:
            return Conflict(f"subscription {subscription} is gone")
        if held.term_end == body["until"]:
            return Found(f"{subscription}:{body['until']}")
        if held.term_end == body["from"]:
            return Absent()
        return Conflict(
            f"the term of {subscription} ends at {held.term_end}: neither where it ended nor where"
            " it was to end"
        )


class FreeAddonExecutor:
    """An add-on at no price for some billing cycles."""

    policy: Policy | None = None

    def __init__(self, gateway: RewardGateway) -> None:
        self._gateway = gateway
        self.undo = NoUndo("a free add-on stays until its billing cycles are over")

    async def prepare(self, command: GrantReward) -> Prepared | Refused | NotExecuted:
        grant = command.grant
        assert isinstance(grant, FreeAddon), "registered for add-ons alone"
        chosen = await land(self._gateway, command, BILLED_AGAIN)
        if not isinstance(chosen, Subscription):
            return chosen
        if grant.price in chosen.addons:
            return Refused(f"subscription {chosen.id} has the add-on {grant.price} already")
        return Prepared(
            {
                "subscription": chosen.id,
                "item": {
                    "item_price_id": grant.price,
                    "quantity": grant.quantity,
                    "unit_price": 0,
                    "billing_cycles": grant.cycles,
                },
            }
        )

    async def carry_out(self, body: Mapping[str, Any], key: str) -> Outcome:
        return await self._gateway.add_addon(body["subscription"], body["item"], key)

    async def read_back(self, body: Mapping[str, Any], since: int) -> ReadBack:
        del since
        subscription, price = body["subscription"], body["item"]["item_price_id"]
        held = await self._gateway.subscription(subscription)
        if held is None:
            return Conflict(f"subscription {subscription} is gone")
        return Found(f"{subscription}:{price}") if price in held.addons else Absent()
