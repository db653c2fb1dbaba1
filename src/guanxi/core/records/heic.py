"""HEIC from standard input as JPEG or PNG to standard output, run as a program of its own.

Its decoder is a large library in C that damaged files can make crash; here that ends nothing but the program, which may take
neither more memory nor more time than is set. The arguments are how many pixels it may have, and how many on its longer side are
kept; it ends with 3 where it has too many.
"""

import io
import resource
import sys

import pi_heif
from PIL import Image

_MEMORY, _SECONDS = 3 * 1024**3 // 2, 20


def main() -> int:
    """Translate one picture; its turning is done by the decoder."""
    for kind, most in ((resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CPU, _SECONDS), (resource.RLIMIT_CORE, 0)):
        present = resource.getrlimit(kind)[1]
        least = most if present == resource.RLIM_INFINITY else min(most, present)
        resource.setrlimit(kind, (least, least))
    pi_heif.register_heif_opener()
    pixels, longest = int(sys.argv[1]), int(sys.argv[2])
    with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=["HEIF"]) as found:
        if found.width * found.height > pixels:
            return 3
        alpha = "A" in found.mode
        found.thumbnail((longest, longest))
        picture = found.convert("RGBA" if alpha else "RGB")
        picture.info.clear()
        picture.save(sys.stdout.buffer, "PNG" if alpha else "JPEG", quality=95)
    return 0


if __name__ == "__main__":
    sys.exit(main())
