"""What becomes of messages when connections break, hang or cannot be had."""

import socket
from collections.abc import Iterator

import pytest

from tests.worker.providers.messages import Outcomes, make_message
from tests.worker.providers.smtp_server import DROP, RESET, SILENCE, Script, ScriptedServer
from tests.worker.providers.smtp_wire.sending import send, verbs, wire_settings
from worker.providers.base import ConfigurationProblem, OutgoingEmail, Result, Wait
from worker.providers.smtp_wire.session import SmtpSession
from worker.providers.smtp_wire.settings import WireSettings

STEP_BY_STEP = ("8BITMIME",)
BUSY = "421 4.7.0 Too many connections"
either_dialogue = pytest.mark.parametrize("capabilities", [("PIPELINING",), STEP_BY_STEP], ids=["pipelined", "plain"])


@either_dialogue
@pytest.mark.parametrize("end", [DROP, RESET])
def test_lost_before_its_reply_but_after_the_final_dot_is_unknown(capabilities: tuple[str, ...], end: str) -> None:
    with ScriptedServer(Script(replies={".": [end]}, capabilities=capabilities), Script()) as server:
        outcomes = send(server, [make_message(1), make_message(2)])
    assert outcomes.of(1).result is Result.UNKNOWN
    assert outcomes.of(1).code == "connection_lost_after_data"
    assert outcomes.of(2).result in (Result.SENT, Result.RETRY)
    assert [delivery.recipients for delivery in server.deliveries].count(["customer1@example.com"]) == 1


@either_dialogue
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_lost_before_the_content_can_be_tried_again(capabilities: tuple[str, ...], command: str) -> None:
    with ScriptedServer(Script(replies={command: [DROP]}, capabilities=capabilities)) as server:
        outcome = send(server, [make_message(1)]).only
    assert outcome.result is Result.RETRY
    assert outcome.code == "connection_lost"
    assert outcome.detail
    assert not server.deliveries


def test_lost_in_the_middle_of_the_content_can_be_tried_again() -> None:
    body = b"Subject: Large\r\n\r\n" + b"0123456789abcdef\r\n" * 1_000_000
    with ScriptedServer(Script(stop_reading_content_after=1000)) as server:
        outcome = send(server, [make_message(1, body=body)]).only
    assert outcome.result is Result.RETRY
    assert outcome.code == "connection_lost"


@either_dialogue
@pytest.mark.parametrize("end", [DROP, RESET, BUSY])
def test_a_connection_that_has_served_may_end_without_harm(capabilities: tuple[str, ...], end: str) -> None:
    """Many servers close after so many messages, or minutes: what they had not been given goes to another."""
    fine = "250 fine"
    script = Script(replies={"MAIL": [fine, fine, end]}, capabilities=capabilities)
    with ScriptedServer(script, Script(capabilities=capabilities)) as server:
        outcomes = send(server, [make_message(number) for number in range(5)])
    assert outcomes.results == dict.fromkeys(range(5), Result.SENT)
    assert len(server.commands) == 2
    assert len(server.deliveries) == 5


def test_a_message_that_ends_two_connections_is_reported() -> None:
    script = Script(recipients={"poison@example.com": DROP})

    def outgoing(server: ScriptedServer) -> Iterator[OutgoingEmail]:
        number = 1
        while not all("DATA" in commands for commands in server.commands) or len(server.commands) < 3:
            yield make_message(number)
            number += 1
        yield make_message(0, to="poison@example.com")
        yield from (make_message(number + further) for further in range(10))

    with ScriptedServer(script) as server:
        outcomes = send(server, outgoing(server), connections=3)
    offered = [command for commands in server.commands for command in commands if "poison" in command]
    assert len(offered) == 2
    assert outcomes.results == dict.fromkeys(outcomes.references, Result.SENT) | {0: Result.RETRY}


