"""The process that draws a document from a template people wrote: one that loops or grows without end can at worst end this one.

Run as ``python printer.py FOLDER FONTS MEMORY SECONDS``; it imports nothing of Guanxi, limits its own memory and time, and
writes the PDF to standard output. With exit code 3 it writes instead what is wrong with the template, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

#: The exit code for a template that is wrong.
WRONG = 3


def main() -> int:
    """Limit this process, then draw."""
    folder, fonts, memory, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import typst  # noqa: PLC0415 - after the limits are set

    nowhere = str(Path(folder) / "packages")
    try:
        made = typst.compile(
            str(Path(folder) / "main.typ"), root=folder, font_paths=[fonts], ignore_system_fonts=True,
            package_path=nowhere, package_cache_path=nowhere,
        )  # fmt: skip
    except RuntimeError as error:
        said = {"error": str(error)[:300], "diagnostic": str(getattr(error, "diagnostic", ""))[:2000]}
        sys.stdout.write(json.dumps(said))
        return WRONG
    sys.stdout.buffer.write(bytes(made))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
