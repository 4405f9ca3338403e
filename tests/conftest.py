"""What every test may ask for: fast tests run first, and one real broker serves the session."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from deploy.kafka import EmbeddedKafka, Running
from deploy.settings import default_cache_dir
from tests.support.postgres import running_postgres

# No test judges by time. Registered here also because pytest's plugin would import hypothesis only
# after the last test, when coroutines of Faust's C extensions have left CPython 3.11's count of
# recursion wrong, and compiling any module fails.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1_000)
hypothesis.settings.register_profile(  # to notice a mistake, not to understand it
    "sparse",
    deadline=None,
    max_examples=30,
    derandomize=True,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))

TIERS = ["unit", "properties", "laws", "contracts", "scenarios", "architecture", "integration"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: a mistake shows in seconds, not after a broker has started."""
    tests = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        tier = item.path.relative_to(tests).parts[0]
        slow = item.get_closest_marker("integration") is not None
        return len(TIERS) if slow or tier not in TIERS else TIERS.index(tier)

    items.sort(key=rank)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real Kafka on free ports: data in a temporary directory, jars from the user's cache."""
    kafka = EmbeddedKafka(tmp_path_factory.mktemp("kafka"), jar_cache=default_cache_dir() / "jars")
    yield kafka.start(tied=True)
    kafka.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL. Each test works in a schema or a database of its own there."""
    with running_postgres(tmp_path_factory.mktemp("pg")) as url:
        yield url
