"""The console in a real Chromium, over a real installation: what people do all day."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.integration.console.conftest import SCREENSHOTS
from tests.support.small_site import SmallSite

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SERIOUS = {"serious", "critical"}
LOOKS = [("light", 1280), ("dark", 1280), ("light", 320), ("dark", 320)]
KEPT_LOOKS = {("light", 1280), ("dark", 320)}
"""Those whose pictures are kept, under `.screenshots/`."""


def open_customer(page: Page, site: SmallSite, index: int = 0) -> str:
    """Opens one that has rewards; returns the id."""
    page.goto(f"{site.address}/rewards?state=all")
    link = page.locator("tbody td a").nth(index)
    name = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return name


def test_a_customer_is_found_from_anywhere(page: Page, site: SmallSite) -> None:
    name = open_customer(page, site)
    page.goto(f"{site.address}/points")
    page.get_by_role("searchbox", name="Find a customer").fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_text("spendable now")).to_be_visible()

    page.goto(f"{site.address}/customers")
    page.get_by_label("Customer id").press_sequentially(name[:6])
    expect(page.locator("#found tbody tr")).to_have_count(1)
    assert "q=" in page.url, "what is filtered can be shared by its address"


def test_an_explanation_opens_in_its_place_and_closes_again(page: Page, site: SmallSite) -> None:
    open_customer(page, site)
    link = page.locator(".fact", has_text="Payment succeeded").first.get_by_role(
        "button", name="Why?"
    )
    link.click()
    told = page.locator(".told")
    expect(told).to_be_visible()
    expect(told).to_contain_text(re.compile(r"You paid [\d.,]+ [A-Z]{3}"))
    expect(told).to_contain_text("Not considered:")
    expect(told).to_be_focused()
    expect(link).to_have_attribute("aria-expanded", "true")
    link.click()
    expect(told).to_be_hidden()
    expect(link).to_have_attribute("aria-expanded", "false")


def test_a_change_of_the_program_is_tried_before_it_is_published(
    page: Page, site: SmallSite
) -> None:
    name = open_customer(page, site)
    page.goto(f"{site.address}/programs")
    page.get_by_role("link", name="spikes").click()
    page.get_by_role("link", name="Draft a new version").click()
    text = page.get_by_label("Program, as YAML")
    text.fill(text.input_value().replace("points: 200}", "points: 777}", 1))
    page.get_by_label("Try it on the history").fill(name)
    page.get_by_role("button", name="Check and try").click()
    expect(page.get_by_role("heading", name=f"What it would have meant for {name}")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("^Lifetime"))
    expect(row).to_contain_text("+577")

    page.get_by_text("Publish this version").click()
    page.locator("#publish-reason").fill("a warmer welcome")
    page.get_by_label("to confirm").fill("spikes")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 2 is published")).to_be_visible()
    expect(page.get_by_text("when a subscription is created: 777 spikes")).to_be_visible()
    page.get_by_role("link", name="with 1").click()
    expect(page.get_by_text("when a subscription is created: 200 spikes")).to_be_visible()
    page.goto(f"{site.address}/decisions")
    expect(page.get_by_role("row", name=re.compile("ada publish"))).to_contain_text("warmer")


def test_a_mistake_in_a_draft_is_told_with_its_line(page: Page, site: SmallSite) -> None:
    page.goto(f"{site.address}/program/draft?site=acme-test&program=spikes")
    text = page.get_by_label("Program, as YAML")
    text.fill(text.input_value().replace("timezone:", "timezon:"))
    page.get_by_role("button", name="Check and try").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 3")
    expect(page.get_by_role("button", name="Publish")).to_have_count(0)


def test_a_dead_letter_is_looked_at_and_replayed(page: Page, site: SmallSite) -> None:
    page.goto(f"{site.address}/dead-letters")
    page.locator("tbody th a").first.click()
    expect(page.locator("pre.bytes").first).to_contain_text("<script>alert(1)</script>")
    page.get_by_label("Reason").first.fill("the translator knows it now")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("status")).to_contain_text("Sent again")
    page.goto(f"{site.address}/dead-letters")
    expect(page.locator("tbody tr").first).to_contain_text("replayed")
    expect(page.locator("tbody tr").nth(1)).to_contain_text("waiting")


def test_a_rewards_chain_goes_from_the_event_to_the_call(page: Page, site: SmallSite) -> None:
    page.goto(f"{site.address}/rewards")
    expect(page.locator(".tabs [aria-current]")).to_contain_text("Unknown")
    page.locator("tbody th a").first.click()
    chain = page.locator(".chain")
    expect(chain).to_contain_text("Reward earned by rule")
    expect(chain).to_contain_text("the connection was lost")
    page.get_by_role("button", name="Why was it earned?").click()
    expect(page.locator(".told")).to_contain_text("reward")
    page.get_by_text("Settle it by what you found out").click()
    page.get_by_label("It was not, and will not be").check()
    page.locator("#resolve-reason").fill("no credit there")
    page.get_by_role("button", name="Settle").click()
    expect(chain).to_contain_text("ada decided to resolve")
    expect(page.locator("h1 + p")).to_contain_text("failed")


def test_live_figures_can_be_paused(page: Page, site: SmallSite) -> None:
    page.goto(f"{site.address}/")
    state = page.locator("[data-live-state]")
    expect(state).to_have_text("Live")
    expect(page.get_by_text("api", exact=True)).to_be_visible()
    toggle = page.get_by_role("button", name="Pause live figures")
    toggle.click()
    expect(state).to_have_text("Paused")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()
    expect(state).to_have_text("Live")


def pages(page: Page, site: SmallSite) -> dict[str, str]:
    """Every kind of page by its address, with something on it."""
    page.goto(f"{site.address}/rewards?state=all")
    customer = page.locator("tbody td a").first.get_attribute("href")
    reward = page.locator("tbody th a").first.get_attribute("href")
    page.goto(f"{site.address}/dead-letters")
    letter = page.locator("tbody th a").last.get_attribute("href")
    assert customer is not None
    own = {
        "customer": customer,
        "entry": customer.replace("/customer?", "/entry?") + "&sequence=1",
        "reward": reward,
        "dead-letter": letter,
    }
    program = "site=acme-test&program=spikes"
    paths = {
        "overview": "/",
        "customers": "/customers",
        "no-customers": "/customers?q=none-such",
        "rewards": "/rewards?state=due",
        "programs": "/programs",
        "program": f"/program?{program}",
        "draft": f"/program/draft?{program}",
        "points": "/points",
        "dead-letters": "/dead-letters",
        "decisions": "/decisions",
        "people": "/people",
        "password": "/password",
    }
    root = site.address.removesuffix("/console")
    return {name: f"{root}{path}" for name, path in own.items()} | {
        name: f"{site.address}{path}" for name, path in paths.items()
    }


def test_every_page_is_for_everybody_in_every_look(page: Page, site: SmallSite) -> None:
    """By axe: nothing serious; by measure: nothing to scroll sideways at 320 pixels."""
    SCREENSHOTS.mkdir(exist_ok=True)
    found: list[str] = []
    for name, address in pages(page, site).items():
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address)
        if page.locator("a[data-opens]").count():
            page.locator("a[data-opens]").first.click()
            expect(page.locator(".told")).to_be_visible()
        for summary in page.locator("summary").all():
            summary.click()
        for scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            if (scheme, width) in KEPT_LOOKS:
                page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", full_page=True)
            root = "document.documentElement"
            if page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"):
                found.append(f"{name} {scheme} {width}: wider than the screen")
            broken = Axe().run(page).response["violations"]
            found += [
                f"{name} {scheme} {width}: {each['id']} {each['nodes'][0]['html'][:200]}"
                for each in broken
                if each["impact"] in SERIOUS
            ]
    assert found == []


def test_the_door_is_for_everybody_too(page: Page, site: SmallSite) -> None:
    page.context.clear_cookies()
    page.goto(f"{site.address}/")
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 700})
        page.screenshot(path=SCREENSHOTS / f"sign-in-{scheme}-{width}.png")
        broken = Axe().run(page).response["violations"]
        assert [each["id"] for each in broken if each["impact"] in SERIOUS] == []


def tab_to(page: Page, what: str, steps: int = 60) -> None:
    """By the Tab key alone, until what has the focus matches a selector."""
    for _ in range(steps):
        page.keyboard.press("Tab")
        if page.evaluate("what => document.activeElement.matches(what)", what):
            return
    pytest.fail(f"the Tab key does not reach {what}")


def test_everything_can_be_done_with_the_keyboard(page: Page, site: SmallSite) -> None:
    name = open_customer(page, site)
    page.goto(f"{site.address}/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "what has the focus is seen"
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()

    page.goto(f"{site.address}/")
    tab_to(page, "#find")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    tab_to(page, "a[data-opens]")
    page.keyboard.press("Enter")
    expect(page.locator(".told")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".told")).to_be_hidden()

    page.goto(f"{site.address}/rewards?state=due")
    tab_to(page, "tbody th a")
    page.keyboard.press("Enter")
    expect(page.locator(".chain")).to_be_visible()
    tab_to(page, "#retry-reason")
    page.keyboard.type("go on now")
    tab_to(page, "button.first")
    page.keyboard.press("Enter")
    expect(page.locator(".chain")).to_contain_text("ada decided to retry")


def test_the_menu_of_a_small_screen_opens_and_closes(page: Page, site: SmallSite) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{site.address}/")
    link = page.get_by_role("link", name="Rewards", exact=True)
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rewards")
