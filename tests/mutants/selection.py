"""Which tests look for a mistake, the likeliest to find it first."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = "tests/unit/streams/account"
EXPLAINED = [
    f"{UNIT}/test_{each}.py" for each in ("explanation", "explained_events", "explained_steps")
]
OWN = {
    "activities": ["extension", "waiting"],
    "commuting": ["commuting", "order"],
    "compiled": ["earning", "rewards", "tiers"],
    "correction": ["corrections", "order"],
    "decide": ["triggers"],
    "evolve": ["corrections", "rewards", "refunds"],
    "late": ["commuting", "order", "corrections"],
    "limits": ["earning"],
    "lots": ["promotional", "time"],
    "ordering": ["order", "corrections"],
    "outcomes": ["rewards"],
    "packing": ["order"],
    "past": ["stored_state", "order"],
    "payments": ["refunds"],
    "refold": ["corrections", "order"],
    "state": ["stored_state"],
    "subscriptions": ["plan_changes", "calendar"],
    "thresholds": ["rewards"],
    "tiers": ["tiers", "tier_reviews", "tiers_by_hand"],
    "timeline": ["same_instant", "time"],
    "undoing": ["refunds", "revocation"],
    "window": ["order", "corrections"],
    "windows": ["calendar"],
}
"""Where a module's tests do not have its name."""

OPTIONS = [
    "-x", "-q", "--no-header", "--tb=line", "--disable-warnings", "-p", "no:cacheprovider",
    *(each for name in ("schemathesis", "anyio", "unraisableexception", "threadexception")
      for each in ("-p", f"no:{name}")),  # they take longer than the tests
    "-m", "not integration and not chaos and not bench",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # of what was imported before the fork
]  # fmt: skip
HISTORIES = 200
"""So many the oracle is asked about."""

Step = tuple[str, ...]
"""Files for pytest, or the oracle."""

ORACLE: Step = ("oracle",)
BEHAVIOUR: Step = (UNIT, "tests/scenarios")
LAWS: Step = (
    "tests/properties/test_fold_laws.py",
    "tests/properties/test_account_laws.py",
    "tests/properties/test_trace_laws.py",
    "tests/properties/test_order.py",
)


def steps(path: str) -> list[Step]:
    """What is run on a mistake in this module until something notices, what is quick first."""
    return [step for step in (_own(path), ORACLE, LAWS, BEHAVIOUR) if step]


def name(step: Step) -> str:
    return {BEHAVIOUR: "units, scenarios", LAWS: "laws", ORACLE: "oracle"}.get(step, "own units")


def _own(path: str) -> Step:
    if "/explanation/" in path or path.endswith(("trace.py", "steps.py")):
        return tuple(EXPLAINED)
    stem = Path(path).stem
    files = [f"{UNIT}/test_{each}.py" for each in OWN.get(stem, [stem])]
    return tuple(each for each in files if (ROOT / each).is_file())


def passes(step: Step) -> bool:
    """Run it in this process."""
    if step != ORACLE:
        return pytest.main([*OPTIONS, *step]) == pytest.ExitCode.OK
    from tests.laws.run import Case  # imports the fold, which by now has its mistake

    return not any(Case(0, number).differs() for number in range(HISTORIES))


def settle() -> None:
    """What holds for every step."""
    os.environ["CACTUS_NATIVE"] = "off"
    os.environ["HYPOTHESIS_PROFILE"] = "sparse"
