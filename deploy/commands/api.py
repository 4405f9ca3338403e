"""`cactus api`: the role that answers the query API and serves the console."""

import typer


def register(app: typer.Typer) -> None:
    app.command()(api)


def api() -> None:
    """Serve the API under /v1 and the console under /console.

    Make a key with `cactus keys create`, then:
    curl -H "Authorization: Bearer KEY" http://HOST:8090/v1/customers/CUSTOMER
    """
    from deploy import loop
    from deploy.roles.api import run_api
    from deploy.settings import load_settings

    loop.run(run_api(load_settings()))
