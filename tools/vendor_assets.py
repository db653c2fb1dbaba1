"""Fetch the browser libraries we ship and copy them to `core/web/static/vendor`.

Run by a developer when a library is renewed, never at run time: `python tools/vendor_assets.py`. It installs the pinned
versions below with npm into a temporary folder, copies the few files we serve, builds the icon sprite from
`static/vendor/icons.txt` (add a name there to have one more icon) and rewrites `VENDOR.md`.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "src/guanxi/core/web/static/vendor"

# package, version, licence, what it is for, (file in the package → file here)
LIBRARIES: list[tuple[str, str, str, str, dict[str, str]]] = [
    (
        "@tabler/core",
        "1.6.1",
        "MIT",
        "look of every page (Bootstrap 5)",
        {"dist/css/tabler.min.css": "tabler/tabler.min.css"},
    ),
    (
        "htmx.org",
        "2.0.11",
        "0BSD",
        "partial pages",
        {"dist/htmx.min.js": "htmx/htmx.min.js", "LICENSE": "htmx/LICENSE"},
    ),
    (
        "sortablejs",
        "1.15.7",
        "MIT",
        "dragging on boards and in the column chooser",
        {"Sortable.min.js": "sortable/sortable.min.js", "LICENSE": "sortable/LICENSE"},
    ),
    (
        "tom-select",
        "2.6.2",
        "Apache-2.0",
        "pickers that search",
        {
            "dist/js/tom-select.popular.min.js": "tom-select/tom-select.min.js",
            "dist/css/tom-select.bootstrap5.min.css": "tom-select/tom-select.min.css",
            "LICENSE": "tom-select/LICENSE",
        },
    ),
    (
        "echarts",
        "6.1.0",
        "Apache-2.0",
        "charts",
        {"dist/echarts.common.min.js": "echarts/echarts.min.js", "LICENSE": "echarts/LICENSE"},
    ),
    (
        "cytoscape",
        "3.34.4",
        "MIT",
        "relationship map",
        {"dist/cytoscape.min.js": "cytoscape/cytoscape.min.js", "LICENSE": "cytoscape/LICENSE"},
    ),
    (
        "bpmn-js",
        "18.31.1",
        "MIT with the bpmn.io mark kept visible",
        "drawing workflows",
        {
            "dist/bpmn-modeler.production.min.js": "bpmn/bpmn-modeler.min.js",
            "dist/bpmn-navigated-viewer.production.min.js": "bpmn/bpmn-viewer.min.js",
            "dist/assets/diagram-js.css": "bpmn/diagram-js.css",
            "dist/assets/bpmn-js.css": "bpmn/bpmn-js.css",
            "dist/assets/bpmn-font/css/bpmn-embedded.css": "bpmn/bpmn-font.css",
            "LICENSE": "bpmn/LICENSE",
        },
    ),
    ("@tabler/icons", "3.51.0", "MIT", "icons, as one SVG sprite", {"LICENSE": "tabler-icons/LICENSE"}),
]


def symbol(name: str, icons: Path) -> str:
    """One `<symbol>`; `x-filled` comes from the filled set. Raises FileNotFoundError for unknown names."""
    filled = name.endswith("-filled")
    path = icons / ("filled" if filled else "outline") / f"{name.removesuffix('-filled') if filled else name}.svg"
    body = re.sub(r"<!--.*?-->", "", path.read_text(), flags=re.S)
    inner = re.search(r"<svg[^>]*>(.*)</svg>", body, re.S)
    if inner is None:
        raise ValueError(path)
    paths = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", inner.group(1))
    paths = re.sub(r"\s+", " ", paths).replace("> <", "><").replace(" />", "/>").strip()
    paint = ' fill="currentColor" stroke="none"' if filled else ""
    return f'<symbol id="{name}" viewBox="0 0 24 24"{paint}>{paths}</symbol>'


def main() -> int:
    """Renew everything; returns the exit code."""
    names = sorted(set((VENDOR / "icons.txt").read_text().split()))
    with tempfile.TemporaryDirectory() as folder:
        packages = [f"{name}@{version}" for name, version, *_ in LIBRARIES]
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *packages]
        subprocess.run(command, check=True)  # noqa: S603 - fixed arguments
        modules = Path(folder) / "node_modules"
        for name, _version, _licence, _use, files in LIBRARIES:
            for source, target in files.items():
                (VENDOR / target).parent.mkdir(parents=True, exist_ok=True)
                text = (modules / name / source).read_text()
                (VENDOR / target).write_text(re.sub(r"\n?(//|/\*)# sourceMappingURL=.*?(\*/)?\s*$", "\n", text))
        symbols = "\n".join(symbol(name, modules / "@tabler/icons/icons") for name in names)
    (VENDOR / "tabler-icons/sprite.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n')
    for path in sorted(VENDOR.rglob("*.*")):
        if path.suffix in (".css", ".js", ".svg"):
            packed = gzip.compress(path.read_bytes(), 9, mtime=0)
            path.with_name(f"{path.name}.gz").write_bytes(packed)  # the server sends it to browsers that take it
    licence = (VENDOR / "tabler-icons/LICENSE").read_text()  # the package has none; same authors, same licence
    (VENDOR / "tabler/LICENSE").write_text(
        re.sub(r"Copyright .*", "Copyright (c) 2018-2026 The Tabler Authors", licence, count=1)
    )
    rows = "".join(f"| {n} | {v} | {lic} | {use} | {', '.join(f.values())} |\n" for n, v, lic, use, f in LIBRARIES)
    (VENDOR / "VENDOR.md").write_text(
        "# Browser libraries we ship\n\nUnchanged copies from npm (source map hints removed) and their compressed twins, written by"
        f" `tools/vendor_assets.py`. The sprite holds {len(names)} of the Tabler icons, listed in `icons.txt`.\n\n"
        f"| package | version | licence | used for | files |\n|---|---|---|---|---|\n{rows}"
    )
    return 0


if __name__ == "__main__":
    if shutil.which("npm") is None:
        sys.exit("npm is needed to renew the browser libraries; the copies in static/vendor work without it.")
    sys.exit(main())
