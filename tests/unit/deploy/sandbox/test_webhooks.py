"""Webhooks: each event reaches the endpoint at least once, some twice, some late, some never."""

import asyncio
from collections import Counter

import pytest

from deploy.sandbox.life import LifeSettings
from deploy.sandbox.mailbag import Disturbance, Mailbag
from deploy.sandbox.sandbox import BusyError, Sandbox, SandboxSettings
from deploy.sandbox.terms import DAY
from deploy.sandbox.webhooks import DeliverySettings, Endpoint
from tests.support.sandbox import WebhookInbox, live, webhook_inbox

SMALL = LifeSettings(customers=60, days=120)
FAST = DeliverySettings(retry_compression=10_000_000.0)


def sandbox_for(inbox: WebhookInbox, disturbance: Disturbance | None = None) -> Sandbox:
    return Sandbox(
        SandboxSettings(
            life=SMALL,
            delivery=FAST,
            endpoints=(inbox.endpoint,),
            disturbance=disturbance or Disturbance(),
        )
    )


def test_shares_of_duplicates_delays_and_losses_are_as_set() -> None:
    life = live(customers=300)
    bag = Mailbag(1, Disturbance())
    kept = life.site.events.kept(life.site.now)
    for event in kept:
        bag.put(event)
    letters = bag.take(None)
    copies = sum(letter.copy for letter in letters)
    late = sum(not letter.copy and letter.due_at > letter.event.occurred_at for letter in letters)
    assert 0.05 < copies / len(kept) < 0.09
    assert 0.05 < late / len(kept) < 0.09
    assert 0.001 < len(bag.lost) / len(kept) < 0.01
    assert len(letters) == len(kept) + copies - len(bag.lost)


def test_a_delayed_letter_waits_for_simulated_time() -> None:
    event = live(customers=20).site.events.kept(0)[-1]
    bag = Mailbag(1, Disturbance(disorder=1.0, duplicate=0.0, lost=0.0))
    bag.put(event)
    assert bag.take(event.occurred_at) == []
    assert len(bag.take(event.occurred_at + 36 * 3600)) == 1


async def test_every_event_but_the_lost_reaches_the_endpoint() -> None:
    async with webhook_inbox() as inbox:
        sandbox = sandbox_for(inbox, disturbance=Disturbance(lost=0.05))
        await sandbox.advance(sandbox.life.end)
        await sandbox.close()
    made = {note.id for note in sandbox.site.events.notes}
    taken = Counter(event["id"] for event in inbox.taken)
    assert set(taken) == made - set(sandbox.mailbag.lost)
    assert sandbox.mailbag.lost
    assert taken == Counter(sandbox.postman.acknowledged)
    delivered = sandbox.postman.delivered
    assert delivered.acknowledged == len(inbox.taken)
    assert delivered.duplicates == len(inbox.taken) - len(taken)
    assert delivered.disordered > 0
    assert delivered.undelivered == 0


async def test_what_is_refused_is_sent_again_until_it_is_taken() -> None:
    async with webhook_inbox(lambda count: 503 if count % 3 == 0 else 204) as inbox:
        sandbox = sandbox_for(inbox)
        await sandbox.advance(sandbox.settings.life.start + 30 * DAY)
        await sandbox.close()
    assert inbox.refused > 0
    assert sandbox.postman.delivered.retries == inbox.refused
    assert sandbox.postman.delivered.acknowledged == len(inbox.taken)
    assert sandbox.postman.delivered.undelivered == 0


async def test_after_eight_attempts_a_webhook_is_given_up() -> None:
    async with webhook_inbox(lambda _: 401) as inbox:
        sandbox = sandbox_for(inbox, disturbance=Disturbance(duplicate=0, disorder=0, lost=0))
        await sandbox.advance(sandbox.settings.life.start + 2 * DAY)
        await sandbox.close()
    events = len(sandbox.site.events.notes)
    assert events > 0
    assert sandbox.postman.delivered.undelivered == events
    assert inbox.requests == 8 * events


async def test_nobody_listening_counts_as_refused() -> None:
    settings = SandboxSettings(
        life=LifeSettings(customers=5, days=10),
        delivery=FAST,
        endpoints=(Endpoint(url="http://127.0.0.1:9/nobody"),),
    )
    sandbox = Sandbox(settings)
    await sandbox.advance(sandbox.life.end)
    await sandbox.close()
    letters = sandbox.postman.delivered.undelivered
    assert letters > 0
    assert sandbox.postman.delivered.sent == 8 * letters


async def test_time_is_moved_by_one_at_a_time() -> None:
    async with webhook_inbox() as inbox:
        sandbox = sandbox_for(inbox)
        first = asyncio.create_task(sandbox.advance(sandbox.life.end))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await sandbox.advance(sandbox.life.end)
        await first
        await sandbox.close()
    assert sandbox.status()["over"]


async def test_the_status_tells_how_far_a_running_life_is() -> None:
    async with webhook_inbox() as inbox:
        sandbox = sandbox_for(inbox)
        sandbox.run(sandbox.life.end, step_seconds=10 * DAY)
        assert sandbox.status()["running"]
        async with asyncio.timeout(60):
            while sandbox.running:  # noqa: ASYNC110 - the status is polled, as its users do
                await asyncio.sleep(0.01)
        status = sandbox.status()
        await sandbox.close()
    assert status["over"]
    assert status["progress"] == 1.0
    assert status["error"] == ""
    assert status["webhooks"]["waiting"] == 0
    assert status["webhooks"]["acknowledged"] == len(inbox.taken)
