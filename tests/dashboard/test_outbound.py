"""Addresses that operators type reach the open internet only, whatever names, redirects and resolvers say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
from flask import Flask

from dashboard import outbound
from dashboard.outbound import Refused, check_address, checked_client, is_public
from dashboard.settings import Settings
from tests.web_server import WebServer

pytestmark = pytest.mark.sqlite_only  # nothing here depends on the database


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_private_and_special_addresses_are_known(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "::1", "127.1"])
def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    with pytest.raises(Refused, match="private network|cannot be found"):
        check_address(host, 80, allow_private=False)


def test_one_private_answer_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(Refused):
        check_address("both.example", 80, allow_private=False)


def test_an_unknown_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Refused, match="nowhere.example cannot be found"):
        check_address("nowhere.example", 80, allow_private=True)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
            return
        body = f"host {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a small web server on this machine."""
    running = WebServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield running.server_port
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def strict(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: Settings = app.extensions["carillon_settings"]
    values = settings.model_copy(update={"allow_private_urls": False})
    monkeypatch.setitem(app.extensions, "carillon_settings", values)


def test_the_connection_goes_to_the_checked_address(
    app: Flask, strict: None, server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers publicly at first and privately afterwards (DNS rebinding) gets one look-up only."""
    looked_up: list[str] = []

    def answer(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        if host != "rebinding.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr(outbound, "is_public", lambda _: True)
    with checked_client() as client:
        response = client.get(f"http://rebinding.example:{server}/x")
    assert response.text == f"host rebinding.example:{server}"
    assert looked_up.count("rebinding.example") == 1


def test_a_private_server_is_refused(app: Flask, strict: None, server: int) -> None:
    with checked_client() as client, pytest.raises(Refused, match="private network"):
        client.get(f"http://127.0.0.1:{server}/")


def test_a_redirect_into_a_private_network_is_refused(
    app: Flask, strict: None, server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "is_public", lambda address: address == "127.0.0.1")
    with checked_client() as client, pytest.raises(Refused, match="169.254.169.254"):
        client.get(f"http://127.0.0.1:{server}/redirect")


def test_a_setting_allows_private_networks(app: Flask, server: int) -> None:
    with checked_client() as client:
        assert client.get(f"http://localhost:{server}/").status_code == 200


@pytest.mark.parametrize("url", ["ftp://example.com/x", "file:///etc/passwd", "gopher://example.com"])
def test_only_the_web_is_reached(app: Flask, url: str) -> None:
    with checked_client() as client, pytest.raises((Refused, httpx.UnsupportedProtocol)):
        client.get(url)


def test_a_closed_port_is_an_ordinary_error(app: Flask) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with checked_client() as client, pytest.raises(httpx.TransportError):
            client.get(f"http://127.0.0.1:{taken.getsockname()[1]}/")
