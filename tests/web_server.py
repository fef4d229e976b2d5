"""The web server below those of the tests."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class WebServer(ThreadingHTTPServer):
    """A client that leaves in the middle of its request is no fault, and none has to knock twice on a busy machine."""

    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of anything but a connection that the other side has closed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
