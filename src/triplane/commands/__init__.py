"""One module for each subcommand: `configure` adds its options, `run` does it."""
