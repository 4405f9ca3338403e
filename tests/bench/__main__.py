"""`python -m tests.bench`: the fold as a worker runs it, compiled where it is built."""

import typer

from deploy.native.loading import prefer_compiled

if __name__ == "__main__":
    prefer_compiled()
    from tests.bench.command import main

    typer.run(main)
