"""The version, which stands in the manifest alone: at the root of the checkout and of the extension alike."""

import re
from pathlib import Path

_MANIFEST = Path(__file__).parents[2] / "blender_manifest.toml"
# by a regex: tomllib is not in Python 3.10, where the engine may run
VERSION: str = re.search(r'^version = "([^"]+)"', _MANIFEST.read_text(encoding="utf-8"), re.MULTILINE)[1]
