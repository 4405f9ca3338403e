"""`cactus worker`: the role that translates events into facts and folds them into points."""

import typer


def register(app: typer.Typer) -> None:
    app.command()(worker)


def worker() -> None:
    """Translate events into facts and fold facts into points events, exactly once.

    Several may run: they share the partitions. One that dies is replaced by the others within the
    session timeout; nothing is lost or doubled.
    """
    from deploy.loop import run
    from deploy.roles.worker import run_worker
    from deploy.settings import load_settings

    run(run_worker(load_settings()))
