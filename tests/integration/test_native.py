"""The compiled fold: the same bytes as the interpreted one, never a stale or a broken build."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from deploy.kafka import Running
from deploy.native.builds import MANIFEST, default_root, source_root
from deploy.native.compiling import ASKED_BY_EVERY_FACT, NotCompiled, build
from deploy.rolecall import health_url
from schemas.codec import FACTS
from schemas.facts import AnyFact
from tests.bench.facts import live
from tests.chaos.workers import Workers
from tests.properties.test_account_laws import PROGRAMS, histories
from tests.support.folded import Told
from tests.support.topics import fresh_topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

CUSTOMERS, LIVED_FACTS = 150, 3_000
HISTORIES = 400
FOLDING_NOTHING = (
    "tests/properties/test_rewards_once.py",
    "tests/properties/test_untranslatable.py",
)
"""Laws of the rewarder and of the translator: none of what they run is compiled but ids."""
HOW_IT_RUNS = """
import sys
from pathlib import Path
from deploy.native.loading import prefer_compiled, running_fold
prefer_compiled(Path(sys.argv[1]))
print(running_fold())
"""


@pytest.fixture(scope="module")
def built() -> Path:
    """The build of these sources, made now where it is missing."""
    try:
        return build(default_root(), source_root(), print)
    except NotCompiled as why:
        pytest.skip(f"NOTHING PROVES THE COMPILED FOLD HERE: {why}")


def run(*command: str, code: Path | None = None, native: str = "on") -> str:
    """What a process of its own prints. `code` holds the packages that it imports."""
    where = code or source_root()
    environment = {**os.environ, "CACTUS_NATIVE": native, "PYTHONPATH": str(where)}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def how_it_runs(built: Path, *, code: Path | None = None, native: str = "on") -> str:
    """What a process tells that prefers what is built beside `built`; a warning would end it."""
    command = ("-W", "error", "-c", HOW_IT_RUNS, str(built.parent))
    return run(*command, code=code, native=native).strip()


def copied(code: Path) -> Path:
    """Our packages in another place."""
    for package in ("schemas", "streams", "deploy"):
        shutil.copytree(source_root() / package, code / package)
    return code


def told() -> list[Told]:
    """The sandbox's customers under the sample program, and random lives under harsher ones."""
    lived = [FACTS.encode(each.fact) for each in live(CUSTOMERS, LIVED_FACTS).lived]
    every: list[Told] = [(0, lived)]

    @seed(1)
    @settings(max_examples=HISTORIES, phases=[Phase.generate], database=None)
    @given(st.integers(1, len(PROGRAMS)), histories)
    def tell(program: int, history: list[AnyFact]) -> None:
        every.append((program, [FACTS.encode(fact) for fact in history]))

    tell()
    return every


def test_the_compiled_fold_gives_the_very_bytes_of_the_interpreted_one(
    built: Path, tmp_path: Path
) -> None:
    file = tmp_path / "told"
    file.write_bytes(msgspec.msgpack.encode(told()))
    command = ("-m", "tests.support.compiled", "tests.support.folded", str(file))

    compiled = run(*command).splitlines()
    interpreted = run(*command, native="off").splitlines()

    assert (compiled[0], interpreted[0]) == ("compiled", "interpreted")
    assert len(compiled) > LIVED_FACTS + HISTORIES
    assert compiled[1:] == interpreted[1:]


def test_the_laws_hold_on_the_compiled_fold(built: Path) -> None:
    laws = ("tests/properties", "tests/unit/streams", "tests/scenarios")
    others = [f"--ignore={each}" for each in FOLDING_NOTHING]
    assert all((source_root() / each).exists() for each in FOLDING_NOTHING)
    pytest_on_it = ("-m", "tests.support.compiled", "pytest", "-p", "no:cacheprovider", "-q")

    said = run(*pytest_on_it, *laws, *others)

    assert "passed" in said


