"""Style, script and signs: read once, served from memory under names that say their content."""

import gzip
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from projections.service.console.addresses import PREFIX

DIRECTORY = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
DIGEST_LETTERS = 12
FOR_EVER = "public, max-age=31536000, immutable"


class File(NamedTuple):
    content: bytes
    packed: bytes
    kind: str
    digest: str


class StaticFiles:
    """What is asked for under an old digest is answered by the present file, and not kept."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self.files = {
            path.name: _read(path) for path in sorted(directory.iterdir()) if path.suffix in TYPES
        }

    def address(self, name: str) -> str:
        return f"{PREFIX}/static/{name}?v={self.files[name].digest}"

    def endpoint(self) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            file = self.files.get(request.path_params["name"])
            if file is None:
                return Response("There is no such file.", 404, media_type="text/plain")
            current = request.query_params.get("v") == file.digest
            headers = {
                "Cache-Control": FOR_EVER if current else "no-cache",
                "ETag": f'"{file.digest}"',
                "Vary": "Accept-Encoding",
            }
            if request.headers.get("if-none-match") == headers["ETag"]:
                return Response(status_code=304, headers=headers)
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers["Content-Encoding"] = "gzip"
                return Response(file.packed, headers=headers, media_type=file.kind)
            return Response(file.content, headers=headers, media_type=file.kind)

        return serve


def _read(path: Path) -> File:
    content = path.read_bytes()
    digest = sha256(content).hexdigest()[:DIGEST_LETTERS]
    return File(content, gzip.compress(content, 9, mtime=0), TYPES[path.suffix], digest)
