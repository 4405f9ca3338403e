"""Whether a database was ever made: opening SQLite for reading would leave an empty file behind."""

from pathlib import Path

from sqlalchemy import make_url


def is_missing(url: str) -> bool:
    """True where the file of a SQLite database is not there; PostgreSQL tells when asked."""
    parsed = make_url(url)
    return parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file()
