"""Read from a billing site what it holds for our rewards: promotional credits and coupons."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.chargebee.client import ChargebeeClient
from connectors.chargebee.errors import CallError, CallRefusedError
from connectors.rewards.chargebee_gateway import NOT_FOUND, ChargebeeGateway
from connectors.rewards.gateway import GatewayUnavailableError, GrantedCredit, list_granted
from deploy.audit.gateway import Uses, coupon_of
from deploy.audit.stories import LedgerReward
from deploy.audit.tally import Progress
from deploy.quota import open_quota
from deploy.roles.rewarder import build_client
from deploy.settings import Settings, Site

SKEW_SECONDS = 24 * 3600
"""No reward is given before it was earned; clocks may disagree by a day."""


class SiteUnreadable(Exception):
    """Nothing is proven of what the site holds."""


@dataclass(frozen=True, slots=True)
class BillingSite:
    """What one site holds now: credits by reference, and the uses of coupons."""

    granted: Mapping[str, Sequence[GrantedCredit]]
    uses: Uses


async def read_site(
    settings: Settings, site: Site, ledger: Iterable[LedgerReward], since: int, progress: Progress
) -> BillingSite:
    """Credits given after `since`, and each subscription that a coupon of `ledger` is for, which
    holds the site's rewards. Raises `SiteUnreadable`.
    """
    async with open_quota(settings) as quota:
        return await _read(build_client(settings, site, quota), site, ledger, since, progress)


async def _read(
    client: ChargebeeClient,
    site: Site,
    ledger: Iterable[LedgerReward],
    since: int,
    progress: Progress,
) -> BillingSite:
    after = max(0, since - SKEW_SECONDS)
    coupons = [coupon_of(row) for row in ledger]
    subscriptions = sorted({coupon[0] for coupon in coupons if coupon is not None})
    stage = f"billing site {site.site}"
    progress(stage, 0, len(subscriptions))
    try:
        granted = await list_granted(ChargebeeGateway(client), since=after)
        uses = {}
        for done, subscription in enumerate(subscriptions, 1):
            uses[subscription] = await _read_subscription(client, subscription, after)
            progress(stage, done, len(subscriptions))
    except (GatewayUnavailableError, CallError) as error:
        msg = f"{site.site} cannot be read ({error}): try again, or leave it out by --no-gateway"
        raise SiteUnreadable(msg) from error
    return BillingSite(granted, uses)


async def _read_subscription(
    client: ChargebeeClient, subscription: str, after: int
) -> Counter[str] | None:
    try:
        held = await client.retrieve_subscription(subscription)
    except CallRefusedError as error:
        if error.code != NOT_FOUND:
            raise
        return None
    used = await client.count_invoiced_coupons(subscription, since=after)
    return used + Counter(held.coupons)
