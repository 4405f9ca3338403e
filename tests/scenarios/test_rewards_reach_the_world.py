"""What a customer lives to see of rewards, from a payment at the billing site to the next invoice.

Everything but Kafka is the real thing: the site's events by its API, translate, the fold, the
projector's reaction, the rewarder's ledger and dispatcher, and the site by HTTP again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from connectors.chargebee.client import ChargebeeClient, SiteAccess
from connectors.chargebee.limits import TokenBucket
from connectors.chargebee.translate import translate
from connectors.outgoing.client import Guard, OutgoingClient
from connectors.publish import Record
from connectors.rewards.chargebee_gateway import ChargebeeGateway
from connectors.rewards.dispatcher import Dispatcher
from connectors.rewards.executors import build_executors
from connectors.rewards.ledger import Ledger, open_ledger
from connectors.rewards.outcomes import report_settled
from connectors.rewards.webhook import Endpoint, WebhookExecutor
from deploy.cli import app
from deploy.migrations.runner import upgrade
from deploy.sandbox.hooks import SECRET
from deploy.sandbox.joining import Mix
from deploy.sandbox.life import Habits, LifeSettings
from deploy.sandbox.member import Member
from deploy.sandbox.sandbox import API_KEY, SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from deploy.sandbox.site import BY_ADMIN
from projections.rewards import react
from schemas.codec import FACTS
from schemas.facts import AnyFact
from schemas.points import AnyPointsEvent, RewardDelivered, RewardEarned, RewardFailed
from tests.support.rewards import give
from tests.support.story import ONE_PER_DOLLAR, Story, happened, of, only, story
from tests.support.story import time as time_reached
from tests.support.year import SITE

PRICE_MINOR = 900
"""Of the one customer's plan, each month: nine points."""
DAYS_MAX = 100
QUIET = Habits(**dict.fromkeys(Habits.__struct_fields__, 0.0))
LOYAL = Mix(
    veteran=1, yearly=0, trial=0, direct_debit=0, bank_transfer=0,
    plans=(1, 0, 0), currencies=(1, 0, 0, 0),
)  # fmt: skip


