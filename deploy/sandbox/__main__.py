"""`python -m deploy.sandbox`: the same as `cactus sandbox`."""

import sys

from deploy.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "sandbox")
    main()
