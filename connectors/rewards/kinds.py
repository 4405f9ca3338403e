"""What kinds of reward there are, by the way they are given. PURE."""

from schemas.rewards import AnyGrant, Discount

KINDS = (
    "promotional_credit",
    "coupon",
    "feature",
    "free_days",
    "free_addon",
    "webhook",
    "order",
)


def kind_of(grant: AnyGrant) -> str:
    """The kind of grant an executor is registered for: a discount by the way it is given."""
    if isinstance(grant, Discount):
        return grant.via
    return str(grant.__struct_config__.tag)