class World:
    """One customer who renews each month and pays, the engine that hears of it, and its rewarder.

    It is its own publisher: outcomes go back to the account they came from.
    """

    def __init__(
        self, site: RunningSandbox, ledger: Ledger, client: OutgoingClient, rewards: str
    ) -> None:
        endpoint = Endpoint(name="gifts", url=f"{site.url}/hooks/gifts", secrets=(SECRET,))
        access = SiteAccess(site=SITE, api_key=API_KEY, api_url=site.url)
        self._site = site
        self._ledger = ledger
        self._billing = ChargebeeClient(access, TokenBucket(SITE, 60_000))
        self._heard: set[str] = set()
        self._dispatcher = Dispatcher(
            ledger,
            build_executors(
                ChargebeeGateway(self._billing),
                {"webhook": WebhookExecutor(client, {"gifts": endpoint}, time.time)},
            ),
            site=SITE,
            owner="the rewarder",
            clock=lambda: site.sandbox.site.now,
            wall=time.time,
        )
        self.account: Story = story(
            ONE_PER_DOLLAR,
            "- {id: review, on: custom, event: review, points: 100}",
            tiers="{window: P1M, levels: [{id: seedling}, {id: saguaro, at: 100}]}",
            rewards=f"[{rewards}]",
        )

    @property
    def now(self) -> int:
        return self._site.sandbox.site.now

    @property
    def member(self) -> Member:
        return next(iter(self._site.sandbox.life.members.values()))

    async def live_until(self, there: Callable[[], bool]) -> None:
        """Day by day; every day everything is heard, and all rewards are worked on."""
        for _ in range(DAYS_MAX):
            if there():
                return
            async with httpx.AsyncClient(timeout=60) as client:
                answer = await client.post(f"{self._site.url}/sandbox/advance", json={"days": 1})
                answer.raise_for_status()
            await self.hear()
        raise AssertionError(f"it has not come in {DAYS_MAX} days")

    async def hear(self) -> None:
        """What is new at the site, then what falls due by now."""
        offset: str | None = None
        while True:
            page = await self._billing.list_events(after=None, offset=offset)
            for event in page.events:
                if event["id"] not in self._heard:
                    self._heard.add(event["id"])
                    await self._tell(*translate(msgspec.json.encode(event), SITE).facts)
            offset = page.next_offset
            if offset is None:
                break
        await self._live_until(self.now)

    async def review(self) -> None:
        """The customer writes a review: another system says so."""
        await self._tell(self._own(happened("review", self.now)))

    def _own(self, fact: AnyFact) -> AnyFact:
        return msgspec.structs.replace(fact, customer=self.member.id)

    async def _live_until(self, at: int) -> None:
        """The account hears of each instant that is due, as from a worker."""
        while (due_at := self.account.due_at) is not None and due_at <= at:
            await self._react(self.account.tell(self._own(time_reached(due_at))))

    async def _tell(self, *facts: AnyFact) -> None:
        for fact in facts:
            await self._live_until(fact.occurred_at)
            await self._react(self.account.tell(fact))

    async def _react(self, events: list[AnyPointsEvent]) -> None:
        commands = [command for event in events if (command := react(event)) is not None]
        if commands:
            await give(self._ledger, *commands)
            await self._work()

    async def _work(self) -> None:
        while entries := await self._dispatcher.lease(9):
            for entry in entries:
                await self._dispatcher.step(entry)
        await report_settled(self._ledger, self)

    async def publish(self, record: Record) -> None:
        await self._tell(FACTS.decode(record.value))

    async def invoices(self) -> list[dict[str, Any]]:
        """As the site shows them to anybody, oldest first."""
        found = await self._get("invoices", {"sort_by[asc]": "date"})
        return [entry["invoice"] for entry in found]

    async def features(self) -> list[str]:
        path = f"subscriptions/{self.member.subscription['id']}/entitlement_overrides"
        return [entry["entitlement_override"]["feature_id"] for entry in await self._get(path, {})]

    async def unspent_credit_minor(self) -> int:
        async with httpx.AsyncClient(auth=(API_KEY, "")) as client:
            url = f"{self._site.url}/api/v2/customers/{self.member.id}"
            customer = (await client.get(url)).raise_for_status().json()["customer"]
        return int(customer["promotional_credits"])

    async def _get(self, what: str, params: dict[str, str]) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(auth=(API_KEY, "")) as client:
            answer = await client.get(f"{self._site.url}/api/v2/{what}", params=params)
        rows: list[dict[str, Any]] = answer.raise_for_status().json()["list"]
        return rows

    async def refund_last_payment(self) -> None:
        life = self._site.sandbox.life
        bill = [*life.site.invoices.values()][-1]
        payment = life.site.transactions[bill["linked_payments"][0]["txn_id"]]
        life._reversals.refund(self.member, bill, payment, payment["amount"], BY_ADMIN)
        await self.hear()

    async def shown(self, reward: RewardEarned) -> dict[str, Any]:
        shown = await self._ledger.show_reward(reward.reward_id)
        assert shown is not None
        return shown


@asynccontextmanager
async def world(home: Path, rewards: str) -> AsyncIterator[World]:
    ledger = open_ledger(f"sqlite+aiosqlite:///{home / 'ledger.sqlite'}")
    settings = SandboxSettings(
        life=LifeSettings(customers=1, days=DAYS_MAX, habits=QUIET, mix=LOYAL)
    )
    try:
        await upgrade(ledger.engine, "ledger")
        with running(settings) as site:
            async with OutgoingClient(Guard(allow_loopback=True)) as client:
                yield World(site, ledger, client, rewards)
    finally:
        await ledger.close()


