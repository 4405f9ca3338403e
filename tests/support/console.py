"""The console's ports in memory, and people who use it by a client without a browser."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import httpx

from projections.access.people import People, Role
from projections.service.ports import (
    DeadLetter,
    DecisionRefused,
    DraftProblem,
    DraftRefused,
    DryRunAnswer,
    ErasureReport,
    Explained,
    Outcome,
    Ports,
    RewardCase,
    RoleHealth,
)
from schemas.program.diff import diff
from schemas.program.load import ProgramRefusedError
from schemas.program.model import Program
from schemas.program.words import describe
from tests.support.points import NOON
from tests.support.year import SPIKES, loaded

PASSWORD = "four unrelated desert words"
NASTY = '<script>alert("c1")</script>'
FIGURES = {"balance": 100, "pending": 0, "lifetime": 100, "deficit": 0}


class FakeExplainer:
    def __init__(self, *sentences: str) -> None:
        self.sentences = sentences or ("You paid 9.00 USD.", "The rule `climb` did not fire.")

    async def explain_entry(self, site: str, customer: str, sequence: int) -> Explained | None:
        if sequence > 10_000:
            return None
        return Explained(
            fact="payment:t1:i",
            fact_type="PaymentSucceeded",
            source="ev_1",
            occurred_at=NOON,
            program="spikes",
            program_version=3,
            sentences=self.sentences,
            steps=({"type": "RuleConsidered", "rule": "climb"},),
            events=(),
        )


class FakeDryRun:
    async def dry_run(self, site: str, customer: str, yaml_text: str) -> DryRunAnswer:
        published = Outcome(**FIGURES, tier="seedling", events=({}, {}))
        draft = replace(published, balance=250, tier="saguaro", events=({}, {}, {}))
        return DryRunAnswer(
            published=published, draft=draft, differences=("`welcome` gives 350, not 200.",)
        )


class FakePrograms:
    def __init__(self) -> None:
        self.yaml = SPIKES.read_text(encoding="utf-8")
        first = loaded(self.yaml).model_copy(update={"version": 1})
        second = loaded(self.yaml.replace("points: 200}", "points: 300}", 1))
        self.published = [first, second.model_copy(update={"version": 2})]
        self.by: list[str] = []

    async def versions(self, site: str) -> list[Program]:
        return [each for each in self.published if each.site == site]

    async def words(self, program: Program) -> list[str]:
        return [f"{part} {name}: {text}" for part, name, text in describe(program)]

    async def diff(self, before: Program, after: Program) -> list[str]:
        return [f"{each.part} {each.id} {each.kind}" for each in diff(before, after).changes]

    async def text(self, program: Program) -> str:
        return self.yaml

    async def check(self, yaml_text: str, site: str) -> Program:
        try:
            return loaded(yaml_text)
        except ProgramRefusedError as error:
            raise DraftRefused(
                [DraftProblem(path=e.path, line=e.line, message=e.message) for e in error.problems]
            ) from error

    async def publish(self, yaml_text: str, site: str, by: str) -> Program:
        draft = await self.check(yaml_text, site)
        self.published.append(draft.model_copy(update={"version": len(self.published) + 1}))
        self.by.append(by)
        return self.published[-1]


def reward_case(ordinal: int = 1, state: str = "unknown", **changes: Any) -> RewardCase:
    values: dict[str, Any] = {
        "reward_id": f"acme-test:c1:five-off:{ordinal}",
        "site": "acme-test",
        "customer": "c1",
        "reward": "five-off",
        "program": "spikes",
        "program_version": 3,
        "kind": "promotional_credit",
        "state": state,
        "attempts": 1,
        "reference": "pc_1" if state == "delivered" else "",
        "reason": "the connection was lost" if state == "unknown" else "",
        "history": (
            {
                "what": "attempt",
                "at": NOON + 5.0,
                "of": "reward",
                "move": "prepare",
                "result": "unknown",
                "detail": "the connection was lost",
                "key": "cactus-ab-1",
                "body": '{"amount": 500}',
            },
        ),
        "cursor": str(ordinal),
        "earned_at": NOON,
        "grant": {"kind": "discount", "amounts_minor": {"USD": 500}},
    }
    return RewardCase(**{**values, **changes})


class FakeRewards:
    def __init__(self, *cases: RewardCase) -> None:
        self.cases = {each.reward_id: each for each in cases}
        self.decided: list[tuple[str, ...]] = []
        self.paused: list[dict[str, Any]] = []

    async def page(
        self, state: str | None, site: str | None, limit: int, after: str | None
    ) -> list[RewardCase]:
        found = sorted(self.cases.values(), key=lambda each: -int(each.cursor))
        return [
            each
            for each in found
            if state in (None, each.state) and (after is None or int(each.cursor) < int(after))
        ][:limit]

    async def show(self, reward_id: str) -> RewardCase | None:
        return self.cases.get(reward_id)

    async def retry(self, reward_id: str, by: str, reason: str) -> str:
        return self._decide("retry", reward_id, by, reason)

    async def cancel(self, reward_id: str, by: str, reason: str) -> str:
        return self._decide("cancel", reward_id, by, reason)

    async def resolve(
        self,
        reward_id: str,
        by: str,
        reason: str,
        *,
        as_: Literal["delivered", "failed"],
        reference: str = "",
    ) -> str:
        return self._decide(f"resolve as {as_}{reference}", reward_id, by, reason)

    def _decide(self, verb: str, reward_id: str, by: str, reason: str) -> str:
        if self.cases[reward_id].state == "delivered":
            raise DecisionRefused(f"{reward_id} is delivered: nothing to {verb}")
        self.decided.append((verb, reward_id, by, reason))
        return "due"

    async def pause(self, scope: Mapping[str, str], by: str, reason: str) -> None:
        parts = {"site": "", "program": "", "kind": "", **scope}
        self.paused.append({**parts, "by": by, "reason": reason, "at": NOON})

    async def resume(self, scope: Mapping[str, str], by: str, reason: str) -> None:
        self.paused.clear()

    async def pauses(self) -> list[Mapping[str, Any]]:
        return list(self.paused)

    async def counts(self) -> Mapping[str, int]:
        states = ("due", "attempting", "unknown", "delivered", "failed", "cancelled", "stuck")
        known = [each.state for each in self.cases.values()]
        return {state: known.count(state) for state in states}

    async def doubt_seconds(self) -> float | None:
        return 90.0 if any(each.state == "unknown" for each in self.cases.values()) else None

    async def decisions(self, limit: int, before: int | None) -> list[Mapping[str, Any]]:
        rows: list[dict[str, Any]] = [
            {
                "id": number,
                "at": NOON + number,
                "by": by,
                "verb": verb,
                "subject": subject,
                "reason": reason,
                "detail": "",
            }
            for number, (verb, subject, by, reason) in enumerate(self.decided, 1)
        ]
        known = [each for each in reversed(rows) if before is None or each["id"] < before]
        return [*known[:limit]]


def dead_letter(offset: int = 7, **changes: Any) -> DeadLetter:
    values: dict[str, Any] = {
        "partition": 0,
        "offset": offset,
        "at": NOON,
        "topic": "chargebee.raw.v1",
        "source_partition": 1,
        "source_offset": 40 + offset,
        "class_": "UntranslatableError",
        "error": "it is no JSON",
        "attempts": 1,
        "code_version": "0.1.0",
        "key": b"acme-test:c1",
        "value": b'{"id": "half an ev\x00\xff<script>alert(1)</script>',
    }
    return DeadLetter(**{**values, **changes})


class FakeDeadLetters:
    def __init__(self, *letters: DeadLetter) -> None:
        self.letters = {(each.partition, each.offset): each for each in letters}
        self.decided: list[tuple[str, str, str]] = []

    async def page(
        self, limit: int, before: tuple[int, int] | None, class_: str | None
    ) -> list[DeadLetter]:
        places = sorted(self.letters, reverse=True)
        return [
            self.letters[place]
            for place in places
            if (before is None or place < before) and class_ in (None, self.letters[place].class_)
        ][:limit]

    async def show(self, partition: int, offset: int) -> DeadLetter | None:
        return self.letters.get((partition, offset))

    async def replay(self, partition: int, offset: int, by: str, reason: str) -> str:
        self._decide("replayed", (partition, offset), by, reason)
        return "Sent again as chargebee.raw.v1/1/99."

    async def discard(self, partition: int, offset: int, by: str, reason: str) -> None:
        self._decide("discarded", (partition, offset), by, reason)

    def _decide(
        self, state: Literal["replayed", "discarded"], place: tuple[int, int], by: str, reason: str
    ) -> None:
        if self.letters[place].state != "waiting":
            raise DecisionRefused("It was dealt with already. Nothing was done.")
        self.letters[place] = replace(self.letters[place], state=state)
        self.decided.append((state, by, reason))


@dataclass
class FakeWorkings:
    health: list[RoleHealth] = field(
        default_factory=lambda: [
            RoleHealth(
                role=role,
                alive=True,
                ready=True,
                complaints={},
                lag_messages={"loyalty.facts.v1": 0},
                lag_seconds={"loyalty.facts.v1": 0.0},
            )
            for role in ("receiver", "worker", "projector", "rewarder")
        ]
    )
    letters: int = 0

    async def roles(self) -> list[RoleHealth]:
        return self.health

    async def dead_letters(self) -> int:
        return self.letters


class FakeEraser:
    def __init__(self) -> None:
        self.erased: list[tuple[str, ...]] = []

    async def erase(self, site: str, customer: str, by: str, reason: str) -> ErasureReport:
        self.erased.append((site, customer, by, reason))
        return ErasureReport(
            site=site,
            customer=customer,
            fact="customer_deleted:c1",
            found={"views": 4, "DLQ": 1},
            left={"views": 0, "DLQ": 0},
            remaining=("Raw webhooks age out within 14 days.",),
        )


class FakeExporter:
    async def export(self, site: str, customer: str) -> dict[str, Any] | None:
        return {"site": site, "customer": customer} if customer == "c1" else None


def console_fakes(**given: Any) -> dict[str, Any]:
    """Every port of the console; `given` takes the place of some."""
    return {
        "explainer": FakeExplainer(),
        "dry_run": FakeDryRun(),
        "programs": FakePrograms(),
        "rewards": FakeRewards(reward_case(1, "delivered"), reward_case(2, "unknown")),
        "dead_letters": FakeDeadLetters(dead_letter()),
        "workings": FakeWorkings(letters=1),
        "eraser": FakeEraser(),
        "exporter": FakeExporter(),
        "sites": ("acme-test",),
        "environment": "test",
        **given,
    }


async def settle(ports: Ports, name: str, role: Role) -> None:
    """A person who has chosen a password of their own: `PASSWORD`."""
    people = People(ports.access, ports.wall)
    once = await people.add(name, role)
    await people.change_password(name, once, PASSWORD)


def token_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, "the page has no form"
    return html.unescape(found[1])


async def sign_in(client: httpx.AsyncClient, name: str, password: str = PASSWORD) -> str:
    """Returns the token for forms."""
    door = await client.get("/console/sign-in")
    form = {"name": name, "password": password, "csrf": token_in(door.text)}
    answer = await client.post("/console/sign-in", data=form)
    assert answer.status_code == 303, answer.text
    page = await client.get("/console/password")
    return token_in(page.text)