@either_dialogue
def test_421_for_the_final_dot_means_not_taken(capabilities: tuple[str, ...]) -> None:
    script = Script(replies={".": ["250 fine", "421 4.3.2 Shutting down"]}, capabilities=capabilities)
    with ScriptedServer(script, Script()) as server:
        outcomes = send(server, [make_message(number) for number in range(4)])
    assert outcomes.results == {0: Result.SENT, 1: Result.RETRY, 2: Result.SENT, 3: Result.SENT}
    assert outcomes.of(1).code == "421 4.3.2"


def test_421_on_a_fresh_connection_is_a_retry_in_the_servers_words() -> None:
    with ScriptedServer(Script(replies={"MAIL": ["421 4.7.0 Slow down"]})) as server:
        outcome = send(server, [make_message(1)]).only
    assert (outcome.result, outcome.code, outcome.detail) == (Result.RETRY, "421 4.7.0", "4.7.0 Slow down")


@either_dialogue
def test_no_answer_to_the_final_dot_is_unknown(capabilities: tuple[str, ...]) -> None:
    with ScriptedServer(Script(replies={".": [SILENCE]}, capabilities=capabilities)) as server:
        outcome = send(server, [make_message(1)], final_timeout=0.2).only
    assert outcome.result is Result.UNKNOWN
    assert outcome.code == "timeout_after_data"


@either_dialogue
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_no_answer_to_a_command_can_be_tried_again(capabilities: tuple[str, ...], command: str) -> None:
    with ScriptedServer(Script(replies={command: [SILENCE]}, capabilities=capabilities)) as server:
        outcome = send(server, [make_message(1)], reply_timeout=0.2).only
    assert outcome.result is Result.RETRY
    assert outcome.code == "timeout"


def test_a_slow_reader_is_no_dead_server() -> None:
    # It rests for 3 s in all and never for longer than 0.1 s; a server that reads nothing for 1 s would be given up.
    body = b"Subject: Large\r\n\r\n" + (b"0123456789abcdef" * 62 + b"\r\n") * 30_000
    with ScriptedServer(Script(rest_after_each=1_000_000)) as server:
        outcome = send(server, [make_message(1, body=body)], reply_timeout=1.0, final_timeout=20.0).only
    assert outcome.result is Result.SENT


def test_a_server_that_reads_no_more_is_given_up() -> None:
    body = b"Subject: Large\r\n\r\n" + (b"0123456789abcdef" * 62 + b"\r\n") * 30_000
    with ScriptedServer(Script(rest_after_each=10)) as server:
        outcome = send(server, [make_message(1, body=body)], reply_timeout=0.3, final_timeout=20.0).only
    assert (outcome.result, outcome.code) == (Result.RETRY, "timeout")


def test_nonsense_for_the_final_dot_leaves_the_fate_open() -> None:
    with ScriptedServer(Script(replies={".": ["354 What else?"]}), Script()) as server:
        outcomes = send(server, [make_message(1), make_message(2)])
    assert outcomes.results == {1: Result.UNKNOWN, 2: Result.SENT}
    assert outcomes.of(1).code == "protocol_error"
    assert len(server.commands) == 2, "whoever speaks nonsense is not spoken to again"


@pytest.mark.parametrize("reply", ["hello?", "334 Password:"])
def test_nonsense_before_that_can_be_tried_again(reply: str) -> None:
    with ScriptedServer(Script(replies={"MAIL": [reply]})) as server:
        outcome = send(server, [make_message(1)]).only
    assert outcome.result is Result.RETRY
    assert outcome.code == "protocol_error"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_server_that_is_down_leaves_all_to_be_retried() -> None:
    outcomes = Outcomes()
    session = SmtpSession(WireSettings("127.0.0.1", closed_port(), reconnect_delays=(0.01, 0.01), cool_down=60.0))
    session.send([make_message(number) for number in range(50)], outcomes)
    assert outcomes.results == dict.fromkeys(range(50), Result.RETRY)
    assert {outcome.code for outcome in outcomes.all} == {"connect_failed"}
    assert all("refused" in outcome.detail.lower() for outcome in outcomes.all)
    assert all(0 < (outcome.retry_after or 0) <= 60 for outcome in outcomes.all)
    session.close()


