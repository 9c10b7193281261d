"""The subcommands of `python -m training`, one module each."""
