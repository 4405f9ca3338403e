"""Run a module as a worker runs: on the compiled fold, where it is built.

`python -m tests.support.compiled pytest tests/properties`; CACTUS_NATIVE=off leaves it interpreted.
"""

import runpy
import sys

from deploy.native.loading import prefer_compiled

if __name__ == "__main__":
    prefer_compiled()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
