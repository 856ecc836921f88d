"""Makes `small_networks` importable by the tests in this folder and below it."""
