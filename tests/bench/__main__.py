"""`python -m tests.bench`: the fold as `cactus` runs it, compiled where it is built."""

import typer

from deploy.collector import collect_seldom
from deploy.native.loading import prefer_compiled

if __name__ == "__main__":
    collect_seldom()
    prefer_compiled()
    from tests.bench.command import main

    typer.run(main)
