"""`python -m tests.bench.service`: the service and the receiver under load, as tables."""

import asyncio
import logging
import tempfile
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.console import say
from deploy.kafka import EmbeddedKafka
from deploy.native.loading import prefer_compiled
from deploy.settings import default_cache_dir

if TYPE_CHECKING:
    from tests.bench.service.table import Row


class Figure(StrEnum):
    READS_SQLITE = "reads-sqlite"
    READS_POSTGRES = "reads-postgres"
    FRESHNESS = "freshness"
    RECEIVING = "receiving"


Only = Annotated[list[Figure] | None, typer.Option("--only", help="This; may be repeated.")]


def main(
    accounts: Annotated[int, typer.Option(min=1_000, help="Accounts to read.")] = 1_000_000,
    seconds: Annotated[int, typer.Option(min=5, help="How long each lasts.")] = 60,
    only: Only = None,
) -> None:
    """Measure reads, freshness and receiving, on a Kafka and databases of their own."""
    from tests.bench.service.table import print_rows

    # A topic just made has no leader for a moment, which aiokafka calls an error.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="cactus-bench-") as directory:
        kafka = EmbeddedKafka(
            Path(directory, "kafka"), jar_cache=default_cache_dir() / "jars", say=say
        )
        servers = kafka.start(tied=True).bootstrap_servers
        try:
            rows = [
                row
                for figure in only or Figure
                for row in asyncio.run(_measure(figure, servers, accounts, seconds, directory))
            ]
        finally:
            kafka.stop()
    print_rows("the service under load", rows)


async def _measure(
    figure: Figure, servers: str, accounts: int, seconds: int, directory: str
) -> "list[Row]":
    from tests.bench.service.freshness import measure_freshness
    from tests.bench.service.reads import measure_reads
    from tests.bench.service.receiving import measure_receiving
    from tests.support.postgres import running_postgres

    where = Path(directory)
    match figure:
        case Figure.FRESHNESS:
            return await measure_freshness(
                servers, rate=200, seconds=seconds, directory=where, say=say
            )
        case Figure.RECEIVING:
            return [
                await measure_receiving(
                    servers, rate=500, seconds=seconds, directory=where, say=say
                )
            ]
        case _:
            with ExitStack() as stack:
                url = None
                if figure is Figure.READS_POSTGRES:
                    url = stack.enter_context(running_postgres(where / "postgres"))
                return [
                    await measure_reads(
                        servers,
                        accounts=accounts,
                        rate=1_000,
                        seconds=seconds,
                        views_url=url,
                        directory=where,
                        say=say,
                    )
                ]


if __name__ == "__main__":
    prefer_compiled()
    typer.run(main)
