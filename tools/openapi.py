"""Write docs/reference/openapi.json, the API's description: ``python tools/openapi.py`` (``--check`` only compares).

The document is made from the product's entities; a test compares it, so that a change of the API is seen in review.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "reference" / "openapi.json"


def document() -> dict[str, Any]:
    """The description of the product's API, in English."""
    sys.path.insert(0, str(ROOT / "src"))
    os.environ.setdefault("GUANXI_SECRET_KEY", "openapi")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")
    import django  # noqa: PLC0415 - needs the settings above

    django.setup()
    from guanxi.core.api.service import api, openapi  # noqa: PLC0415 - needs the entities

    return openapi(api)


def text_of(found: dict[str, Any]) -> str:
    """The document as it stands in the file."""
    return json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True, default=str) + "\n"


def main() -> int:
    """Write the file, or with ``--check`` say whether it is up to date."""
    text = text_of(document())
    if "--check" in sys.argv:
        same = FILE.is_file() and FILE.read_text(encoding="utf-8") == text
        print("up to date" if same else "docs/reference/openapi.json is old: run `make openapi`")
        return 0 if same else 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.relative_to(ROOT)}: {len(text):,} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
