"""The commands, a module a group: each gives its options, its function, and its report in words; cli.py runs them."""