def test_an_edited_source_is_interpreted_until_it_is_built(built: Path, tmp_path: Path) -> None:
    code = copied(tmp_path / "code")
    assert how_it_runs(built, code=code) == "compiled"

    with (code / "streams/account/lots.py").open("a") as source:
        source.write("# a word more\n")

    assert how_it_runs(built, code=code) == "interpreted"


def test_a_type_that_compiled_code_trusts_is_a_source_too(built: Path, tmp_path: Path) -> None:
    code = copied(tmp_path / "code")

    with (code / "schemas/points.py").open("a") as source:
        source.write("# a word more\n")

    assert how_it_runs(built, code=code) == "interpreted"


def cut(library: Path) -> None:
    library.write_bytes(library.read_bytes()[:10_000])


def forget_the_list(library: Path) -> None:
    (library.parent / MANIFEST).write_text("{")


@pytest.mark.parametrize("damage", [cut, Path.unlink, forget_the_list])
def test_a_broken_build_is_none(
    built: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    copy = tmp_path / "native" / built.name
    shutil.copytree(built, copy)
    assert how_it_runs(copy) == "compiled"

    damage(next(copy.glob("*__mypyc*")))

    assert how_it_runs(copy) == "interpreted"


def test_what_mypyc_refuses_is_not_built(tmp_path: Path) -> None:
    code, root = copied(tmp_path / "code"), tmp_path / "native"
    with (code / "streams/account/lots.py").open("a") as source:
        source.write('wrong: int = "text"\n')

    with pytest.raises(NotCompiled, match=r"lots\.py"):
        build(root, code, lambda _line: None)

    assert [path.name for path in root.iterdir()] == ["lock"]


def test_the_newest_whole_build_is_taken(built: Path, tmp_path: Path) -> None:
    root = tmp_path / "native"
    shutil.copytree(built, root / built.name)
    (root / f"{built.name}.1").mkdir()

    assert how_it_runs(root / built.name) == "compiled"


def test_it_can_be_switched_off(built: Path) -> None:
    assert how_it_runs(built, native="off") == "interpreted"


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("running", ["compiled", "interpreted"])
async def test_a_worker_says_how_it_folds(
    broker: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running: str
) -> None:
    monkeypatch.setenv("CACTUS_NATIVE", "on" if running == "compiled" else "off")
    topics = await fresh_topics(broker, 1)
    workers = Workers(tmp_path, broker.bootstrap_servers, topics, count=1, partitions=1)
    workers.start()
    try:
        await eventually(lambda: health_url(tmp_path / "home-0" / "run", "worker"), 60.0)
        async with httpx.AsyncClient(trust_env=False) as client:
            url = health_url(tmp_path / "home-0" / "run", "worker")
            metrics = (await client.get(f"{url}/metrics")).text
    finally:
        await workers.stop()

    assert f'cactus_fold_info{{running="{running}"}} 1.0' in metrics
    assert [each["fold"] for each in workers.logged("folding")] == [running]


def test_a_trace_shows_the_lines_of_the_compiled_source(built: Path) -> None:
    code = (
        "import traceback\n"
        "from deploy.native.loading import prefer_compiled\n"
        "prefer_compiled()\n"
        "from streams.account.compiled import reduced\n"
        "try:\n"
        "    reduced(0, 0)\n"
        "except ZeroDivisionError:\n"
        "    print(traceback.format_exc())\n"
    )

    trace = run("-c", code)

    assert 'File "streams/account/compiled.py"' in trace
    assert "numerator // divisor, denominator // divisor" in trace


def test_every_module_of_the_fold_is_compiled_but_those_of_structs(built: Path) -> None:
    fold = list((source_root() / "streams/account").glob("*.py"))
    structs = {path.stem for path in fold if "(msgspec.Struct" in path.read_text()}
    compiled = {path.name.partition(".")[0] for path in built.rglob("streams/account/*")}
    beside = {path.name.partition(".")[0] for path in built.rglob("schemas/**/*.*")}

    assert {"state", "past"} <= structs
    assert compiled == {path.stem for path in fold} - structs - {"__init__"}
    assert beside == {Path(path).stem for path in ASKED_BY_EVERY_FACT}
