"""Make the font of printed documents: a subset of Noto Sans CJK SC with the characters of GB 2312, of the general table, and the usual ones of Big5.

Needs fontTools, the collection of the Debian package fonts-noto-cjk, and a list of the 8,105 characters (``U+…: …`` a line)::

    python tools/print_font.py NotoSansCJK-Regular.ttc kMandarin_8105.txt
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset  # type: ignore[import-not-found]
from fontTools.ttLib import TTCollection  # type: ignore[import-not-found]

PLACE = Path(__file__).parent.parent / "src/guanxi/areas/billing/data/fonts/GuanxiSansSC-Regular.otf"
RANGES = (
    (0x20, 0x17F), (0x2010, 0x2040), (0x2070, 0x20C0), (0x2100, 0x2150), (0x2190, 0x21A0), (0x2200, 0x2270), (0x2460, 0x24A0),
    (0x2500, 0x2600), (0x3000, 0x3040), (0x3200, 0x3400), (0xFF00, 0xFF60), (0xFFE0, 0xFFE7),
)  # fmt: skip


def characters(table: Path) -> set[int]:
    """Code points to keep."""
    found = {one for first, last in RANGES for one in range(first, last)}
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            found |= {ord(one) for one in bytes([high, low]).decode("gb2312", errors="ignore")}
    for high in range(0xA4, 0xC7):
        for low in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
            found |= {ord(one) for one in bytes([high, low]).decode("big5", errors="ignore")}
    lines = table.read_text(encoding="utf-8").splitlines()
    return found | {int(line.split(":")[0][2:], 16) for line in lines if line.startswith("U+")}


def main(collection: str, table: str) -> None:
    """Write the font under a name of its own."""
    font = next(
        one for one in TTCollection(collection, lazy=True).fonts if one["name"].getDebugName(1) == "Noto Sans CJK SC"
    )
    options = subset.Options()
    options.layout_features, options.glyph_names, options.hinting = ["kern", "liga", "locl", "vert"], False, False
    options.drop_tables += ["VORG", "vhea", "vmtx", "BASE"]
    work = subset.Subsetter(options)
    work.populate(unicodes=characters(Path(table)))
    work.subset(font)
    names = {1: "Guanxi Sans SC", 16: "Guanxi Sans SC", 4: "Guanxi Sans SC Regular", 6: "GuanxiSansSC-Regular"}
    for record in font["name"].names:
        record.string = names.get(record.nameID, record.toUnicode())
    font.save(PLACE)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
