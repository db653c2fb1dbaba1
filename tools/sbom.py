"""Write docs/reference/sbom.json: what the product runs on, from the lock file, as CycloneDX 1.6."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference" / "sbom.json"
_PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+)")


def components(lock: str) -> list[dict[str, Any]]:
    """One component for each pinned package of a lock file, with the SHA-256 sums it may have."""
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        pinned = _PINNED.match(line)
        if pinned:
            name, version = pinned.groups()
            found.append(
                {
                    "type": "library",
                    "name": name,
                    "version": version,
                    "purl": f"pkg:pypi/{name.lower()}@{version}",
                    "hashes": [],
                }
            )
        for digest in re.findall(r"--hash=sha256:([0-9a-f]{64})", line):
            found[-1]["hashes"].append({"alg": "SHA-256", "content": digest})
    return found


def bill() -> dict[str, Any]:
    """The whole document; the same lock file gives the same bytes."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "name": "guanxi", "licenses": [{"license": {"id": "Apache-2.0"}}]}
        },
        "components": components((ROOT / "requirements.lock").read_text()),
    }


def main() -> None:
    """Write it."""
    TARGET.write_text(json.dumps(bill(), indent=1) + "\n")
    sys.stdout.write(f"wrote {TARGET.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
