"""The bill of materials is that of the lock file."""

import json
import runpy

from tests.runtime.helpers import ROOT


def test_the_bill_of_materials_is_that_of_the_lock_file() -> None:
    made = runpy.run_path(str(ROOT / "tools" / "sbom.py"))["bill"]()
    kept = json.loads((ROOT / "docs" / "reference" / "sbom.json").read_text())
    assert kept == made, "run: make lock"
    named = {each["name"].lower(): each for each in kept["components"]}
    assert {"django", "psycopg", "cryptography"} <= set(named)
    assert all(each["hashes"] for each in named.values())
