"""Show an audit to people: a table of the checks, then examples of what is wrong."""

from rich.markup import escape
from rich.table import Table

from deploy.audit.report import AuditReport
from deploy.audit.tally import Check
from deploy.console import out


def print_report(report: AuditReport) -> None:
    table = Table("", "check", "what must hold", "examined", "breaches", box=None)
    table.columns[3].justify = table.columns[4].justify = "right"
    for check in report.checks:
        note = f"\n[yellow]{escape(check.note)}[/]" if check.note else ""
        table.add_row(
            _mark(check),
            check.name,
            f"{escape(check.sentence)}{note}",
            f"{check.examined:,}",
            f"{check.breaches:,}",
        )
    out.print(table)
    for check in report.checks:
        _print_examples(check)
    if report.passed:
        out.print("[bold green]PASS[/]  nothing is lost, doubled or unexplained")
    else:
        failed = ", ".join(check.name for check in report.checks if check.breaches)
        out.print(f"[bold red]FAIL[/]  {failed}")


def _mark(check: Check) -> str:
    if check.breaches:
        return "[red]✗[/]"
    # What nobody looked at is not proven.
    return "[green]✓[/]" if check.examined else "[yellow]–[/]"


def _print_examples(check: Check) -> None:
    if not check.breaches:
        return
    out.print(f"\n[bold red]{check.name}[/]: {check.breaches:,} breaches")
    for example in check.examples:
        out.print(f"  {example}", markup=False)
    more = check.breaches - len(check.examples)
    if more:
        out.print(f"  and {more:,} more", style="dim")
