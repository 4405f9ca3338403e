"""What an audit found: one check for each promise, and whether all of them hold. PURE."""

from typing import Any

import msgspec

from deploy.audit.tally import Check


class AuditReport(msgspec.Struct, frozen=True):
    """One check for each promise."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return not any(check.breaches for check in self.checks)

    def document(self) -> dict[str, Any]:
        """As JSON says it."""
        return {"passed": self.passed, "checks": msgspec.to_builtins(self.checks)}
