"""Send verdicts to a web address, as ``musc2 watch --post`` does."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from musc2 import checks

TIMEOUT = 5.0  # seconds that a server may take to answer
PAUSES = (0.2, 1.0)  # seconds before each further try


def check(url: str) -> str:
    """Return the address; raise unless it is http or https, with a host."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in url:
        checks.refuse("watch", "--post", "must be an http or https address", repr(url))
    return url


def send(url: str, verdict: Mapping[str, Any]) -> str | None:
    """Post a verdict as JSON; return why it did not arrive, None if it did.

    What may pass, no answer or an error of the server (5xx), is tried again; no error is raised.
    """
    body = json.dumps(verdict).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "musc2"}
    reason = ""
    for pause in (0.0, *PAUSES):
        time.sleep(pause)
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):
                return None
        except urllib.error.HTTPError as error:
            with error:
                reason = f"{error.code} {error.reason}"
            if error.code < 500:
                return reason
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
    return reason
