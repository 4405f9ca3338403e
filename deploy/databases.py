"""Which databases an installation has, and where those are that are files."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import MetaData, make_url

from connectors.rewards.tables import metadata as ledger_tables
from deploy.settings import Settings
from projections.access.tables import SCHEMA as ACCESS_SCHEMA
from projections.access.tables import metadata as access_tables
from projections.tables import SCHEMA as VIEWS_SCHEMA
from projections.tables import metadata as views_tables


def databases(settings: Settings) -> Mapping[str, tuple[str, str, MetaData]]:
    """URL, schema and tables by name. The quota is left out: it counts calls of sites."""
    return {
        "views": (settings.views_url, VIEWS_SCHEMA, views_tables),
        "reward ledger": (settings.ledger_url, "ledger", ledger_tables),
        "access database": (settings.access_url, ACCESS_SCHEMA, access_tables),
    }


def sqlite_files(settings: Settings) -> dict[str, Path]:
    """The files of those databases that are SQLite's and are there, by name."""
    urls = {name: make_url(url) for name, (url, _, _) in databases(settings).items()}
    paths = {
        name: Path(url.database or "")
        for name, url in urls.items()
        if url.get_backend_name() == "sqlite"
    }
    return {name: path for name, path in paths.items() if path.is_file()}