def test_a_server_that_takes_connections_and_no_mail_is_an_outage_too() -> None:
    with ScriptedServer(Script(replies={"MAIL": [DROP]})) as server:
        outcomes = send(server, [make_message(number) for number in range(50)], connections=4)
    assert outcomes.results == dict.fromkeys(range(50), Result.RETRY)
    codes = [outcome.code for outcome in outcomes.all]
    # Three attempts in a row, and at most as many connections that were opened beside them.
    assert 3 <= codes.count("connection_lost") <= 8
    assert codes.count("connect_failed") == 50 - codes.count("connection_lost")


def test_a_server_that_comes_back_is_found_again() -> None:
    outcomes = Outcomes()
    with ScriptedServer(Script(replies={"CONNECT": [DROP]}), Script(replies={"CONNECT": [DROP]}), Script()) as server:
        outcomes = send(server, [make_message(1), make_message(2)], connections=4)
    assert outcomes.results == {1: Result.SENT, 2: Result.SENT}


def test_after_the_rest_it_is_tried_again() -> None:
    outcomes = Outcomes()
    with ScriptedServer(Script(replies={"CONNECT": [DROP]}), Script()) as server:
        session = SmtpSession(wire_settings(server, reconnect_delays=(), cool_down=0.05))
        session.send([make_message(1), Wait(0.2), Wait(0.2), make_message(2)], outcomes)
        session.close()
    assert outcomes.results == {1: Result.RETRY, 2: Result.SENT}


def test_a_server_with_connections_enough_gets_fewer() -> None:
    busy = Script(replies={"CONNECT": [BUSY]})
    with ScriptedServer(Script(), Script(), busy) as server:
        outcomes = send(server, [make_message(number) for number in range(200)], connections=8, reconnect_delays=())
    assert outcomes.results == dict.fromkeys(range(200), Result.SENT)
    refused = [commands for commands in server.commands if not commands]
    assert 1 <= len(refused) <= 6, "each refused attempt was under way when the first refusal came"


def test_the_limit_rises_again_with_time() -> None:
    busy = Script(replies={"CONNECT": [BUSY]})

    def outgoing(server: ScriptedServer) -> Iterator[OutgoingEmail]:
        for number in range(5000):
            if number > 50 and len(server.deliveries) and len([1 for commands in server.commands if commands]) >= 3:
                return
            yield make_message(number)

    with ScriptedServer(Script(), busy, Script()) as server:
        outcomes = send(server, outgoing(server), connections=3, regrow_after=0.05)
    assert set(outcomes.results.values()) == {Result.SENT}
    assert len([1 for commands in server.commands if commands]) == 3


def test_a_refused_sign_in_beside_connections_that_stand_is_passing_trouble() -> None:
    capabilities = ("PIPELINING", "AUTH PLAIN")
    first = Script(replies={"AUTH": ["235 in"]}, capabilities=capabilities)
    further = Script(replies={"AUTH": ["535 5.7.8 wrong"]}, capabilities=capabilities)
    with ScriptedServer(first, further) as server:
        outcomes = send(
            server, [make_message(number) for number in range(50)], connections=3, username="anna", password="secret"
        )
    assert set(outcomes.results.values()) == {Result.SENT}


@pytest.mark.parametrize(
    ("script", "changes", "code"),
    [
        (
            Script(replies={"AUTH": ["535 5.7.8 wrong"]}, capabilities=("AUTH PLAIN",)),
            {"username": "anna", "password": "secret"},
            "authentication_failed",
        ),
        (Script(), {"security": "starttls"}, "starttls_missing"),
        (Script(replies={"CONNECT": ["554 5.7.1 blocked"]}), {}, "greeting_refused"),
        (Script(replies={"CONNECT": ["220 plain text"]}), {"security": "tls"}, "encryption_failed"),
    ],
)
def test_settings_at_fault_stop_the_send_at_the_first_connection(
    script: Script, changes: dict[str, object], code: str
) -> None:
    outcomes = Outcomes()
    with ScriptedServer(script) as server:
        session = SmtpSession(wire_settings(server, connections=8, **changes))
        with pytest.raises(ConfigurationProblem) as problem:
            session.send((make_message(number) for number in range(100)), outcomes)
        session.close()
        assert len(server.commands) == 1, "eight wrong passwords lock an account"
    assert problem.value.code == code
    assert [(outcome.reference, outcome.result, outcome.code) for outcome in outcomes.all] == [
        (0, Result.RETRY, "not_attempted")
    ]


