"""What pages show and do, over fakes of the ports and one customer's story."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from projections.access.people import Role
from projections.access.sessions import Sessions
from projections.service.console.files import DIRECTORY, StaticFiles
from projections.service.console.gate import COOKIE, Visit
from projections.service.console.overview import Overview
from projections.service.console.rendering import Rendering
from projections.service.ports import RoleHealth
from projections.service.problems import unavailable
from schemas.program.load import load_program
from tests.support.console import (
    NASTY,
    FakeDeadLetters,
    FakeExplainer,
    FakePrograms,
    FakeRewards,
    FakeWorkings,
    dead_letter,
    reward_case,
)
from tests.support.year import SPIKES
from tests.unit.projections.service.console.conftest import Console

HTMX = {"HX-Request": "true"}
CUSTOMER = {"site": "acme-test", "customer": "c1"}
Opened = Callable[..., Any]


async def seen(client: httpx.AsyncClient, path: str, **query: Any) -> str:
    answer = await client.get(f"/console{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def words(page: str) -> str:
    """What a person reads of it."""
    main = page.partition("<main")[2] or page
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


async def test_the_overview_says_in_words_that_all_is_well(opened: Opened) -> None:
    console = await opened(rewards=FakeRewards(), workings=FakeWorkings(letters=0))
    page = await seen(await console.as_("viewer"), "/")
    assert "Nothing is lost, late or stuck." in page
    assert "Points today" in page


async def test_the_overview_says_what_is_wrong_worst_first(opened: Opened) -> None:
    workings = FakeWorkings(letters=3)
    workings.health[1] = RoleHealth(
        role="worker", alive=False, ready=False, complaints={}, lag_messages={}
    )
    console = await opened(
        rewards=FakeRewards(reward_case(1, "stuck"), reward_case(2)), workings=workings
    )
    page = words(await seen(await console.as_("viewer"), "/"))
    places = [
        page.index(said)
        for said in (
            "Not ready: worker.",
            "1 reward wait for a person",
            "1 reward may or may not have been given",
            "3 records in the DLQ",
        )
    ]
    assert places == sorted(places)


async def test_the_overview_shows_a_dash_for_what_cannot_be_asked(opened: Opened) -> None:
    class Broken(FakeWorkings):
        async def roles(self) -> list[RoleHealth]:
            raise OSError("no route")

        async def dead_letters(self) -> int:
            raise unavailable("Kafka does not answer")

    console = await opened(workings=Broken(), rewards=None)
    page = words(await seen(await console.as_("viewer"), "/"))
    assert "Not everything could be asked" in page
    assert "Dead letters –" in page


async def test_live_figures_come_when_they_change_and_end_with_the_session(
    opened: Opened,
) -> None:
    stopped = False
    console = await opened(stopping=lambda: stopped)
    client = await console.as_("viewer")
    sessions = Sessions(console.ports.access, console.ports.wall)
    overview = Overview(console.ports, sessions)
    ports = console.ports
    rendering = Rendering(ports.clock, ports.wall, ports.environment, StaticFiles())
    token = client.cookies[COOKIE]

    cookie = f"{COOKIE}={token}".encode()
    asked = {"type": "http", "method": "GET", "path": "/console/live", "query_string": b""}
    request = Request({**asked, "headers": [(b"host", b"console"), (b"cookie", cookie)]})
    visit = Visit(request, await sessions.find(token), rendering)

    stream = overview._stream(visit)
    first = await anext(stream)
    assert first.startswith("event: figures\ndata: ")
    assert "Dead letters" in first
    assert all(line.startswith(("event:", "data:")) for line in first.strip().splitlines())
    found = await sessions.find(token)
    assert found is not None
    stopped = True
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(stream), 10)
    await sessions.end(found)
    stopped = False
    assert "event: over" in await anext(overview._stream(visit))


async def test_a_customer_is_found_by_how_the_id_begins(console: Console) -> None:
    client = await console.as_("viewer")
    assert "c1</a>" in await seen(client, "/customers", q="c")
    assert "No customer&#39;s id begins with that." in await seen(client, "/customers", q="zz")
    part = await client.get("/console/customers", params={"q": "c"}, headers=HTMX)
    assert "<html" not in part.text
    assert "c1</a>" in part.text


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("c1", "/console/customer?site=acme-test&customer=c1"),
        ("acme-test:c1", "/console/customer?site=acme-test&customer=c1"),
        ("acme-test:c1:3", "/console/entry?site=acme-test&customer=c1&sequence=3"),
        ("acme-test:c1:five-off:1", "/console/reward?id=acme-test%3Ac1%3Afive-off%3A1"),
        ("payment:t1:i", "/console/customer?site=acme-test&customer=c1&before=2"),
        ("nobody", "/console/customers?q=nobody"),
        ("", "/console/customers"),
    ],
)
async def test_the_search_leads_to_what_an_id_names(
    console: Console, text: str, where: str
) -> None:
    client = await console.as_("viewer")
    answer = await client.get("/console/find", params={"q": text})
    assert (answer.status_code, answer.headers["location"]) == (303, where)


async def test_a_customer_is_told_as_a_chain_from_event_to_reward(console: Console) -> None:
    page = words(await seen(await console.as_("viewer"), "/customer", **CUSTOMER))
    assert "Payment succeeded" in page
    assert "fact payment:t1:i" in page
    assert "Tier changed · — → saguaro" in page
    assert "Reward earned · five-off, costs 100" in page
    assert "Taken back · undoes payment:t1:i" in page
    assert "Balance" in page


async def test_a_timeline_can_be_narrowed_and_paged_by_its_address(console: Console) -> None:
    client = await console.as_("viewer")
    tiers = words(await seen(client, "/customer", **CUSTOMER, kind="tiers"))
    assert "Tier changed" in tiers
    assert "Earned ·" not in tiers
    early = words(await seen(client, "/customer", **CUSTOMER, before=3))
    assert "Earned · pay" in early
    assert "Tier changed" not in early
    part = await client.get("/console/customer", params={**CUSTOMER, "before": 3}, headers=HTMX)
    assert "<html" not in part.text


async def test_an_entry_opens_its_explanation_in_place_or_as_a_page(console: Console) -> None:
    client = await console.as_("viewer")
    address = {**CUSTOMER, "sequence": "1"}
    part = await client.get("/console/entry", params=address, headers=HTMX)
    assert "<html" not in part.text
    assert "You paid 9.00 USD." in part.text
    assert "The rule <code>climb</code> did not fire." in part.text
    assert "You paid 9.00 USD." in await seen(client, "/entry", **address)
    missing = await client.get("/console/entry", params={**CUSTOMER, "sequence": "99999"})
    assert missing.status_code == 404


async def test_an_unknown_customer_is_said_to_be_unknown(console: Console) -> None:
    client = await console.as_("viewer")
    answer = await client.get("/console/customer", params={**CUSTOMER, "customer": NASTY})
    assert answer.status_code == 404
    assert NASTY not in answer.text
    assert "&lt;script&gt;" in answer.text


async def test_what_is_hostile_is_shown_and_never_run(opened: Opened) -> None:
    case = reward_case(1, "unknown", customer=NASTY, reason=NASTY, reward_id=f"a:{NASTY}:r:1")
    letter = dead_letter(1, error=NASTY, class_=NASTY, key=NASTY.encode(), value=NASTY.encode())
    console = await opened(
        rewards=FakeRewards(case),
        dead_letters=FakeDeadLetters(letter),
        explainer=FakeExplainer(NASTY, f"`{NASTY}` did not fire."),
    )
    client = await console.as_("operator")
    pages = [
        await seen(client, "/rewards", state="unknown"),
        await seen(client, "/reward", id=case.reward_id),
        await seen(client, "/dead-letters", **{"class": NASTY}),
        await seen(client, "/dead-letter", partition="0", offset="1"),
        await seen(client, "/entry", **CUSTOMER, sequence="1"),
        await seen(client, "/customers", q=NASTY),
        (await client.get("/console/reward", params={"id": NASTY})).text,
    ]
    for page in pages:
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


async def test_bytes_that_cannot_be_seen_are_written_as_their_codes(console: Console) -> None:
    page = await seen(await console.as_("operator"), "/dead-letter", partition="0", offset="7")
    assert r"half an ev\x00\xff" in page
    assert "7b 22 69 64 22" in page


async def test_bytes_may_be_personal_so_viewers_do_not_see_them(console: Console) -> None:
    client = await console.as_("viewer")
    page = await seen(client, "/dead-letters")
    assert "it is no JSON" in page
    assert "half an ev" not in page
    assert (await client.get("/console/dead-letter?partition=0&offset=7")).status_code == 403


async def test_a_dead_letter_is_replayed_once_with_a_reason(opened: Opened) -> None:
    letters = FakeDeadLetters(dead_letter())
    console = await opened(dead_letters=letters)
    client = await console.as_("operator")
    place = {"partition": "0", "offset": "7"}
    silent = await console.post(client, "/dead-letter/replay", **place, reason=" ")
    assert (silent.status_code, letters.decided) == (422, [])
    done = await console.post(client, "/dead-letter/replay", **place, reason="fixed")
    assert "Sent again as chargebee.raw.v1/1/99." in done.text
    again = await console.post(client, "/dead-letter/replay", **place, reason="fixed")
    assert again.status_code == 409
    assert "dealt with already" in again.text
    assert letters.decided == [("replayed", "otto", "fixed")]


async def test_a_dead_letter_is_discarded_with_a_reason(opened: Opened) -> None:
    letters = FakeDeadLetters(dead_letter())
    console = await opened(dead_letters=letters)
    client = await console.as_("operator")
    await console.post(
        client, "/dead-letter/discard", partition="0", offset="7", reason="a test of theirs"
    )
    assert letters.decided == [("discarded", "otto", "a test of theirs")]
    page = words(await seen(client, "/dead-letter", partition="0", offset="7"))
    assert "discarded" in page
    assert "Decide" not in page


async def test_rewards_in_doubt_are_shown_first(opened: Opened) -> None:
    console = await opened(rewards=FakeRewards(reward_case(1, "delivered"), reward_case(2)))
    page = words(await seen(await console.as_("viewer"), "/rewards"))
    assert "five-off" in page
    assert "the connection was lost" in page
    assert "pc_1" not in page
    assert "pc_1" in words(await seen(await console.as_("viewer"), "/rewards", state="all"))


async def test_a_list_goes_on_where_its_page_ended(opened: Opened) -> None:
    cases = [reward_case(number, "due") for number in range(1, 33)]
    console = await opened(rewards=FakeRewards(*cases))
    client = await console.as_("viewer")
    page = await seen(client, "/rewards", state="due")
    assert "five-off:32" in page or "five-off%3A32" in page
    assert "five-off%3A2&" not in page
    assert 'five-off%3A2"' not in page
    assert 'href="/console/rewards?state=due&amp;after=3"' in page
    assert "five-off%3A2" in await seen(client, "/rewards", state="due", after=3)


async def test_a_rewards_page_shows_its_chain_and_its_calls(console: Console) -> None:
    reward = {"id": "acme-test:c1:five-off:1"}
    page = words(await seen(await console.as_("viewer"), "/reward", **reward))
    for said in ("Reward earned by rule five-off", "Call: unknown", "cactus-ab-1", "5.00 USD"):
        assert said in page
    assert "Decide" not in page


@pytest.mark.parametrize(
    ("path", "fields", "decided"),
    [
        ("/reward/retry", {}, "retry"),
        ("/reward/cancel", {}, "cancel"),
        ("/reward/resolve", {"as": "failed"}, "resolve as failed"),
        ("/reward/resolve", {"as": "delivered", "reference": "pc_9"}, "resolve as deliveredpc_9"),
    ],
)
async def test_a_decision_about_a_reward_names_who_and_why(
    opened: Opened, path: str, fields: dict[str, str], decided: str
) -> None:
    rewards = FakeRewards(reward_case(2))
    console = await opened(rewards=rewards)
    client = await console.as_("operator")
    reward_id = "acme-test:c1:five-off:2"
    answer = await console.post(client, path, id=reward_id, reason="looked", **fields)
    assert answer.status_code == 303
    assert rewards.decided == [(decided, reward_id, "otto", "looked")]
    assert "looked" in await seen(client, "/decisions")


async def test_a_decision_that_is_refused_says_why(console: Console) -> None:
    client = await console.as_("operator")
    reward_id = "acme-test:c1:five-off:1"
    answer = await console.post(client, "/reward/retry", id=reward_id, reason="again")
    assert answer.status_code == 409
    assert "is delivered: nothing to retry" in answer.text
    unsaid = await console.post(client, "/reward/resolve", id=reward_id, reason="x")
    assert unsaid.status_code == 422


async def test_a_pause_needs_a_scope_and_ends_when_it_is_resumed(console: Console) -> None:
    client = await console.as_("operator")
    nothing = await console.post(client, "/rewards/pause", reason="why not")
    assert nothing.status_code == 422
    await console.post(client, "/rewards/pause", kind="coupon", reason="a wrong coupon")
    page = words(await seen(client, "/rewards"))
    assert "Paused: kind coupon" in page
    assert "by otto: a wrong coupon" in page
    await console.post(client, "/rewards/resume", kind="coupon", reason="put right")
    assert "Paused" not in words(await seen(client, "/rewards"))


async def test_a_program_is_shown_in_words_with_what_changed(console: Console) -> None:
    client = await console.as_("viewer")
    assert "spikes" in words(await seen(client, "/programs"))
    program = {"site": "acme-test", "program": "spikes"}
    page = words(await seen(client, "/program", **program, against=1))
    assert "when a subscription is created: 300 spikes" in page
    assert "− when a subscription is created: 200 spikes" in page
    assert "Draft a new version" not in page
    missing = await client.get("/console/program", params={**program, "version": 9})
    assert missing.status_code == 404


DRAFT = SPIKES.read_text(encoding="utf-8").replace("points: 200}", "points: 350}", 1)
SPIKES_FORM = {"site": "acme-test", "program": "spikes"}


async def test_a_draft_is_tried_on_a_customers_history_before_it_is_published(
    console: Console,
) -> None:
    client = await console.as_("operator")
    editor = await seen(client, "/program/draft", **SPIKES_FORM)
    assert "program: spikes" in editor
    tried = await console.post(client, "/program/draft", **SPIKES_FORM, text=DRAFT, customer="c1")
    page = words(tried.text)
    assert "What it would have meant for c1" in page
    assert "Balance 100 250 +150" in page
    assert "welcome gives 350, not 200." in page.replace(" welcome ", " welcome ")
    assert "Publish this version" not in page
    as_admin = await console.as_("admin")
    tried = await console.post(as_admin, "/program/draft", **SPIKES_FORM, text=DRAFT)
    assert "Publish this version" in tried.text


async def test_the_mistakes_of_a_draft_are_told_with_their_lines(console: Console) -> None:
    client = await console.as_("operator")
    broken = DRAFT.replace("timezone:", "timezon:")
    answer = await console.post(client, "/program/draft", **SPIKES_FORM, text=broken)
    assert answer.status_code == 422
    assert "this cannot be published" in answer.text
    assert "Line 5" in answer.text
    form = {"csrf": console.token, **SPIKES_FORM, "text": broken}
    part = await client.post("/console/program/draft", data=form, headers=HTMX)
    assert part.status_code == 200
    assert "<html" not in part.text


async def test_a_program_is_published_by_an_admin_who_writes_its_name(opened: Opened) -> None:
    programs = FakePrograms()
    console = await opened(programs=programs)
    client = await console.as_("admin")
    form = {**SPIKES_FORM, "text": DRAFT, "reason": "a warmer welcome"}
    unsure = await console.post(client, "/program/publish", **form, confirmed="yes")
    assert (unsure.status_code, len(programs.published)) == (422, 2)
    done = await console.post(client, "/program/publish", **form, confirmed="spikes")
    assert "version=3" in done.headers["location"]
    assert programs.published[-1].earn == load_program(DRAFT).earn
    assert programs.by == ["ada"]
    trail = words(await seen(client, "/decisions"))
    assert "ada publish acme-test:spikes:3 a warmer welcome" in trail


async def test_a_text_of_another_program_is_not_published_under_this_name(
    opened: Opened,
) -> None:
    programs = FakePrograms()
    console = await opened(programs=programs)
    client = await console.as_("admin")
    other = DRAFT.replace("program: spikes", "program: thorns")
    form = {**SPIKES_FORM, "text": other, "reason": "x", "confirmed": "spikes"}
    answer = await console.post(client, "/program/publish", **form)
    assert answer.status_code == 422
    assert len(programs.published) == 2


async def test_points_are_drawn_with_a_table_behind_each_chart(console: Console) -> None:
    page = await seen(await console.as_("viewer"), "/points")
    assert page.count('role="img"') == 2
    assert page.count("The same as a table") == 2
    assert '<th scope="row">2025-12</th>' in page


async def test_people_are_let_in_with_a_password_shown_once(console: Console) -> None:
    client = await console.as_("admin")
    added = await console.post(client, "/people/add", name="Newt", role="operator")
    once = re.search(r'<code class="once">([^<]+)</code>', added.text)
    assert once is not None
    assert once[1] not in await seen(client, "/people")
    trail = words(await seen(client, "/decisions"))
    assert "ada add person operator newt" in trail
    twice = await console.post(client, "/people/add", name="newt", role="viewer")
    assert twice.status_code == 409
    wrong = await console.post(client, "/people/add", name="olm", role="emperor")
    assert wrong.status_code == 422


async def test_nobody_locks_themselves_out(console: Console) -> None:
    client = await console.as_("admin")
    for path in ("/people/disable", "/people/renew"):
        assert (await console.post(client, path, name="ada")).status_code == 409
    await console.post(client, "/people/disable", name="vera")
    assert "disabled" in words(await seen(client, "/people"))
    await console.post(client, "/people/enable", name="vera")
    await console.as_("viewer")


async def test_an_erasure_needs_the_id_and_a_reason_and_ends_with_its_proof(
    console: Console,
) -> None:
    client = await console.as_("admin")
    unsure = await console.post(client, "/erase", **CUSTOMER, reason="asked", confirmed="c2")
    assert unsure.status_code == 422
    assert console.ports.eraser.erased == []  # type: ignore[union-attr]
    done = await console.post(client, "/erase", **CUSTOMER, reason="asked", confirmed="c1")
    assert "Raw webhooks age out within 14 days." in done.text
    erased = [("acme-test", "c1", "ada", "asked")]
    assert console.ports.eraser.erased == erased  # type: ignore[union-attr]


@pytest.mark.parametrize("role", ["operator", "admin"])
async def test_an_export_is_a_file(console: Console, role: Role) -> None:
    client = await console.as_(role)
    answer = await client.get("/console/export", params=CUSTOMER)
    assert answer.json()["customer"] == "c1"
    assert "attachment" in answer.headers["content-disposition"]


async def test_what_an_installation_does_not_offer_is_said(opened: Opened) -> None:
    console = await opened(dead_letters=None, rewards=None, programs=None, explainer=None)
    client = await console.as_("viewer")
    for path in ("/dead-letters", "/rewards", "/programs"):
        answer = await client.get(f"/console{path}")
        assert answer.status_code == 501
        assert "does not offer" in answer.text


async def test_what_does_not_answer_is_said_and_nothing_breaks(opened: Opened) -> None:
    class Silent(FakeRewards):
        async def counts(self) -> dict[str, int]:
            raise unavailable("The ledger does not answer: start the rewarder.")

    console = await opened(rewards=Silent())
    answer = await (await console.as_("viewer")).get("/console/rewards")
    assert answer.status_code == 503
    assert "start the rewarder" in answer.text


async def test_what_of_ours_breaks_is_said_without_a_trace(opened: Opened) -> None:
    class Broken(FakeRewards):
        async def counts(self) -> dict[str, int]:
            raise ZeroDivisionError("secret insides")

    console = await opened(rewards=Broken())
    answer = await (await console.as_("viewer")).get("/console/rewards")
    assert answer.status_code == 500
    assert "secret insides" not in answer.text


async def test_pages_are_light(console: Console) -> None:
    client = await console.as_("admin")
    files = StaticFiles().files
    loaded = sum(len(files[name].content) for name in ("console.css", "console.js"))
    loaded += sum(len(files[name].content) for name in ("htmx.min.js", "icons.svg", "mark.svg"))
    for path, query in (("/", {}), ("/customer", CUSTOMER), ("/points", {}), ("/people", {})):
        assert loaded + len((await seen(client, path, **query)).encode()) < 150_000


def test_htmx_is_the_very_release_that_its_note_names() -> None:
    note = (DIRECTORY / "README.md").read_text()
    digest = hashlib.sha256((DIRECTORY / "htmx.min.js").read_bytes()).hexdigest()
    assert digest in note
    assert (DIRECTORY / "htmx.LICENSE").read_text().startswith("Zero-Clause BSD")


async def test_files_are_kept_for_ever_under_the_name_of_their_content(console: Console) -> None:
    client = await console.anonymous()
    page = (await client.get("/console/sign-in")).text
    address = re.search(r'href="(/console/static/console\.css\?v=[^"]+)"', page)
    assert address is not None
    named = await client.get(address[1])
    assert "immutable" in named.headers["cache-control"]
    plain = await client.get("/console/static/console.css")
    assert plain.headers["cache-control"] == "no-cache"
    etag = {"If-None-Match": plain.headers["etag"]}
    assert (await client.get("/console/static/console.css", headers=etag)).status_code == 304
