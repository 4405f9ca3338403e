"""Run the audit against an installation, at rest or at work.

What is read first must be explained by what is read later, so that nothing that happens meanwhile
looks like a breach: the ledger, the views, what came in, the commands, each partition, the billing
sites, and the ledger once more.
"""

from collections.abc import Callable, Mapping, Sequence

from aiokafka.partitioner import DefaultPartitioner

from connectors.chargebee.translate import translate
from deploy.audit.arrivals import read_incoming, read_letters
from deploy.audit.billing_site import SiteUnreadable, read_site
from deploy.audit.checks import Checks
from deploy.audit.dead_letters import DeadLetters
from deploy.audit.decided import read_decided
from deploy.audit.gateway import compare_coupons, compare_credits
from deploy.audit.incoming import Incoming
from deploy.audit.ledger import LedgerReading, read_ledger
from deploy.audit.partition import Audience, PartitionAudit, ReadBefore
from deploy.audit.report import AuditReport
from deploy.audit.rewards import Rewards
from deploy.audit.tally import Progress
from deploy.audit.truth import Truth
from deploy.audit.views import audit_views
from deploy.cluster import bootstrap_servers, topics_of
from deploy.errors import OperatingError
from deploy.settings import Settings, Site
from deploy.topic_logs import Logs, open_logs
from projections.errors import ViewsError

STAGE = "facts and points events"


async def run_audit(
    settings: Settings, *, progress: Progress, gateway: bool = True, truth: Truth | None = None
) -> AuditReport:
    """Hold everything against everything; with `truth`, also against what really happened.

    Raises `OperatingError` where something cannot be read: nothing is then proven either way.
    """
    try:
        async with open_logs(bootstrap_servers(settings), settings.app_id) as logs:
            return await _Audit(settings, logs, progress, truth).run(gateway=gateway)
    except ViewsError as error:
        raise OperatingError(str(error)) from error


class _Audit:
    """One run, with the checks that span partitions."""

    def __init__(
        self, settings: Settings, logs: Logs, progress: Progress, truth: Truth | None
    ) -> None:
        self._settings = settings
        self._logs = logs
        self._topics = topics_of(settings)
        self._progress = progress
        self._truth = truth
        self._checks = Checks()
        self._dead_letters = DeadLetters(self._checks.dead_letters)

    async def run(self, *, gateway: bool) -> AuditReport:
        checks, logs, topics = self._checks, self._logs, self._topics
        before = await read_ledger(self._settings, topics.rewards)
        rewards = Rewards(checks.commands, checks.ledger, checks.reward_outcomes, before.rows)
        projected = await audit_views(
            self._settings, logs, topics.points, checks.views, self._progress
        )
        partitions = await logs.partitions(topics.facts)
        incoming = Incoming(checks.incoming, self._dead_letters, translate, _homes(partitions))
        letters = await read_letters(logs, topics.dlq, self._dead_letters)
        await read_incoming(logs, topics, partitions, incoming, self._progress)
        audience = Audience(
            checks=checks,
            rewards=rewards,
            incoming=incoming,
            dead_letters=self._dead_letters,
            truth=self._truth,
        )
        await self._read_partitions(partitions, audience, before, projected)
        await read_letters(logs, topics.dlq, self._dead_letters, letters)
        # After the letters: of one that is gone by then it is decided already.
        await read_decided(self._settings, self._dead_letters)
        if gateway:
            await self._audit_sites(before, rewards)
        else:
            checks.gateway.note("SKIPPED, as was asked")
        await self._finish(audience)
        truth = () if self._truth is None else (self._truth.check(),)
        return AuditReport((*checks.counted(), *truth))

    async def _read_partitions(
        self,
        partitions: Sequence[int],
        audience: Audience,
        ledger: LedgerReading,
        projected: Mapping[int, int],
    ) -> None:
        logs, topics = self._logs, self._topics
        commands = await logs.ends(topics.rewards, partitions)
        points = await logs.ends(topics.points, partitions)
        facts = await logs.ends(topics.facts, partitions)
        total = sum([*commands.values(), *points.values(), *facts.values()])
        done = 0

        def advance(records: int) -> None:
            nonlocal done
            done += records
            self._progress(STAGE, done, max(done, total))

        for partition in partitions:
            before = ReadBefore(
                commands=commands[partition],
                received=ledger.positions.get(partition, 0),
                projected=projected.get(partition, 0),
            )
            await PartitionAudit(logs, topics, partition, audience, advance).run(before)

    async def _audit_sites(self, ledger: LedgerReading, rewards: Rewards) -> None:
        """After the partitions: they tell since when rewards have been earned."""
        for site in self._settings.sites:
            since = rewards.first_earned_at.get(site.site)
            if site.api_key is None:
                self._checks.gateway.note(f"SKIPPED {site.site}: the site has no api_key")
            elif since is not None:
                await self._audit_site(site, ledger, rewards, since)
        named = {site.site for site in self._settings.sites}
        for name in sorted(rewards.first_earned_at.keys() - named):
            self._checks.gateway.note(f"SKIPPED {name}: the settings name no such site")

    async def _audit_site(
        self, site: Site, ledger: LedgerReading, rewards: Rewards, since: int
    ) -> None:
        mine = [row for row in ledger.rows.values() if row.site == site.site]
        try:
            held = await read_site(self._settings, site, mine, since, self._progress)
        except SiteUnreadable as error:
            # What the logs have shown is worth telling all the same.
            self._checks.gateway.breach(str(error))
            return
        # A reward that was given meanwhile is known to the ledger by now.
        known = (await read_ledger(self._settings, self._topics.rewards)).rows
        compare_credits(
            self._checks.gateway,
            site.site,
            mine,
            held.granted,
            known=known,
            erased=rewards.erased,
        )
        compare_coupons(self._checks.gateway, mine, held.uses)

    async def _finish(self, audience: Audience) -> None:
        after = await read_ledger(self._settings, self._topics.rewards)
        if not after.exists:
            self._checks.ledger.note("there is no reward ledger yet")
        audience.rewards.finish(after.rows)
        audience.incoming.finish()
        audience.dead_letters.finish()


def _homes(partitions: Sequence[int]) -> Callable[[bytes], int]:
    """Where producers put an account, given its key."""
    choose = DefaultPartitioner()
    return lambda key: int(choose(key, list(partitions), list(partitions)))