def test_a_name_that_does_not_exist_is_a_setting_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    session = SmtpSession(WireSettings("mail.example.invalid"))
    with pytest.raises(ConfigurationProblem, match="unknown_host"):
        session.send([make_message(1)], Outcomes())


def test_a_name_server_that_does_not_answer_is_passing_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", away)
    outcomes = Outcomes()
    SmtpSession(WireSettings("mail.example.com", reconnect_delays=(0.01,))).send([make_message(1)], outcomes)
    assert (outcomes.only.result, outcomes.only.code) == (Result.RETRY, "connect_failed")


def test_the_second_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as server:
        refused, good = ("127.0.0.1", closed_port()), ("127.0.0.1", server.port)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (refused, good)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: found)
        assert send(server, [make_message(1)]).only.result is Result.SENT


def test_a_rested_connection_is_questioned_first() -> None:
    outcomes = Outcomes()
    with ScriptedServer() as server:
        session = SmtpSession(wire_settings(server, noop_after=0.0))
        session.send([make_message(1)], outcomes)
        session.send([make_message(2)], outcomes)
        session.close()
    assert len(outcomes) == 2
    assert verbs(server.commands[0]) == ["EHLO", "MAIL", "RCPT", "DATA", "NOOP", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize("answer", [DROP, SILENCE, BUSY, "500 what?"])
def test_a_rested_connection_that_has_died_is_replaced(answer: str) -> None:
    outcomes = Outcomes()
    with ScriptedServer(Script(replies={"NOOP": [answer]}), Script()) as server:
        session = SmtpSession(wire_settings(server, noop_after=0.0, reply_timeout=0.3))
        session.send([make_message(1)], outcomes)
        session.send([make_message(2)], outcomes)
        session.close()
    assert outcomes.results == {1: Result.SENT, 2: Result.SENT}
    assert len(server.commands) == 2


def test_a_connection_closed_between_two_sends_is_replaced() -> None:
    outcomes = Outcomes()
    with ScriptedServer(Script(replies={".": ["250 fine\n421 4.4.2 Idle too long"]}), Script()) as server:
        session = SmtpSession(wire_settings(server))
        session.send([make_message(1)], outcomes)
        session.send([make_message(2)], outcomes)
        session.close()
    assert outcomes.results == {1: Result.SENT, 2: Result.SENT}


def test_an_interrupted_source_has_its_envelope_finished_and_the_rest_returned() -> None:
    def outgoing() -> Iterator[OutgoingEmail]:
        for number in range(20):
            yield make_message(number)
        raise KeyboardInterrupt

    outcomes = Outcomes()
    with ScriptedServer() as server:
        session = SmtpSession(wire_settings(server, connections=3))
        with pytest.raises(KeyboardInterrupt):
            session.send(outgoing(), outcomes)
        session.close()
    assert outcomes.references == list(range(20))
    sent = [reference for reference, result in outcomes.results.items() if result is Result.SENT]
    assert len(server.deliveries) == len(sent)


def test_a_message_whose_connection_ends_during_the_stop_is_returned() -> None:
    outcomes = Outcomes()

    def outgoing() -> Iterator[OutgoingEmail | Wait]:
        yield make_message(1)
        while not len(outcomes):
            yield Wait(10)
        yield make_message(2)
        raise KeyboardInterrupt

    with ScriptedServer(Script(replies={"MAIL": ["250 fine", DROP]}), Script()) as server:
        session = SmtpSession(wire_settings(server, connections=2))
        with pytest.raises(KeyboardInterrupt):
            session.send(outgoing(), outcomes)
        session.close()
    assert outcomes.results == {1: Result.SENT, 2: Result.RETRY}
    assert outcomes.of(2).code == "not_attempted"
    assert len(server.commands) == 1
