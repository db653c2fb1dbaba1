"""HEIC from standard input as JPEG or PNG to standard output, run as a program of its own.

Its decoder is a large library in C that damaged files can make crash; here that ends nothing but the program, which may take
neither more memory nor more time than is set. It ends with 3 where the picture has too many pixels (the argument says how many).
"""

import io
import resource
import sys

import pi_heif
from PIL import Image

_MEMORY, _SECONDS = 3 * 1024**3, 20


def main() -> int:
    """Translate one picture; its turning is done by the decoder."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pi_heif.register_heif_opener()
    with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=["HEIF"]) as found:
        if found.width * found.height > int(sys.argv[1]):
            return 3
        alpha = "A" in found.mode
        picture = found.convert("RGBA" if alpha else "RGB")
        picture.info.clear()
        picture.save(sys.stdout.buffer, "PNG" if alpha else "JPEG", quality=95)
    return 0


if __name__ == "__main__":
    sys.exit(main())
