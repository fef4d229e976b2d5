"""The vendor's server of `http_server`, for vendors that speak HTTP/2 over TLS only."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.settings
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.worker.providers.http_server import Answer, Seen
from tests.worker.providers.push.keys import pem


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests of push vendors")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "server.pem", folder / "server.key"
    certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_text(pem(key))
    return certificate_path, key_path


@dataclass
class _Stream:
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)


class Http2Server:
    """Used like VendorServer. `streams` is the limit it announces; `fewer_after` requests it announces one."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.answer: Callable[[Seen], Answer] = lambda seen: Answer()
        self.seen: list[Seen] = []
        self.connections = 0
        self.protocols: set[str | None] = set()
        self.let_go = threading.Event()
        self.fewer_after = 0
        self._lock = threading.Lock()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.set_alpn_protocols(["h2"])
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._socket.getsockname()[1]}"

    def always(self, answer: Answer) -> None:
        self.answer = lambda seen: answer

    def start(self) -> None:
        self._threads[0].start()

    def stop(self) -> None:
        self.let_go.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with plain:
            plain.settimeout(30)
            try:
                tls = self._context.wrap_socket(plain, server_side=True)
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self.protocols.add(tls.selected_alpn_protocol())
            with tls:
                _Connection(self, tls).run()

    def asked(self, seen: Seen) -> Answer:
        if seen.method == "HEAD":
            return Answer()
        with self._lock:
            self.seen.append(seen)
        return self.answer(seen)


class _Connection:
    def __init__(self, server: Http2Server, tls: ssl.SSLSocket) -> None:
        self._server = server
        self._tls = tls
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._served = 0

    def run(self) -> None:
        self._h2.initiate_connection()
        try:
            self._flush()
            while data := self._tls.recv(65536):
                for event in self._h2.receive_data(data):
                    if not self._handle(event):
                        return
                self._flush()
        except OSError:
            return

    def _flush(self) -> None:
        self._tls.sendall(self._h2.data_to_send())

    def _handle(self, event: h2.events.Event) -> bool:
        if isinstance(event, h2.events.RequestReceived) and event.stream_id is not None:
            self._streams[event.stream_id] = _Stream({str(name): str(value) for name, value in event.headers or ()})
        elif isinstance(event, h2.events.DataReceived) and event.stream_id is not None:
            self._streams[event.stream_id].body += event.data or b""
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id is not None:
            return self._answer(event.stream_id)
        return not isinstance(event, h2.events.ConnectionTerminated)

    def _answer(self, stream_id: int) -> bool:
        stream = self._streams.pop(stream_id)
        method, path = stream.headers[":method"], stream.headers[":path"]
        answer = self._server.asked(Seen(method, path, {}, stream.headers, bytes(stream.body)))
        if answer.held:
            self._server.let_go.wait(300)
        if answer.cut:
            return False
        self._served += 1
        if self._served == self._server.fewer_after:
            self._h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        headers = [(":status", str(answer.status)), *((name.lower(), value) for name, value in answer.headers.items())]
        body = b"" if method == "HEAD" else answer.content
        self._h2.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self._h2.send_data(stream_id, body, end_stream=True)
        return True


@contextmanager
def http2_server(folder: Path) -> Iterator[tuple[Http2Server, Path]]:
    """A running server, and the certificate to trust."""
    certificate, key = write_certificate(folder)
    server = Http2Server(certificate, key)
    server.start()
    try:
        yield server, certificate
    finally:
        server.stop()
