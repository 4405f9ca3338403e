"""Settings: where they come from, and how wrong ones are refused."""

from pathlib import Path

import pytest

from deploy.errors import ConfigurationError
from deploy.quota import open_quota
from deploy.rolecall import choose_roles
from deploy.settings import load_settings

ALL = frozenset({"receiver", "poller", "worker", "projector", "rewarder", "kafka"})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_all_is_embedded_under_home() -> None:
    settings = load_settings()

    assert settings.kafka.bootstrap_servers is None
    assert settings.views_url.startswith("sqlite+aiosqlite:////")
    assert settings.views_url.endswith("/.cactus/views.sqlite")
    assert settings.ledger_url.endswith("/.cactus/ledger.sqlite")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("cactus.toml").write_text('partitions = 6\n[kafka]\nbootstrap_servers = "k:1"\n')
    monkeypatch.setenv("CACTUS_PARTITIONS", "12")

    settings = load_settings()

    assert settings.partitions == 12
    assert settings.kafka.bootstrap_servers == "k:1"


def test_a_secret_can_be_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+asyncpg://u:p@db/views\n")
    monkeypatch.setenv("CACTUS_DATABASE__VIEWS_URL_FILE", str(secret))

    settings = load_settings()

    assert settings.views_url == "postgresql+asyncpg://u:p@db/views"
    assert "u:p" not in repr(settings)


def test_the_secrets_of_a_site_can_be_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("live_abc\n")
    (tmp_path / "hooks").write_text("old:one\nnew:two\n")
    Path("cactus.toml").write_text(
        '[[sites]]\nsite = "acme-test"\napi_key_file = "key"\nwebhook_credentials_file = "hooks"\n'
    )

    site = load_settings().site("acme-test")

    assert site.api_key is not None
    assert site.api_key.get_secret_value() == "live_abc"
    assert [each.get_secret_value() for each in site.webhook_credentials] == ["old:one", "new:two"]


def test_a_secret_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACTUS_DATABASE__VIEWS_URL_FILE", "/no/such/file")

    with pytest.raises(ConfigurationError, match="cannot read /no/such/file"):
        load_settings()


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("partition = 3", "partition"),
        ("partitions = 0", "greater than or equal to 1"),
        ("[kafka]\nbootstrap = 'x'", "kafka.bootstrap"),
        ("[[sites]]\nsite = 'a'\nwebhook_credentials = ['nopassword']", "user:password"),
        ("[[sites]]\nsite = 'a'\nwebhook_credentials = ['a:b', 'c:d', 'e:f']", "at most 2"),
        ("[[sites]]\nsite = 'a'\n[[sites]]\nsite = 'a'", "once"),
        ("[[sites]]\nsite = 'a:b'", "pattern"),
        ("partitions = ", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused_in_words(toml: str, complaint: str) -> None:
    Path("cactus.toml").write_text(toml)

    with pytest.raises(ConfigurationError, match=complaint):
        load_settings()


def test_a_refused_secret_is_not_repeated_in_the_message() -> None:
    Path("cactus.toml").write_text("[[sites]]\nsite = 'a'\nwebhook_credentials = ['hunter2']")

    with pytest.raises(ConfigurationError) as refused:
        load_settings()

    assert "hunter2" not in str(refused.value)


def test_a_misspelt_variable_is_refused_with_the_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CACTUS_PARTITION", "3")

    with pytest.raises(ConfigurationError, match="Did you mean CACTUS_PARTITIONS"):
        load_settings()


def test_roles_without_work_are_left_out() -> None:
    Path("cactus.toml").write_text("[[sites]]\nsite = 'a'\nwebhook_credentials = ['u:p']")

    assert choose_roles(load_settings(), [], ALL) == [
        "receiver",
        "worker",
        "projector",
        "rewarder",
    ]


def test_up_without_a_site_says_how_to_write_one() -> None:
    with pytest.raises(ConfigurationError, match=r"\[\[sites\]\]"):
        choose_roles(load_settings(), [], ALL)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="choose from"):
        choose_roles(load_settings(), ["wroker"], ALL)


def test_ceilings_are_money_by_currency(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("cactus.toml").write_text('[ceilings]\nsite_per_hour = {USD = "500.00", JPY = "50000"}\n')
    assert load_settings().ceilings.site_per_hour == {"USD": "500.00", "JPY": "50000"}

    monkeypatch.setenv("CACTUS_CEILINGS__SITE_PER_HOUR", '{"JPY": "1.50"}')
    with pytest.raises(ConfigurationError, match="JPY takes no decimals"):
        load_settings()


async def test_a_quota_in_another_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACTUS_DATABASE__QUOTA_URL", "mysql+aiomysql://somewhere/quota")
    with pytest.raises(ConfigurationError, match=r"database\.quota_url: not mysql"):
        async with open_quota(load_settings()):
            pass
