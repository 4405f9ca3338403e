"""A draft of a program as somebody typed it, refused in the service's own words."""

from projections.service.ports import DraftProblem, DraftRefused
from schemas.program.load import ProgramRefusedError, load_program
from schemas.program.model import Program


def read_draft(yaml_text: str, site: str, why: str = "") -> Program:
    """The program, which must be of `site`; `why` ends the sentence that says so.

    Raises `DraftRefused`.
    """
    try:
        draft = load_program(yaml_text)
    except ProgramRefusedError as refused:
        problems = [
            DraftProblem(path=each.path, line=each.line, message=each.message)
            for each in refused.problems
        ]
        raise DraftRefused(problems) from refused
    if draft.site != site:
        message = f"the draft is of site {draft.site}; write {site}{why}"
        raise DraftRefused([DraftProblem(path="site", line=1, message=message)])
    return draft
