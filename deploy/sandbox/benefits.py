"""What the API can give a subscription: features, a later end of its term, add-ons. PURE."""

from typing import Any

from deploy.sandbox.catalog import ADDONS, FEATURES
from deploy.sandbox.errors import bad_request, not_found, wrong_value
from deploy.sandbox.site import Resource, Site
from deploy.sandbox.truth import Benefit

PROLONGABLE = frozenset({"in_trial", "active", "non_renewing"})


class Benefits:
    """Each change is told to the truth when it changes something, and not when it repeats."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def overrides(self, subscription: Resource) -> list[Resource]:
        """Those in force: one whose `expires_at` has passed is none."""
        held = self._site.overrides.get(subscription["id"], {}).values()
        now = self._site.now
        return [each for each in held if each.get("expires_at", now + 1) > now]

    def override(
        self, subscription: Resource, action: str, wanted: list[dict[str, Any]]
    ) -> list[Resource]:
        """Set or remove overrides, all of them or none."""
        for number, each in enumerate(wanted):
            self._check(number, each)
        held = self._site.overrides.setdefault(subscription["id"], {})
        for each in wanted:
            feature = each["feature_id"]
            if action == "remove":
                if held.pop(feature, None) is not None:
                    self._tell(subscription, feature, "")
                continue
            entry = self._entry(subscription, each)
            before = held.get(feature)
            held[feature] = entry
            if before is None or before["value"] != entry["value"]:
                self._tell(subscription, feature, str(entry["value"]))
        return self.overrides(subscription)

    def _check(self, number: int, wanted: dict[str, Any]) -> None:
        feature = wanted["feature_id"]
        if feature not in FEATURES:
            raise not_found("Feature", feature, f"entitlement_overrides[feature_id][{number}]")
        if wanted.get("expires_at", self._site.now + 1) <= self._site.now:
            raise wrong_value(
                f"entitlement_overrides[expires_at][{number}]", "should be in the future"
            )

    def _entry(self, subscription: Resource, wanted: dict[str, Any]) -> Resource:
        feature = wanted["feature_id"]
        entry: Resource = {
            "id": f"{subscription['id']}/{feature}",
            "entity_id": subscription["id"],
            "entity_type": "subscription",
            "feature_id": feature,
            "feature_name": feature.replace("-", " ").title(),
            "value": wanted.get("value", "true"),
            "object": "entitlement_override",
        }
        if "expires_at" in wanted:
            entry["expires_at"] = wanted["expires_at"]
        return entry

    def check_term_end(self, subscription: Resource, term_end: int) -> None:
        if subscription["status"] not in PROLONGABLE or "current_term_end" not in subscription:
            raise bad_request(
                "invalid_state_for_request",
                f"The term of a subscription that is {subscription['status']} cannot be changed",
            )
        if term_end <= self._site.now:
            raise wrong_value("term_ends_at", "should be in the future")

    def move_term_end(self, subscription: Resource, term_end: int) -> None:
        """The present term ends then, and the next one begins."""
        subscription["current_term_end"] = term_end
        if "next_billing_at" in subscription:
            subscription["next_billing_at"] = term_end
        self._tell(subscription, "term_end", str(term_end))

    def add_items(self, subscription: Resource, items: list[dict[str, Any]]) -> None:
        for number, item in enumerate(items):
            param = f"subscription_items[item_price_id][{number}]"
            price = item["item_price_id"]
            if price not in ADDONS:
                raise not_found("Item price", price, param)
            if ADDONS[price] != subscription["currency_code"]:
                raise bad_request(
                    "currency_mismatched",
                    f"{price} is not in {subscription['currency_code']}",
                    param,
                )
        for item in items:
            self._add(subscription, item)

    def _add(self, subscription: Resource, item: dict[str, Any]) -> None:
        quantity = item.get("quantity", 1)
        unit_price = item.get("unit_price", 0)
        cycles = {"billing_cycles": item["billing_cycles"]} if "billing_cycles" in item else {}
        if "plan_id" in subscription:
            entry = {"id": item["item_price_id"], "remaining_billing_cycles": None, **cycles}
            entry |= {"quantity": quantity, "unit_price": unit_price, "object": "addon"}
            subscription.setdefault("addons", []).append(entry)
        else:
            entry = {
                "item_price_id": item["item_price_id"],
                "item_type": "addon",
                "quantity": quantity,
                "unit_price": unit_price,
                "amount": quantity * unit_price,
                "free_quantity": 0,
                "object": "subscription_item",
                **cycles,
            }
            subscription["subscription_items"].append(entry)
        self._tell(subscription, item["item_price_id"], str(quantity))

    def count_cycle(self, subscription: Resource) -> None:
        """A billing cycle has passed: add-ons whose last one it was go."""
        for name in ("addons", "subscription_items"):
            kept = []
            for entry in subscription.get(name, []):
                if "billing_cycles" in entry:
                    entry["billing_cycles"] -= 1
                    if entry["billing_cycles"] <= 0:
                        continue
                kept.append(entry)
            if name in subscription:
                subscription[name] = kept

    def _tell(self, subscription: Resource, what: str, value: str) -> None:
        self._site.truth.benefits.append(
            Benefit(
                subscription=subscription["id"],
                customer=subscription["customer_id"],
                what=what,
                value=value,
                at=self._site.now,
            )
        )