@pytest.mark.parametrize(
    ("discount", "entity", "off_minor"),
    [
        ('{via: promotional_credit, amount: {USD: "5.00"}}', "promotional_credits", 500),
        ('{via: coupon, percent: "10"}', "document_level_coupon", 90),
        ('{via: coupon, amount: {USD: "2.00"}}', "document_level_coupon", 200),
    ],
)
async def test_who_reaches_a_threshold_sees_the_discount_on_the_next_invoice(
    tmp_path: Path, discount: str, entity: str, off_minor: int
) -> None:
    async with world(
        tmp_path, f"{{id: off, when: {{lifetime: 9}}, discount: {discount}}}"
    ) as lived:
        await lived.live_until(lambda: bool(of(lived.account.events, RewardDelivered)))
        [*_, paid] = await lived.invoices()
        assert (paid["total"], paid.get("discounts")) == (PRICE_MINOR, None)
        await lived.live_until(lambda: lived.account.lifetime > 9)
        [*_, following] = await lived.invoices()
        [seen] = following["discounts"]
        assert (seen["entity_type"], seen["amount"]) == (entity, off_minor)
        assert following["total"] == PRICE_MINOR - off_minor


async def test_a_tiers_feature_is_on_while_in_it_and_off_after_the_fall(tmp_path: Path) -> None:
    beta = "{id: beta, when: {tier: saguaro}, feature: {id: beta-access, while_in_tier: true}}"
    async with world(tmp_path, beta) as lived:
        await lived.live_until(lambda: lived.account.lifetime >= 9)
        assert (lived.account.tier, await lived.features()) == ("seedling", [])
        await lived.review()
        assert (lived.account.tier, await lived.features()) == ("saguaro", ["beta-access"])
        await lived.live_until(lambda: lived.account.tier == "seedling")
        assert await lived.features() == []
        reward = only(lived.account.events, RewardEarned)
        assert (await lived.shown(reward))["revocation"] == "revoked"


async def test_a_gift_cards_code_is_kept_and_shown_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gift = "{id: gift, when: {lifetime: 9}, gift_card: {webhook: gifts, payload: {value: 5}}}"
    async with world(tmp_path, gift) as lived:
        await lived.live_until(lambda: bool(of(lived.account.events, RewardDelivered)))
    reward = only(lived.account.events, RewardEarned)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CACTUS_HOME", str(tmp_path))
    monkeypatch.setenv("CACTUS_SITES", f'[{{"site": "{SITE}"}}]')
    show = await asyncio.to_thread(
        CliRunner().invoke, app, ["rewards", "show", reward.reward_id], env={"COLUMNS": "200"}
    )
    assert show.exit_code == 0, show.output
    assert "GIFTS-000001" in show.stdout
    events = repr(lived.account.events)
    assert "GIFTS-000001" not in events, "it is as good as money: no event carries it"


async def test_what_a_refunded_payment_had_earned_is_taken_back(tmp_path: Path) -> None:
    thanks = (
        "{id: thanks, when: {lifetime: 9}, on_refund: revoke,"
        ' discount: {via: promotional_credit, amount: {USD: "5.00"}}}'
    )
    async with world(tmp_path, thanks) as lived:
        await lived.live_until(lambda: bool(of(lived.account.events, RewardDelivered)))
        assert await lived.unspent_credit_minor() == 500
        await lived.refund_last_payment()
        assert await lived.unspent_credit_minor() == 0
        assert lived.account.lifetime == 0
        reward = only(lived.account.events, RewardEarned)
        assert (await lived.shown(reward))["revocation"] == "revoked"


async def test_what_cannot_be_given_gives_its_points_back(tmp_path: Path) -> None:
    flight = "{id: flight, when: {balance: 9}, cost: 9, feature: {id: flying}}"
    async with world(tmp_path, flight) as lived:
        await lived.live_until(lambda: bool(of(lived.account.events, RewardFailed)))
        assert lived.account.balance == 9
        failed = only(lived.account.events, RewardFailed)
        assert "flying not found" in failed.reason
