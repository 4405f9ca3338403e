"""Every setting there is, from the environment and a file, in one place and read once.

`CACTUS_PARTITIONS=6`, `CACTUS_KAFKA__BOOTSTRAP_SERVERS=...`; the same names, nested, in
`cactus.toml`. The environment wins. A setting inside a section may be given as `<name>_file`, a
path to read it from: secrets need never stand in a settings file or in the environment.
Two variables are read before there are settings: `CACTUS_CONFIG` names the file, and
`CACTUS_NATIVE=off` leaves the account fold interpreted (see `deploy.native`).
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from connectors.outgoing.signing import SECRETS_MAX, check_secret
from deploy.errors import ConfigurationError
from deploy.native.loading import NATIVE_VARIABLE

PREFIX = "CACTUS_"
FILE_VARIABLE = "CACTUS_CONFIG"
FILE_DEFAULT = Path("cactus.toml")
CREDENTIALS_MAX = 2

Role = Literal["receiver", "poller", "worker", "projector", "rewarder", "api"]
ROLES: tuple[Role, ...] = ("receiver", "poller", "worker", "projector", "rewarder", "api")

SiteName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,49}$")]
Port = Annotated[int, Field(ge=0, le=65535)]


def default_cache_dir() -> Path:
    """Where downloads are kept between installations; beside the data where HOME is not ours."""
    cache = platformdirs.user_cache_path("hellocactus", appauthor=False)
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(".cactus") / "cache"
    return cache if os.access(cache, os.W_OK) else Path(".cactus") / "cache"


class Section(BaseModel):
    """A part of the settings. Unknown keys are errors, and `<name>_file` reads a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        read: dict[str, Any] = {}
        for name, value in values.items():
            plain = name.removesuffix("_file")
            if plain == name or name in cls.model_fields or plain not in cls.model_fields:
                read[name] = value
                continue
            if plain in values:
                msg = f"give {plain} or {name}, not both"
                raise ValueError(msg)
            try:
                read[plain] = Path(value).read_text(encoding="utf-8").strip()
            except OSError as error:
                msg = f"{name}: cannot read {value}: {error.strerror}"
                raise ValueError(msg) from error
        return read


class Kafka(Section):
    """Which cluster. Without `bootstrap_servers` an embedded broker is used."""

    bootstrap_servers: str | None = None
    port: Port = Field(0, description="of the embedded broker; 0 chooses one and keeps it")
    java: Path | None = Field(None, description="for the embedded broker, instead of PATH")


class Database(Section):
    """SQLAlchemy URLs. The two databases have one writing role each; default: SQLite under home."""

    views_url: SecretStr | None = None
    ledger_url: SecretStr | None = None


class Site(Section):
    """One Chargebee site."""

    site: SiteName
    api_key: SecretStr | None = None
    api_url: str | None = Field(None, description="instead of the site's own; for a sandbox")
    webhook_credentials: list[SecretStr] = Field(
        default_factory=list,
        description="user:password of the webhook; two may live at once, for rotation",
    )

    @field_validator("webhook_credentials", mode="before")
    @classmethod
    def _split_lines(cls, value: object) -> object:
        """A file holds one pair per line."""
        return value.split() if isinstance(value, str) else value

    @field_validator("webhook_credentials")
    @classmethod
    def _pairs(cls, value: list[SecretStr]) -> list[SecretStr]:
        if len(value) > CREDENTIALS_MAX:
            msg = f"at most {CREDENTIALS_MAX} credentials may live at once"
            raise ValueError(msg)
        for each in value:
            user, colon, password = each.get_secret_value().partition(":")
            if not (user and colon and password):
                msg = "each credential is written user:password"
                raise ValueError(msg)
        return value


class Receiver(Section):
    """Where webhooks arrive."""

    host: str = "127.0.0.1"
    port: Port = 8080


class Api(Section):
    """Where balances are served."""

    host: str = "127.0.0.1"
    port: Port = 8090


class Poller(Section):
    """How often, and how far back, the Events API is walked."""

    interval_seconds: float = Field(60.0, gt=0)
    overlap_seconds: int = Field(600, ge=0)


