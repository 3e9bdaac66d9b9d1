"""`python -m faceanim.engine`: the worker. With --check: what this Python has, as one line of JSON."""

import json
import sys

if "--check" in sys.argv[1:]:
    from .environment import describe

    print(json.dumps(describe()))
else:
    from .worker import main

    main()
