"""`python -m deploy` is `cactus`: how the supervisor starts roles with its own interpreter."""

from deploy.cli import main

main()
