"""The console: pages for people, rendered on the server, one module per page."""

from projections.service.console.addresses import PREFIX
from projections.service.console.assembly import build_console, problem_page

__all__ = ["PREFIX", "build_console", "problem_page"]
