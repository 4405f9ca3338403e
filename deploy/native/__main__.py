"""`python -m deploy.native`, as `make setup` runs it: build the compiled fold where it can be."""

from deploy.console import say
from deploy.native.builds import default_root, source_root
from deploy.native.compiling import NotCompiled, build


def main() -> None:
    try:
        build(default_root(), source_root(), say)
    except NotCompiled as why:
        say(f"the account fold stays interpreted, at two thirds of the speed: {why}")


if __name__ == "__main__":
    main()
