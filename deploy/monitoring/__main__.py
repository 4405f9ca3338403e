"""`python -m deploy.monitoring [--check]`: write the generated files, or hold them to the code."""

import sys

from deploy.monitoring.files import stale, write


def main(arguments: list[str]) -> int:
    if arguments != ["--check"]:
        write()
        return 0
    found = stale()
    if found:
        sys.stderr.write(f"not up to date: {', '.join(found)}; run make schemas\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
