"""The door: it lets in programs of this machine, and no web page.

A request can run code on this machine, as a Lambda function. A browser sends requests to loopback for any
page that is open in it. Three rules keep pages out:

- `Host` has to name this machine. A site can point its own name at 127.0.0.1 (DNS rebinding). The browser
  then takes its pages for pages of this server, and lets them set any header. Nobody can register a
  name below `localhost` (RFC 6761).
- `Origin` and `Sec-Fetch-Site` must not name another site. Another port of this machine is another origin.
- A call has to have a signature in its Authorization header. Older browsers send neither `Origin` nor
  `Sec-Fetch-Site`. But a page can't set Authorization on a request to another site without a preflight
  (OPTIONS), and the door refuses preflights. It does not check the signature: every access key is good.

A page can invent a presigned URL, for the GET of an image or the POST of a form. A PUT needs a preflight. So
the door lets in only presigned PUTs, with which custom resources answer.

Sources: Fetch Standard ("CORS-preflight fetch"), Fetch Metadata Request Headers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from ..faults.api import Application

_THIS_MACHINE = re.compile(
    r"(([a-z0-9_-]+\.)*localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII
)


def guarded(application: Application, pages: Collection[str]) -> Application:
    """Return an application that checks the headers, before it reads the body, and then calls this one.

    Args:
        application: answers the request. The door removes its CORS headers, which let other sites read
            answers.
        pages: paths for which a GET needs no signature.
    """

    def door(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            kept = [header for header in headers if not header[0].lower().startswith("access-control-")]
            return start_response(status, kept, *error)

        reason = _refusal(environ, pages)
        if reason is None:
            return application(environ, start)
        said = f"Refused: {reason}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(said)))]
        start_response("403 Forbidden", headers)
        return [said]

    return door


def _refusal(environ: dict[str, Any], pages: Collection[str]) -> str | None:
    """Return why a request may not come in, without repeating anything of it. None if it may."""
    host = environ.get("HTTP_HOST", "")
    if not _THIS_MACHINE.fullmatch(host):
        return (
            "the Host header does not name this machine. Nothing was read or changed. "
            "Use the address that the local cloud prints, or localhost."
        )
    own_page = environ.get("HTTP_ORIGIN", f"http://{host}") == f"http://{host}"
    if not own_page or environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin"):
        return (
            "a web page of another site sent this request. Nothing was read or changed. "
            "Use the aws command, an AWS SDK or curl."
        )
    method = environ["REQUEST_METHOD"]
    signed = environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-HMAC-SHA256 ")
    presigned_put = method == "PUT" and "Signature=" in environ["QUERY_STRING"]
    page = method == "GET" and environ["PATH_INFO"] in pages
    if not (signed or presigned_put or page):
        return (
            "the request is not signed. Nothing was read or changed. Sign it in the Authorization header "
            "(Signature Version 4) with any access key. Of presigned URLs, only those for PUT are good here."
        )
    return None