class Endpoint(Section):
    """A service that gives what we cannot: programs name it in `gift_card`, `charity`, `custom`."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    url: str
    secrets: list[SecretStr] = Field(
        description="whsec_…, of Standard Webhooks; a second one may live, for rotation"
    )

    @field_validator("secrets", mode="before")
    @classmethod
    def _split_lines(cls, value: object) -> object:
        """A file holds one secret per line."""
        return value.split() if isinstance(value, str) else value

    @field_validator("secrets")
    @classmethod
    def _usable(cls, value: list[SecretStr]) -> list[SecretStr]:
        if not 1 <= len(value) <= SECRETS_MAX:
            msg = f"one secret, or {SECRETS_MAX} while they are rotated"
            raise ValueError(msg)
        for each in value:
            check_secret(each.get_secret_value())
        return value


class Tremendous(Section):
    """The account at Tremendous that gift cards and donations are ordered from."""

    api_key: SecretStr | None = None
    api_url: str = Field(
        "https://www.tremendous.com/api/v2", description="testflight.tremendous.com to try it"
    )
    funding_source: str = Field("balance", description="what orders are paid from")


class Outgoing(Section):
    """What may be called of services that merchants name: https to public addresses."""

    ports: list[int] = Field(default_factory=lambda: [443])
    allow_loopback: bool = Field(
        default=False, description="for development: call this machine too, without https"
    )


class Chargebee(Section):
    """What we allow ourselves of each site's quota: 80 % of the plan's figure, over all processes.

    The poller takes its share, the rewarder the rest; of several rewarders each takes its part.
    """

    requests_per_minute: int = Field(120, gt=0)
    poller_share: float = Field(0.25, gt=0, lt=1)
    rewarders: int = Field(1, ge=1, description="how many rewarder processes share the rest")
    timeout_seconds: float = Field(15.0, gt=0)

    @property
    def poller_per_minute(self) -> float:
        return self.requests_per_minute * self.poller_share

    @property
    def rewarder_per_minute(self) -> float:
        return self.requests_per_minute * (1 - self.poller_share) / self.rewarders


class Rewarder(Section):
    """How rewards are worked off. Chargebee forgets an idempotency key after 30 minutes."""

    concurrency: int = Field(8, ge=1, le=64, description="calls in flight per site")
    lease_seconds: float = Field(120.0, ge=5, description="until a dead one is relieved")
    key_life_seconds: int = Field(25 * 60, gt=0, le=28 * 60)
    absent_apart_seconds: float = Field(
        60.0, gt=0, description="between two readings that together prove a reward absent"
    )
    give_up_seconds: float = Field(24 * 3600.0, gt=0, description="then it waits for a human")


class Health(Section):
    """`/livez`, `/readyz`, `/metrics` of each role. Port 0 chooses one; `run/<role>.json` tells."""

    host: str = "127.0.0.1"
    ports: dict[Role, Port] = Field(default_factory=dict)

    def port_of(self, role: str) -> int:
        return {str(name): port for name, port in self.ports.items()}.get(role, 0)


class Log(Section):
    """How roles log, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """Every setting, frozen."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    home: Path = Field(Path(".cactus"), description="embedded broker, SQLite files, run files")
    cache: Path = Field(default_factory=default_cache_dir, description="downloads")
    topic_prefix: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{0,50}$")] = ""
    partitions: int = Field(4, ge=1, le=1000, description="fixed once topics exist")
    replication: int = Field(1, ge=1)
    app_id: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,50}$")] = "cactus"
    clock_file: Path | None = Field(None, description="a time machine's clock, for a sandbox only")
    kafka: Kafka = Kafka()
    database: Database = Database()
    sites: list[Site] = Field(default_factory=list)
    programs: list[Path] = Field(default_factory=list, description="published by cactus up")
    receiver: Receiver = Receiver()
    api: Api = Api()
    poller: Poller = Poller()
    chargebee: Chargebee = Chargebee()
    rewarder: Rewarder = Rewarder()
    endpoints: list[Endpoint] = Field(default_factory=list)
    tremendous: Tremendous = Tremendous()
    outgoing: Outgoing = Outgoing()
    health: Health = Health()
    log: Log = Log()

    @model_validator(mode="after")
    def _sites_differ(self) -> Self:
        names = [site.site for site in self.sites]
        if len(set(names)) < len(names):
            msg = "sites: each site may stand there once"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _endpoints_differ(self) -> Self:
        names = [endpoint.name for endpoint in self.endpoints]
        if len(set(names)) < len(names):
            msg = "endpoints: each name may stand there once"
            raise ValueError(msg)
        return self

    @property
    def views_url(self) -> str:
        return self._url(self.database.views_url, "views.sqlite")

    @property
    def ledger_url(self) -> str:
        return self._url(self.database.ledger_url, "ledger.sqlite")

    @property
    def run_dir(self) -> Path:
        return self.home / "run"

    def site(self, name: str) -> Site:
        for site in self.sites:
            if site.site == name:
                return site
        known = ", ".join(site.site for site in self.sites) or "none"
        msg = f"No site {name!r} in the settings; known: {known}."
        raise ConfigurationError(msg)

    def _url(self, given: SecretStr | None, file: str) -> str:
        if given is not None:
            return given.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.home / file).absolute()}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_settings_file())
        return (init_settings, env_settings, toml)


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` are what the command line says."""
    file = _settings_file()
    if os.environ.get(FILE_VARIABLE) and not file.is_file():
        msg = f"{FILE_VARIABLE} names {file}, and there is no such file."
        raise ConfigurationError(msg)
    _refuse_unknown_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from error
    except ValueError as error:  # the file is not TOML, or a variable is not JSON
        cause = error.__cause__ or error
        msg = f"The settings cannot be read ({file} or a {PREFIX} variable): {error}: {cause}"
        raise ConfigurationError(msg) from error


def _settings_file() -> Path:
    return Path(os.environ.get(FILE_VARIABLE) or FILE_DEFAULT)


def _refuse_unknown_variables() -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    known |= {FILE_VARIABLE, NATIVE_VARIABLE}
    for name in os.environ:
        head = name.upper().split("__")[0]
        if head.startswith(PREFIX) and head not in known:
            near = difflib.get_close_matches(head, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            msg = f"The environment variable {name} is no setting of ours.{hint}"
            raise ConfigurationError(msg)


def _explain(error: ValidationError) -> str:
    lines = [
        f"  {'.'.join(str(part) for part in each['loc']) or 'settings'}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False)
    ]
    return "Some settings cannot be right:\n" + "\n".join(lines)
