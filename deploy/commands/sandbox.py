"""`cactus sandbox`: a Chargebee site on this machine that lives a seeded billing life."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.sandbox.sandbox import SandboxSettings


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command("sandbox")(sandbox)


def sandbox(
    port: Annotated[int, typer.Option(help="where to listen; 0 takes a free port")] = 8765,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="same seed, same life")] = 1,
    customers: Annotated[int, typer.Option(min=1, help="how many will ever be")] = 1000,
    days: Annotated[int, typer.Option(min=1, help="length of the life")] = 365,
    start: Annotated[int, typer.Option(help="first instant, unix seconds")] = 1_764_547_200,
    webhook: Annotated[list[str] | None, typer.Option(help="where webhooks go")] = None,
    webhook_user: Annotated[str, typer.Option(help="basic auth of the webhooks")] = "",
    webhook_password: Annotated[str, typer.Option(envvar="CACTUS_SANDBOX_WEBHOOK_PASSWORD")] = "",
    api_key: Annotated[
        str, typer.Option(envvar="CACTUS_SANDBOX_API_KEY", help="the key that the API takes")
    ] = "test_sandbox_full_access",
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="share sent twice")] = 0.07,
    disorder: Annotated[float, typer.Option(min=0, max=1, help="share delayed")] = 0.07,
    lost: Annotated[float, typer.Option(min=0, max=1, help="share never sent")] = 0.005,
    catalog_1: Annotated[
        float, typer.Option(min=0, max=1, help="share of customers on product catalog 1.0")
    ] = 0.0,
    per_second: Annotated[float, typer.Option(min=0, help="webhooks per second; 0: no limit")] = 0,
    requests_per_minute: Annotated[int, typer.Option(min=0, help="API limit; 0: none")] = 0,
    speed: Annotated[
        float, typer.Option(min=0, help="simulated days per second from the start; 0: stand still")
    ] = 0,
) -> None:
    """A Chargebee to run against: API under /api/v2, webhooks, and control under /sandbox.

    Time stands still until POST /sandbox/advance or /sandbox/run, unless --speed is given.
    """
    import asyncio

    from deploy.sandbox.joining import Mix
    from deploy.sandbox.life import LifeSettings
    from deploy.sandbox.mailbag import Disturbance
    from deploy.sandbox.sandbox import API_KEY_NAME, SandboxSettings
    from deploy.sandbox.webhooks import DeliverySettings, Endpoint

    settings = SandboxSettings(
        life=LifeSettings(
            seed=seed,
            customers=customers,
            days=days,
            start=start,
            mix=Mix(catalog_1=catalog_1),
        ),
        disturbance=Disturbance(duplicate=duplicates, disorder=disorder, lost=lost),
        delivery=DeliverySettings(per_second=per_second or None),
        endpoints=tuple(
            Endpoint(url=url, user=webhook_user, password=webhook_password) for url in webhook or ()
        ),
        keys={api_key: API_KEY_NAME},
        requests_per_minute=requests_per_minute or None,
    )
    asyncio.run(_serve(settings, host, port, speed))


async def _serve(settings: "SandboxSettings", host: str, port: int, speed: float) -> None:
    from deploy.sandbox.sandbox import Sandbox
    from deploy.sandbox.server import build_server, listen
    from deploy.sandbox.terms import DAY

    listener = listen(host, port)
    sandbox = Sandbox(settings)
    typer.echo(f"sandbox: http://{host}:{listener.getsockname()[1]}", err=True)
    if speed > 0:
        sandbox.run(sandbox.life.end, step_seconds=DAY, pause_seconds=1 / speed)
    await build_server(sandbox).serve(sockets=[listener])
