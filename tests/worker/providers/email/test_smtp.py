"""The SMTP provider against servers that other people wrote, and the contract against a scripted one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.providers.contract import ProviderContract
from tests.worker.providers.mail_hosts import PASSWORD as MAILBOX_PASSWORD
from tests.worker.providers.mail_hosts import USER, Post, mail_host
from tests.worker.providers.messages import Outcomes, make_message
from tests.worker.providers.real_servers import (
    PASSWORD,
    USERNAME,
    Mailbox,
    mail_server,
    make_certificate,
    only_anna,
    server_context,
    smtp_sink,
)
from tests.worker.providers.smtp_server import Script, ScriptedServer
from worker.providers.base import ConfigurationProblem, ConnectionReport, Ports, Result
from worker.providers.email.smtp import SmtpProvider


def provider_for(port: int, **settings: object) -> SmtpProvider:
    values = {"host": "127.0.0.1", "port": port, "security": "none", "connections": 2, "reply_timeout": 20}
    return SmtpProvider(values | settings, Ports())


def send(provider: SmtpProvider, count: int = 1) -> Outcomes:
    outcomes = Outcomes()
    session = provider.open()
    try:
        session.send((make_message(number) for number in range(count)), outcomes)
    finally:
        session.close()
    return outcomes


def last_step(report: ConnectionReport) -> tuple[str, bool, str]:
    assert report.ok is all(ok for _, ok, _ in report.steps)
    return report.steps[-1]


class TestPipelinedContract(ProviderContract):
    most_taken = 2 * 4 + 1  # on each connection one awaits its reply and one is in its envelope

    @pytest.fixture
    def provider(self) -> Iterator[SmtpProvider]:
        with ScriptedServer() as server:
            yield provider_for(server.port, connections="4")


class TestPlainContract(ProviderContract):
    most_taken = 4 + 1

    @pytest.fixture
    def provider(self) -> Iterator[SmtpProvider]:
        with ScriptedServer(Script(capabilities=())) as server:
            yield provider_for(server.port, connections="4")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The certificate, in the place where OpenSSL looks for those it trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_starttls_and_sign_in_with_a_real_server(trusted: Path, host: str) -> None:
    mailbox = Mailbox()
    options = {"tls_context": server_context(trusted), "authenticator": only_anna, "auth_required": True}
    with mail_server(mailbox, require_starttls=True, **options) as server:
        provider = provider_for(server.port, host=host, security="starttls", username=USERNAME, password=PASSWORD)
        report = provider.test_connection()
        outcomes = send(provider, 20)
    assert report.ok
    assert [step for step, _, _ in report.steps] == [
        "Find the server",
        "Connect",
        "Greeting",
        "Encryption",
        "Sign in",
        "Abilities",
    ]
    assert set(outcomes.results.values()) == {Result.SENT}
    assert outcomes.of(0).provider_message_id.startswith("A")
    assert len(mailbox.envelopes) == 20
    assert mailbox.envelopes[0].content == make_message().mime(True)


def test_tls_from_the_first_byte(trusted: Path) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox, ssl_context=server_context(trusted)) as server:
        provider = provider_for(server.port, security="tls", host="localhost")
        assert provider.test_connection().ok
        assert set(send(provider, 5).results.values()) == {Result.SENT}
    assert len(mailbox.envelopes) == 5


def test_the_connection_test_goes_on_to_the_mailbox_of_bounces() -> None:
    with ScriptedServer() as server, mail_host("imap", Post()) as port:
        of_mailbox = {"bounce_protocol": "imap", "bounce_host": "127.0.0.1", "bounce_port": port}
        of_mailbox |= {"bounce_security": "none", "bounce_username": USER, "bounce_password": MAILBOX_PASSWORD}
        good = provider_for(server.port, **of_mailbox).test_connection()
        bad = provider_for(server.port, **of_mailbox | {"bounce_password": "wrong"}).test_connection()

    assert last_step(good) == ("Bounce mailbox: open", True, "0 mails to be read.")
    assert last_step(bad)[:2] == ("Bounce mailbox: sign in", False)


def test_a_large_message_over_tls(trusted: Path) -> None:
    body = b"Subject: Large\r\n\r\n" + b"0123456789abcdef\r\n" * 200_000
    mailbox = Mailbox()
    outcomes = Outcomes()
    with mail_server(mailbox, ssl_context=server_context(trusted), data_size_limit=10_000_000) as server:
        session = provider_for(server.port, security="tls").open()
        session.send([make_message(1, body=body), make_message(2)], outcomes)
        session.close()
    assert outcomes.results == {1: Result.SENT, 2: Result.SENT}
    assert max(len(envelope.content) for envelope in mailbox.envelopes) == len(body)


def test_a_message_over_the_servers_limit_is_not_offered() -> None:
    mailbox = Mailbox()
    outcomes = Outcomes()
    with mail_server(mailbox, data_size_limit=100) as server:
        session = provider_for(server.port).open()
        session.send([make_message(1, body=b"x" * 200), make_message(2)], outcomes)
        session.close()
    assert outcomes.results == {1: Result.FAILED, 2: Result.SENT}
    assert outcomes.of(1).code == "message_too_large"


def test_international_addresses_with_a_real_server() -> None:
    mailbox = Mailbox()
    outcomes = Outcomes()
    with mail_server(mailbox) as server:
        session = provider_for(server.port).open()
        session.send([make_message(1, to="jürgen@bücher.example")], outcomes)
        session.close()
    assert outcomes.only.result is Result.SENT
    assert mailbox.envelopes[0].rcpt_tos == ["jürgen@bücher.example"]


def test_a_wrong_password_is_told_in_words(trusted: Path) -> None:
    with mail_server(Mailbox(), tls_context=server_context(trusted), authenticator=only_anna) as server:
        provider = provider_for(server.port, security="starttls", username=USERNAME, password="open it")
        step, ok, words = last_step(provider.test_connection())
        with pytest.raises(ConfigurationProblem) as problem:
            send(provider)
    assert (step, ok) == ("Sign in", False)
    assert USERNAME in words
    assert "535" in words
    assert problem.value.code == "authentication_failed"


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["unknown", "other name", "expired"])
def test_a_certificate_that_cannot_be_trusted(
    security: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = make_certificate(
        tmp_path, "mail.example.net" if fault == "other name" else "localhost", expired=fault == "expired"
    )
    if fault != "unknown":
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    options = {"tls_context" if security == "starttls" else "ssl_context": server_context(pem)}
    with mail_server(Mailbox(), **options) as server:
        provider = provider_for(server.port, host="localhost", security=security)
        step, ok, words = last_step(provider.test_connection())
        with pytest.raises(ConfigurationProblem) as problem:
            send(provider)
        without = provider_for(server.port, host="localhost", security=security, verify_certificate=False)
        assert without.test_connection().ok
        assert send(without).only.result is Result.SENT
    assert (step, ok) == ("Encryption", False)
    assert "not trusted" in words
    assert problem.value.code == "certificate_invalid"


def test_plain_text_on_a_tls_port_and_the_other_way_round(trusted: Path) -> None:
    with mail_server(Mailbox()) as server:
        step, ok, words = last_step(provider_for(server.port, security="tls").test_connection())
        assert (step, ok) == ("Encryption", False)
        assert "465" in words
    with mail_server(Mailbox(), ssl_context=server_context(trusted)) as server:
        report = provider_for(server.port, security="starttls", reply_timeout=1).test_connection()
        assert not report.ok
        assert "did not answer in time" in last_step(report)[2]


@pytest.mark.parametrize("extra", [b"250 injected\r\n", b"250-in"])
def test_words_slipped_in_before_the_encryption_are_refused(extra: bytes, trusted: Path) -> None:
    script = Script(replies={"STARTTLS": ["220 go\r\n" + extra.decode().rstrip("\r\n")]}, capabilities=("STARTTLS",))
    with ScriptedServer(script, tls=server_context(trusted)) as server:
        assert not provider_for(server.port, security="starttls").test_connection().ok


def test_starttls_with_a_server_that_pipelines(trusted: Path) -> None:
    script = Script(capabilities=("STARTTLS", "PIPELINING"), answer_after_next=20)
    with ScriptedServer(script, tls=server_context(trusted)) as server:
        outcomes = send(provider_for(server.port, security="starttls", connections=1, final_timeout=10), 21)
    assert set(outcomes.results.values()) == {Result.SENT}


@pytest.mark.parametrize(
    "options", [[], ["-p"], ["-e"], ["-8"]], ids=["all", "no pipelining", "HELO only", "no 8BITMIME"]
)
def test_postfix_sink_takes_all(options: list[str]) -> None:
    with smtp_sink(*options) as port:
        outcomes = send(provider_for(port, connections=4), 1000)
    assert outcomes.results == dict.fromkeys(range(1000), Result.SENT)


@pytest.mark.parametrize(
    ("options", "certain", "possible"),
    [
        (["-f", "rcpt"], Result.FAILED, set()),
        (["-f", "data"], Result.FAILED, set()),
        (["-f", "."], Result.FAILED, set()),
        (["-r", "mail"], Result.RETRY, set()),
        (["-r", "rcpt"], Result.RETRY, set()),
        (["-r", "."], Result.RETRY, set()),
        (["-q", "rcpt"], Result.RETRY, set()),
        (["-q", "."], Result.UNKNOWN, {Result.RETRY}),
        (["-M", "100"], Result.SENT, {Result.RETRY, Result.UNKNOWN}),  # it exits in mid-dialogue
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_postfix_sink_in_a_bad_mood(options: list[str], certain: Result, possible: set[Result]) -> None:
    with smtp_sink(*options) as port:
        outcomes = send(provider_for(port, connections=2, connect_timeout=5), 200)
    assert outcomes.references == list(range(200))
    results = set(outcomes.results.values())
    assert certain in results
    assert results <= {certain} | possible


def test_a_server_that_is_down_is_told_in_words() -> None:
    with ScriptedServer() as server:
        port = server.port
    step, ok, words = last_step(provider_for(port).test_connection())
    assert (step, ok) == ("Connect", False)
    assert "refused" in words


def test_a_private_address_may_be_a_relay() -> None:
    for host in ("127.0.0.1", "10.0.0.1", "192.168.1.20", "fd00::1", "relay"):
        assert SmtpProvider.validate({"host": host}) == {}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"host": ""}, "host", "needed"),
        ({"host": "smtp://mail.example.com"}, "host", "without protocol"),
        ({"host": "mail.example.com:587"}, "host", "without protocol"),
        ({"host": "mail example"}, "host", "without protocol"),
        ({"port": "0"}, "port", "between 1 and 65535"),
        ({"port": "25.5"}, "port", "whole number"),
        ({"port": "smtp"}, "port", "number"),
        ({"security": "ssl"}, "security", "STARTTLS, TLS, None"),
        ({"connections": 51}, "connections", "between 1 and 50"),
        ({"username": "anna"}, "password", "password"),
        ({"helo_name": "my machine"}, "helo_name", "host name"),
        ({"final_timeout": "1"}, "final_timeout", "between 10 and 1200"),
    ],
)
def test_settings_that_cannot_work_are_told_before_they_are_saved(
    changes: dict[str, object], field: str, words: str
) -> None:
    settings = {"host": "mail.example.com", "port": 587} | changes
    errors = SmtpProvider.validate(settings)
    assert set(errors) == {field}
    assert words in errors[field]
    with pytest.raises(ConfigurationProblem):
        SmtpProvider(settings, Ports())


def test_the_name_in_ehlo_is_the_one_that_was_set() -> None:
    with ScriptedServer() as server:
        send(provider_for(server.port, helo_name="desk.example.com"))
        send(provider_for(server.port))
    assert server.commands[0][0] == "EHLO desk.example.com"
    assert server.commands[1][0] != "EHLO "
