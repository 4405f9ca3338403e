"""What the roles say of themselves, read from their `/metrics`."""

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.rolecall import health_url

ANSWER_SECONDS_MAX = 5.0

Labels = frozenset[tuple[str, str]]


class Readings:
    """The samples of one moment, by role."""

    def __init__(self, pages: dict[str, str]) -> None:
        self._samples = {
            role: [
                (sample.name, frozenset(sample.labels.items()), sample.value)
                for family in text_string_to_metric_families(page)
                for sample in family.samples
            ]
            for role, page in pages.items()
        }

    def knows(self, role: str) -> bool:
        return role in self._samples

    def total(self, role: str, name: str, **labels: str) -> int:
        """The sum of a metric's samples that carry these labels; 0 where there is none."""
        wanted = labels.items()
        return int(
            sum(
                value
                for found, carried, value in self._samples.get(role, ())
                if found == name and wanted <= carried
            )
        )


class Meters:
    """Reads the pages of some roles; one that does not answer is left out."""

    def __init__(self, run_dir: Path, roles: list[str]) -> None:
        self._run_dir = run_dir
        self._roles = roles
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def read(self) -> Readings:
        pages = {}
        for role in self._roles:
            url = health_url(self._run_dir, role)
            if url is None:
                continue
            try:
                answer = await self._client.get(f"{url}/metrics")
            except httpx.TransportError:
                continue
            pages[role] = answer.text
        return Readings(pages)
