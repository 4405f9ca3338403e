"""Why an event becomes no fact: one sentence per event type, or per family of types. PURE.

This is also the loop guard: what our own rewards cause in Chargebee (promotional credits, coupons,
entitlements, customer fields) is listed here, so a reward can never earn points.
"""

_CATALOG = "It changes the catalog or the site's set-up, not what a customer did."
_BILLING = "It is a bill or a correction on paper; points follow the money, told by payment events."
_CREDIT_NOTE = (
    "A credit note by itself moves no money; if money goes back, payment_refunded says so."
)
_PAYMENT_MEANS = "It is about a means of payment; no money moved."
_ATTEMPT = "It is a step towards a payment; points follow payment_succeeded."
_REMINDER = "It announces something that has not happened."
_SCHEDULED = "It is planned and can still be undone; the event that carries it out counts."
_REWARD = (
    "Credits and entitlements are what rewards give, also ours; they are not money paid and earn "
    "nothing."
)
_GIFT = "A gift earns when it is paid for and when its subscription starts, by those events."
_ORDER = "It is about shipping; the payment has its own event."
_TRANSFER = "It moves records between sites or business entities; nothing was bought or ended."
_APP_STORE = "It mirrors a purchase in an app store, which Chargebee neither bills nor collects."
_LEDGER = "It is about usage credits and their ledger, which are not money paid."
_DOCUMENT = "It is a document or an agreement; what follows from it has its own events."

UNKNOWN = (
    "This event type is not known to the engine: it is kept in the raw topic and earns nothing."
)

_BY_TYPE = {
    "add_usages_reminder": _REMINDER,
    "alert_status_changed": "It is a usage alert of the merchant's, not what a customer did.",
    "authorization_succeeded": _ATTEMPT,
    "authorization_voided": _ATTEMPT,
    "customer_business_entity_changed": _TRANSFER,
    "customer_changed": "Customer details carry nothing that an account knows.",
    "customer_created": "An account begins with its first fact that counts.",
    "customer_entitlements_updated": _REWARD,
    "customer_moved_in": _TRANSFER,
    "customer_moved_out": _TRANSFER,
    "dunning_updated": _BILLING,
    "invoice_deleted": _BILLING,
    "mrr_updated": "MRR follows a change with a delay; subscription_changed has the change.",
    "payment_due_reminder": _REMINDER,
    "netd_payment_due_reminder": _REMINDER,
    "payment_failed": "The payment failed: no money moved.",
    "payment_initiated": _ATTEMPT,
    "payment_source_business_entity_changed": _TRANSFER,
    "record_purchase_failed": _APP_STORE,
    "purchase_created": "The subscriptions and payments of a purchase have their own events.",
    "refund_initiated": "The refund is under way; payment_refunded says when the money went back.",
    "subscription_business_entity_changed": _TRANSFER,
    "subscription_cancellation_reminder": _REMINDER,
    "subscription_cancellation_scheduled": _SCHEDULED,
    "subscription_changes_scheduled": _SCHEDULED,
    "subscription_moved_in": _TRANSFER,
    "subscription_moved_out": _TRANSFER,
    "subscription_movement_failed": _TRANSFER,
    "subscription_pause_scheduled": _SCHEDULED,
    "subscription_renewal_reminder": _REMINDER,
    "subscription_resumption_scheduled": _SCHEDULED,
    "subscription_shipping_address_updated": "An address says nothing about value.",
    "subscription_trial_end_reminder": _REMINDER,
    "subscription_trial_extended": "The trial goes on; its end has its own event.",
    "transaction_created": (
        "The transaction is told by payment and refund events; only a reversal counts from here."
    ),
    "transaction_deleted": "A mistaken record was removed; money that goes back has its own event.",
    "transaction_updated": (
        "The transaction is told by payment and refund events; only a late failure or a reversal "
        "counts from here."
    ),
    "usage_file_ingested": _LEDGER,
}

# The first prefix that fits decides, so the longer ones of a family come first.
_BY_PREFIX = (
    ("subscription_entitlements_", _REWARD),
    ("subscription_ramp_", _SCHEDULED),
    ("subscription_scheduled_", _SCHEDULED),
    ("subscription_advance_invoice_schedule_", _SCHEDULED),
    ("omnichannel_", _APP_STORE),
    ("promotional_credits_", _REWARD),
    ("entitlement_overrides_", _REWARD),
    ("credit_note_", _CREDIT_NOTE),
    ("invoice_", _BILLING),
    ("pending_invoice_", _BILLING),
    ("einvoice_", _BILLING),
    ("unbilled_charges_", _BILLING),
    ("tax_withheld_", _BILLING),
    ("payment_schedule", _BILLING),
    ("payment_intent_", _ATTEMPT),
    ("payment_source_", _PAYMENT_MEANS),
    ("card_", _PAYMENT_MEANS),
    ("virtual_bank_account_", _PAYMENT_MEANS),
    ("vault_token_", _PAYMENT_MEANS),
    ("token_", _PAYMENT_MEANS),
    ("voucher_", _PAYMENT_MEANS),
    ("gift_", _GIFT),
    ("order_", _ORDER),
    ("sales_order_", _DOCUMENT),
    ("quote_", _DOCUMENT),
    ("contract_term_", _DOCUMENT),
    ("hierarchy_", "Who pays for whom changed; each payment says who paid."),
    ("grant_blocks_", _LEDGER),
    ("ledger_", _LEDGER),
    ("plan_", _CATALOG),
    ("addon_", _CATALOG),
    ("item_", _CATALOG),
    ("attached_item_", _CATALOG),
    ("differential_price_", _CATALOG),
    ("price_variant_", _CATALOG),
    ("coupon_", _CATALOG),
    ("feature_", _CATALOG),
    ("product_", _CATALOG),
    ("variant_", _CATALOG),
    ("rule_", _CATALOG),
    ("business_rule", _CATALOG),
    ("business_entity_", _CATALOG),
)


def reason_for(event_type: str) -> str:
    """Why events of this type become no fact; `UNKNOWN` for a type that Chargebee added later."""
    if (reason := _BY_TYPE.get(event_type)) is not None:
        return reason
    return next((why for prefix, why in _BY_PREFIX if event_type.startswith(prefix)), UNKNOWN)
