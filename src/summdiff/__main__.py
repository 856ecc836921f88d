"""`python -m summdiff` is the `summdiff` command."""

from summdiff.cli.app import main

main()
