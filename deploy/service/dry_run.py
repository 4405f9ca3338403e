"""Try a draft of a program on one customer's history."""

from deploy.clock import choose_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.dry_run.run import DryRun, dry_run
from deploy.replay.history import CannotTell, read_history
from deploy.replay.reader import Progress, open_reader
from deploy.settings import Settings
from deploy.views import find_account, reading_own_views
from schemas.program.model import Program


async def try_on(
    settings: Settings, draft: Program, customer: str, progress: Progress = lambda *_: None
) -> DryRun:
    """Raises `UnknownCustomer`, and `CannotTell` where the account is erased or facts are gone."""
    async with reading_own_views(settings) as connection:
        account = await find_account(connection, customer, draft.site)
        if account.erased:
            raise CannotTell(f"{customer} of {draft.site} was erased: nothing is left to try.")
        async with open_reader(bootstrap_servers(settings), topics_of(settings)) as reader:
            history = await read_history(
                connection, reader, draft.site, customer, progress=progress
            )
    if history.missing:
        raise CannotTell(
            f"{len(history.missing):,} facts of {customer} are no longer in the log: what the "
            "draft would have done with them cannot be told."
        )
    return dry_run(history, draft, choose_clock(settings.clock_file)())
