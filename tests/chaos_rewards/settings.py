"""The settings of the rewarders of a run: as an installation's, but in a hurry."""

from pathlib import Path

from deploy.sandbox.hooks import SECRET
from deploy.sandbox.sandbox import API_KEY
from deploy.sandbox.tremendous import FUNDING_SOURCE, TOKEN
from tests.chaos_rewards.schedule import ABSENT_APART_SECONDS, LEASE_SECONDS, RETRY_AFTER_SECONDS
from tests.chaos_rewards.wishes import ENDPOINT, SITE

CONCURRENCY = 64
RETRY_WAITS = [0.2, 0.5, 1.0, *[1.5] * 60]
"""Enough to outlast an outage."""


def write_settings(directory: Path, *, servers: str, partitions: int, url: str) -> Path:
    """Returns the file of the reward ledger."""
    ledger = directory / "ledger.sqlite"
    (directory / "cactus.toml").write_text(f"""
partitions = {partitions}
clock_file = "{clock_file(directory)}"
[kafka]
bootstrap_servers = "{servers}"
[database]
ledger_url = "sqlite+aiosqlite:///{ledger}"
quota_url = "sqlite+aiosqlite:///{directory / "quota.sqlite"}"
[[sites]]
site = "{SITE}"
api_key = "{API_KEY}"
api_url = "{url}"
[chargebee]
requests_per_minute = 1000000
rewarders = 2
timeout_seconds = 1.0
throttled_seconds = {RETRY_AFTER_SECONDS}
[rewarder]
concurrency = {CONCURRENCY}
lease_seconds = {LEASE_SECONDS}
absent_apart_seconds = {ABSENT_APART_SECONDS}
[outgoing]
allow_loopback = true
timeout_seconds = 1.0
retry_waits = {RETRY_WAITS}
[[endpoints]]
name = "{ENDPOINT}"
url = "{url}/hooks/{ENDPOINT}"
secrets = ["{SECRET}"]
[tremendous]
api_key = "{TOKEN}"
api_url = "{url}/tremendous/api/v2"
funding_source = "{FUNDING_SOURCE}"
[log]
level = "warning"
format = "json"
""")
    return ledger


def clock_file(directory: Path) -> Path:
    return directory / "clock"
