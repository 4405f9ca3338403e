"""What each endpoint of the API does: reads of the site, and a few changes. PURE."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import orjson

from deploy.sandbox import forms, paging
from deploy.sandbox.catalog import CURRENCIES
from deploy.sandbox.errors import bad_request, not_found
from deploy.sandbox.lag import Lag
from deploy.sandbox.life import Life
from deploy.sandbox.paging import FilterKind
from deploy.sandbox.site import Action, Resource

Form = Mapping[str, Any]

EVENT_FILTERS: dict[str, FilterKind] = {
    "id": "text",
    "event_type": "enum",
    "source": "enum",
    "occurred_at": "timestamp",
}
LIST_FILTERS: dict[str, dict[str, FilterKind]] = {
    "customer": {
        "id": "text",
        "email": "text",
        "auto_collection": "enum",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    },
    "subscription": {
        "id": "text",
        "customer_id": "text",
        "status": "enum",
        "cancel_reason": "enum",
        "created_at": "timestamp",
        "activated_at": "timestamp",
        "next_billing_at": "timestamp",
        "cancelled_at": "timestamp",
        "updated_at": "timestamp",
    },
    "invoice": {
        "id": "text",
        "customer_id": "text",
        "subscription_id": "text",
        "recurring": "enum",
        "status": "enum",
        "date": "timestamp",
        "paid_at": "timestamp",
        "updated_at": "timestamp",
    },
    "transaction": {
        "id": "text",
        "customer_id": "text",
        "subscription_id": "text",
        "type": "enum",
        "status": "enum",
        "date": "timestamp",
        "updated_at": "timestamp",
    },
    "promotional_credit": {
        "id": "text",
        "customer_id": "text",
        "type": "enum",
        "created_at": "timestamp",
    },
    "coupon": {
        "id": "text",
        "name": "text",
        "discount_type": "enum",
        "duration_type": "enum",
        "status": "enum",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    },
    "coupon_set": {"id": "text", "name": "text", "coupon_id": "text"},
    "coupon_code": {
        "code": "text",
        "coupon_id": "text",
        "coupon_set_name": "text",
        "status": "enum",
    },
}
LIST_SORTS = {
    "customer": ("created_at", "updated_at"),
    "subscription": ("created_at", "updated_at"),
    "invoice": ("date", "updated_at"),
    "transaction": ("date", "updated_at"),
    "promotional_credit": (),
    "coupon": ("created_at",),
    "coupon_set": (),
    "coupon_code": (),
}
CREATED_FIELD = {"invoice": "date", "transaction": "date"}
COLLECTIONS = {
    "customer": "customers",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "transaction": "transactions",
    "promotional_credit": "promotional_credits",
    "coupon": "coupons",
    "coupon_set": "coupon_sets",
    "coupon_code": "coupon_codes",
}

CREDIT_FIELDS: dict[str, forms.Parser] = {
    "customer_id": forms.text(50),
    "amount": forms.integer(1, 2**40),
    "currency_code": forms.choice(*CURRENCIES),
    "description": forms.text(250),
    "credit_type": forms.choice("loyalty_credits", "referral_rewards", "general"),
    "reference": forms.text(500),
}
COUPON_FIELDS: dict[str, forms.Parser] = {
    "id": forms.text(100),
    "name": forms.text(50),
    "invoice_name": forms.text(100),
    "discount_type": forms.choice("fixed_amount", "percentage"),
    "discount_amount": forms.integer(0, 2**40),
    "currency_code": forms.choice(*CURRENCIES),
    "discount_percentage": forms.decimal,
    "apply_on": forms.choice("invoice_amount", "each_specified_item"),
    "duration_type": forms.choice("one_time", "forever", "limited_period"),
    "period": forms.integer(1, 120),
    "period_unit": forms.choice("day", "week", "month", "year"),
    "valid_from": forms.integer(0),
    "valid_till": forms.integer(0),
    "max_redemptions": forms.integer(1),
    "invoice_notes": forms.text(2000),
    "included_in_mrr": forms.boolean,
    "status": forms.choice("active", "archived"),
    "meta_data": forms.json_object,
    "item_constraints": forms.item_constraints,
}
SET_FIELDS: dict[str, forms.Parser] = {
    "id": forms.text(50),
    "name": forms.text(50),
    "coupon_id": forms.text(100),
    "meta_data": forms.json_object,
}
UPDATE_FIELDS: dict[str, forms.Parser] = {
    "coupon_ids": forms.texts,
    "replace_coupon_list": forms.boolean,
    "end_of_term": forms.boolean,
    "prorate": forms.boolean,
    "invoice_immediately": forms.boolean,
    "replace_items_list": forms.boolean,
    "subscription_items": forms.rows(
        {
            "item_price_id": forms.text(100),
            "quantity": forms.integer(1),
            "unit_price": forms.integer(0),
            "billing_cycles": forms.integer(1),
        },
        required=("item_price_id",),
    ),
}
OVERRIDE_FIELDS: dict[str, forms.Parser] = {
    "action": forms.choice("upsert", "remove"),
    "entitlement_overrides": forms.rows(
        {
            "feature_id": forms.text(50),
            "value": forms.text(50),
            "expires_at": forms.integer(0),
            "effective_from": forms.integer(0),
            "is_enabled": forms.boolean,
        },
        required=("feature_id",),
    ),
}
TERM_FIELDS: dict[str, forms.Parser] = {
    "term_ends_at": forms.integer(0),
    "prorate": forms.boolean,
    "invoice_immediately": forms.boolean,
}
CUSTOMER_FIELDS: dict[str, forms.Parser] = {
    "first_name": forms.text(150),
    "last_name": forms.text(150),
    "email": forms.text(70),
    "phone": forms.text(50),
    "company": forms.text(250),
    "locale": forms.text(50),
    "meta_data": forms.json_object,
    "cf_points_balance": forms.text(250),
    "cf_tier": forms.text(250),
    "cf_newsletter": forms.text(250),
}


class Endpoints:
    """Bodies are JSON bytes. Whatever cannot be done is raised as an `ApiError`.
    `clock` is real time, by which a list can be behind.
    """

    def __init__(self, life: Life, *, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._life = life
        self._site = life.site
        held = {kind: getattr(life.site, name) for kind, name in COLLECTIONS.items()}
        self.lag = Lag(held, clock)

    def list_events(self, form: Form) -> bytes:
        page = paging.read(form, EVENT_FILTERS, ("occurred_at",))
        kept = self._site.events.kept(self._site.now)
        rows = (
            ((event.occurred_at, event.sequence), event.body)
            for event in (reversed(kept) if page.descending else kept)
            if page.passes(
                {
                    "id": event.id,
                    "event_type": event.type,
                    "source": event.source,
                    "occurred_at": event.occurred_at,
                }
            )
        )
        found, offset = paging.cut(page, rows)
        answer: dict[str, Any] = {"list": [{"event": orjson.Fragment(body)} for body in found]}
        if offset is not None:
            answer["next_offset"] = offset
        return orjson.dumps(answer)

    def retrieve_event(self, event_id: str) -> bytes:
        event = self._site.events.retrieve(event_id, self._site.now)
        if event is None:
            raise not_found("Event", event_id)
        return orjson.dumps({"event": orjson.Fragment(event.body)})

    def list_resources(self, kind: str, form: Form) -> bytes:
        page = paging.read(form, LIST_FILTERS[kind], LIST_SORTS[kind])
        show_deleted = form.get("include_deleted", "false") == "true"
        created = CREATED_FIELD.get(kind, "created_at")
        held = getattr(self._site, COLLECTIONS[kind]).values()
        rows = sorted(
            (
                ((resource.get(created, 0), number), resource)
                for number, resource in enumerate(islice(held, self.lag.shown(kind)))
                if (show_deleted or not resource.get("deleted", False)) and page.passes(resource)
            ),
            key=lambda row: row[0],
            reverse=page.descending,
        )
        found, offset = paging.cut(page, rows)
        answer: dict[str, Any] = {"list": [self._entry(kind, resource) for resource in found]}
        if offset is not None:
            answer["next_offset"] = offset
        return orjson.dumps(answer)

    def retrieve_resource(self, kind: str, resource_id: str) -> bytes:
        return orjson.dumps(self._entry(kind, self._resource(kind, resource_id)))

    def update_customer(self, customer_id: str, form: Form, action: Action) -> bytes:
        changes = forms.parse(form, CUSTOMER_FIELDS)
        customer = self._resource("customer", customer_id)
        customer.update(changes)
        self._site.touch(customer)
        self._tell("customer_changed", customer, None, action)
        return orjson.dumps({"customer": customer})

    def add_credit(self, form: Form, action: Action) -> bytes:
        params = forms.parse(form, CREDIT_FIELDS, required=("customer_id", "description", "amount"))
        customer, amount, currency, extra = self._credit(params)
        assert amount is not None
        entry = self._life.promotions.add(customer, amount, currency, action, **extra)
        return orjson.dumps({"customer": customer, "promotional_credit": entry})

    def deduct_credit(self, form: Form, action: Action) -> bytes:
        params = forms.parse(form, CREDIT_FIELDS, required=("customer_id", "description"))
        customer, amount, currency, extra = self._credit(params)
        entry = self._life.promotions.deduct(customer, amount, currency, action, **extra)
        return orjson.dumps({"customer": customer, "promotional_credit": entry})

    def create_coupon(self, form: Form, action: Action) -> bytes:
        params = forms.parse(form, COUPON_FIELDS, required=("id", "name", "apply_on"))
        return orjson.dumps({"coupon": self._life.promotions.create_coupon(params, action)})

    def create_coupon_set(self, form: Form, action: Action) -> bytes:
        params = forms.parse(form, SET_FIELDS, required=("id", "name", "coupon_id"))
        return orjson.dumps({"coupon_set": self._life.promotions.codes.create_set(params, action)})

    def add_coupon_codes(self, set_id: str, form: Form, action: Action) -> bytes:
        params = forms.parse(form, {"code": forms.texts})
        coupon_set = self._resource("coupon_set", set_id)
        self._life.promotions.codes.add(coupon_set, params.get("code", []), action)
        return orjson.dumps({"coupon_set": coupon_set})

    def update_for_items(self, subscription_id: str, form: Form, action: Action) -> bytes:
        params = forms.parse(form, UPDATE_FIELDS)
        subscription = self._changeable(subscription_id)
        if params.get("end_of_term", False):
            raise bad_request(
                "invalid_request", "end_of_term : the sandbox changes at once", "end_of_term"
            )
        if params.get("replace_items_list", False):
            raise bad_request("invalid_request", "replace_items_list : the sandbox only adds items")
        self._life.benefits.add_items(subscription, params.get("subscription_items", []))
        self._life.promotions.apply_coupons(
            subscription,
            params.get("coupon_ids", []),
            replace=params.get("replace_coupon_list", False),
        )
        return self._changed(subscription, action)

    def change_term_end(self, subscription_id: str, form: Form, action: Action) -> bytes:
        params = forms.parse(form, TERM_FIELDS, required=("term_ends_at",))
        subscription = self._resource("subscription", subscription_id)
        self._life.benefits.check_term_end(subscription, params["term_ends_at"])
        self._life.prolong(subscription, params["term_ends_at"])
        return self._changed(subscription, action)

    def override_entitlements(self, subscription_id: str, form: Form, action: Action) -> bytes:
        params = forms.parse(form, OVERRIDE_FIELDS, required=("entitlement_overrides",))
        subscription = self._changeable(subscription_id)
        overrides = self._life.benefits.override(
            subscription, params.get("action", "upsert"), params["entitlement_overrides"]
        )
        self._tell(
            "entitlement_overrides_updated",
            self._site.customers[subscription["customer_id"]],
            subscription,
            action,
        )
        return orjson.dumps(_listed(overrides))

    def list_overrides(self, subscription_id: str) -> bytes:
        subscription = self._resource("subscription", subscription_id)
        return orjson.dumps(_listed(self._life.benefits.overrides(subscription)))

    def remove_coupons(self, subscription_id: str, form: Form, action: Action) -> bytes:
        params = forms.parse(form, {"coupon_ids": forms.texts})
        subscription = self._changeable(subscription_id)
        self._life.promotions.remove_coupons(subscription, params.get("coupon_ids"))
        return self._changed(subscription, action)

    def _credit(self, params: dict[str, Any]) -> tuple[Resource, int | None, str, dict[str, str]]:
        customer = self._resource("customer", params["customer_id"], "customer_id")
        currency = str(params.get("currency_code", customer["preferred_currency_code"]))
        extra = {
            str(name): str(params[name])
            for name in ("description", "credit_type", "reference")
            if name in params
        }
        return customer, params.get("amount"), currency, extra

    def _changeable(self, subscription_id: str) -> Resource:
        subscription = self._resource("subscription", subscription_id)
        if subscription["status"] not in {"active", "in_trial", "non_renewing", "future"}:
            raise bad_request(
                "invalid_state_for_request",
                f"The subscription is {subscription['status']} and cannot be changed",
            )
        return subscription

    def _changed(self, subscription: Resource, action: Action) -> bytes:
        self._site.touch(subscription)
        customer = self._site.customers[subscription["customer_id"]]
        self._tell("subscription_changed", customer, subscription, action)
        return orjson.dumps(self._entry("subscription", subscription))

    def _tell(
        self, event_type: str, customer: Resource, subscription: Resource | None, action: Action
    ) -> None:
        card = self._site.cards.get(customer["id"])
        burst = self._site.burst(customer["id"])
        burst.add(event_type, subscription=subscription, customer=customer, card=card)
        burst.send(action)

    def _entry(self, kind: str, resource: Resource) -> dict[str, Resource]:
        """What an answer shows: customers and subscriptions come with what belongs to them."""
        entry = {kind: resource}
        customer_id = resource.get("id")
        if kind == "subscription":
            customer_id = resource["customer_id"]
            entry["customer"] = self._site.customers[customer_id]
        if kind in {"customer", "subscription"} and customer_id in self._site.cards:
            entry["card"] = self._site.cards[customer_id]
        return entry

    def _resource(self, kind: str, resource_id: str, param: str | None = None) -> Resource:
        found: Resource | None = getattr(self._site, COLLECTIONS[kind]).get(resource_id)
        if found is None or found.get("deleted", False):
            raise not_found(kind.replace("_", " ").capitalize(), resource_id, param)
        return found


def _listed(overrides: list[Resource]) -> dict[str, Any]:
    return {"list": [{"entitlement_override": each} for each in overrides]}
