"""System programs that some tests need. Where one is missing, the summary says so."""

import shutil

import pytest


def tool(name: str) -> str:
    """Its path, or the test is skipped with the reason in the summary."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"NOT TESTED: {name} is not installed (Debian: apt-get install prometheus)")
    return path
