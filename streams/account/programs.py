"""The program versions known at an offset, and which of them holds at an instant. PURE."""

from functools import lru_cache

import msgspec
from pydantic import ValidationError

from schemas.facts import ProgramPublished
from schemas.program.model import Program
from streams.account.compiled import CompiledProgram, CompiledReward

_encode = msgspec.json.Encoder(order="deterministic").encode


class UnusableProgramError(ValueError):
    """A published document is no program this code understands."""


class Programs:
    """Immutable. Sites have one program at a time: the greatest (effective_from, version) holds.

    `confirmed_by` are per site the activities that lots of any version wait for; sites where none
    waits are absent. What a lot of a version waits for is known to every fact that is folded again,
    also to one that came before that version: a fact that came late may have opened the lot.
    """

    __slots__ = ("_by_number", "_by_site", "_documents", "_earlier", "confirmed_by")

    def __init__(self, documents: tuple[bytes, ...] = ()) -> None:
        self._documents = documents
        self._by_site: dict[str, list[CompiledProgram]] = {}
        self._earlier: dict[int, Programs] = {}
        for document in documents:
            compiled = _compile(document)
            self._by_site.setdefault(compiled.site, []).append(compiled)
        self._by_number: dict[tuple[str, str, int], CompiledProgram] = {
            (site, each.id, each.version): each
            for site, versions in self._by_site.items()
            for each in versions
        }
        for versions in self._by_site.values():
            versions.sort(key=lambda each: (each.effective_at, each.version), reverse=True)
        self.confirmed_by: dict[str, frozenset[str]] = {
            site: waiting
            for site, versions in self._by_site.items()
            if (waiting := frozenset[str]().union(*(each.confirmed_by for each in versions)))
        }

    def with_published(self, fact: ProgramPublished) -> "Programs":
        """The versions known from this fact on. Raises `UnusableProgramError`.

        A version is published once: what arrives later under the same number changes nothing.
        """
        document = _encode({**fact.document, "version": fact.version})
        new = _compile(document)
        if self.published(new.site, new.id, new.version) is not None:
            return self
        return Programs((*self._documents, document))

    def published(self, site: str, program: str, version: int) -> CompiledProgram | None:
        """The version of this number."""
        return self._by_number.get((site, program, version))

    @property
    def count(self) -> int:
        return len(self._documents)

    def first(self, count: int) -> "Programs":
        """The versions that were known when there were so many."""
        if count >= len(self._documents):
            return self
        earlier = self._earlier.get(count)
        if earlier is None:
            earlier = self._earlier[count] = Programs(self._documents[:count])
            earlier._by_number, earlier.confirmed_by = self._by_number, self.confirmed_by
        return earlier

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self._documents)

    @classmethod
    def decode(cls, data: bytes) -> "Programs":
        return cls(msgspec.msgpack.decode(data, type=tuple[bytes, ...]))

    def effective(self, site: str, at: int) -> CompiledProgram | None:
        """The version that holds for the site at the instant, among those known."""
        for program in self._by_site.get(site, ()):
            if program.effective_at <= at:
                return program
        return None

    def reward(self, site: str, reward: str) -> CompiledReward:
        """What the newest version that has the reward says of it."""
        for program in self._by_site[site]:
            for each in program.rewards:
                if each.id == reward:
                    return each
        raise KeyError(reward)


@lru_cache(maxsize=256)
def _compile(document: bytes) -> CompiledProgram:
    try:
        return CompiledProgram(Program.model_validate_json(document))
    except ValidationError as error:
        raise UnusableProgramError(f"a published program cannot be read: {error}") from error
