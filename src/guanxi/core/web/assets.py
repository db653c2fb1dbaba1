"""Static files: under an address that changes with their content, compressed, kept by browsers for a year.

All of them together have one fingerprint, which stands in the address before their path; so what they say of each other
by relative addresses stays true. An address with another fingerprint (a page from before an update) is answered with the
file of today, not to be kept. A file that changes while we run is read again, whole.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import brotli  # type: ignore[import-untyped]
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousFileOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers

Response = Callable[[HttpRequest], HttpResponseBase]

PREFIX = "/static/"
YEAR = 365 * 24 * 3600
#: What gains by compression; pictures and fonts are compressed already.
TEXTS = (".css", ".js", ".mjs", ".svg", ".json", ".txt", ".map", ".webmanifest")
TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
#: Below this a compressed answer saves no packet.
WORTH = 500


@dataclass(slots=True)
class Asset:
    """A file as it was read: its bodies by encoding ('' is the file itself, not kept if compressed ones are)."""

    stamp: tuple[int, int]
    kind: str
    etag: str
    changed: str
    bodies: dict[str, bytes] = field(default_factory=dict)


def _read(path: Path) -> Asset:
    state, content = path.stat(), path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    asset = Asset(
        stamp=(state.st_mtime_ns, state.st_size),
        kind=f"{kind}; charset=utf-8" if kind.startswith("text/") or path.suffix in (".svg", ".json") else kind,
        etag=hashlib.sha256(content).hexdigest()[:20],
        changed=formatdate(state.st_mtime, usegmt=True),
        bodies={"": content},
    )
    if path.suffix in TEXTS and len(content) > WORTH:
        asset.bodies |= {"br": brotli.compress(content, quality=6), "gzip": gzip.compress(content, 6, mtime=0)}
    return asset


class AssetsMiddleware:
    """Answers what lies under ``/static/``; everything else goes on."""

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response
        self.current = settings.STATIC_URL.removeprefix(PREFIX).strip("/")
        self._held: dict[str, tuple[Path, Asset]] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The file, 304 when the browser has it, 404 or 405; or the answer of the rest."""
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        stamp, _slash, name = request.path_info.removeprefix(PREFIX).partition("/")
        asset = self._asset(name) or self._asset(f"{stamp}/{name}")
        if asset is None:
            return HttpResponse("404\n", status=404, content_type="text/plain")
        return self._answer(request, asset, lasting=stamp == self.current and not settings.DEBUG)

    def _asset(self, name: str) -> Asset | None:
        held = self._held.get(name)
        try:
            if held is not None:
                state = held[0].stat()
                if (state.st_mtime_ns, state.st_size) == held[1].stamp:
                    return held[1]
            found = finders.find(name) if name else None
            if not isinstance(found, str) or not Path(found).is_file():
                return None
            asset = _read(Path(found))
        except (OSError, ValueError, SuspiciousFileOperation):
            return None
        self._held[name] = (Path(found), asset)
        return asset

    @staticmethod
    def _answer(request: HttpRequest, asset: Asset, *, lasting: bool) -> HttpResponse:
        asked = request.headers.get("Accept-Encoding", "").lower()
        encoding = next((one for one in ("br", "gzip") if one in asset.bodies and one in asked), "")
        etag = f'"{asset.etag}{"-" + encoding if encoding else ""}"'
        keep = f"public, max-age={YEAR}, immutable" if lasting else "no-cache"
        headers = {"ETag": etag, "Cache-Control": keep, "Last-Modified": asset.changed}
        if etag in request.headers.get("If-None-Match", ""):
            response = HttpResponse(status=304, headers=headers)
            del response.headers["Content-Type"]
        else:
            body = asset.bodies[encoding]
            response = HttpResponse(
                body, content_type=asset.kind, headers={**headers, "Content-Length": str(len(body))}
            )
            if encoding:
                response.headers["Content-Encoding"] = encoding
            if request.method == "HEAD":
                response.content = b""
                response.headers["Content-Length"] = str(len(body))
        if len(asset.bodies) > 1:
            patch_vary_headers(response, ("Accept-Encoding",))
        return response
