"""`python -m faceanim …`."""

import sys

from .cli import main

if __name__ == "__main__":
    # file names and IPA print on every terminal, also on one that is not UTF-8
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    sys.exit(main())
