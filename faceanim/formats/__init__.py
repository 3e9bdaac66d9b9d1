"""A reader and writer a module; picked by suffix."""
