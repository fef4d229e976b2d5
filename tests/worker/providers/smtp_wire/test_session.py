"""What becomes of messages on connections that stand."""

import pytest

from tests.worker.providers.messages import Outcomes, make_message
from tests.worker.providers.smtp_server import Script, ScriptedServer
from tests.worker.providers.smtp_wire.sending import send, verbs, wire_settings
from worker.providers.base import ConfigurationProblem, Result
from worker.providers.smtp_wire.session import SmtpSession

STEP_BY_STEP = ("8BITMIME",)
PIPELINING = ("PIPELINING", "8BITMIME")
either_dialogue = pytest.mark.parametrize("capabilities", [PIPELINING, STEP_BY_STEP], ids=["pipelined", "plain"])


def test_a_message_arrives_as_it_was_made() -> None:
    body = b"Subject: Hello\r\n\r\n.hidden\r\n..\r\nend without a break"
    with ScriptedServer() as server:
        outcome = send(server, [make_message(7, to="anna@example.com", body=body)]).only
    assert outcome.result is Result.SENT
    assert outcome.provider_message_id == "1"
    assert outcome.code == "250 2.0.0"
    assert outcome.detail == "2.0.0 Ok: queued as 1"
    (delivery,) = server.deliveries
    assert delivery.mail == "MAIL FROM:<sender@example.org> BODY=8BITMIME"
    assert delivery.recipients == ["anna@example.com"]
    assert delivery.wire == b"Subject: Hello\r\n\r\n..hidden\r\n...\r\nend without a break\r\n"


def test_the_next_envelope_travels_with_the_end_of_the_content() -> None:
    # The server answers the final dot of three messages only when the next command is there: for a client that
    # waits for the answer first, those would be UNKNOWN after their time.
    with ScriptedServer(Script(answer_after_next=3)) as server:
        outcomes = send(server, [make_message(number) for number in range(4)], final_timeout=20.0)
    assert outcomes.results == dict.fromkeys(range(4), Result.SENT)


def test_a_server_that_does_not_pipeline_is_asked_one_thing_at_a_time() -> None:
    with ScriptedServer(Script(capabilities=STEP_BY_STEP)) as server:
        outcomes = send(server, [make_message(number, copies=("boss@example.com",)) for number in range(3)])
    assert outcomes.results == dict.fromkeys(range(3), Result.SENT)
    assert verbs(server.commands[0]) == ["EHLO", *["MAIL", "RCPT", "RCPT", "DATA"] * 3, "QUIT"]


@either_dialogue
@pytest.mark.parametrize(
    ("command", "reply", "result", "code"),
    [
        ("MAIL", "451 4.3.0 Later", Result.RETRY, "451 4.3.0"),
        ("MAIL", "550 5.7.1 Not you", Result.FAILED, "550 5.7.1"),
        ("MAIL", "552 5.3.4 Too big", Result.FAILED, "552 5.3.4"),
        ("RCPT", "450 4.2.0 Greylisted", Result.RETRY, "450 4.2.0"),
        ("RCPT", "550 5.1.1 No such user", Result.FAILED, "550 5.1.1"),
        ("RCPT", "550 no such user", Result.FAILED, "550"),
        ("DATA", "451 4.3.0 Later", Result.RETRY, "451 4.3.0"),
        ("DATA", "554 5.5.1 No", Result.FAILED, "554 5.5.1"),
        (".", "451 4.3.0 Later", Result.RETRY, "451 4.3.0"),
        (".", "554-5.7.1 Spam\n554 5.7.1 says the filter", Result.FAILED, "554 5.7.1"),
    ],
)
def test_a_refusal_concerns_one_message(
    capabilities: tuple[str, ...], command: str, reply: str, result: Result, code: str
) -> None:
    friendly = {"MAIL": "250 fine", "RCPT": "250 fine", "DATA": "354 go", ".": "250 fine"}
    script = Script(replies={command: [friendly[command], reply]}, capabilities=capabilities)
    with ScriptedServer(script) as server:
        outcomes = send(server, [make_message(number) for number in (1, 2, 3)])
    assert outcomes.results == {1: Result.SENT, 2: result, 3: Result.SENT}
    assert outcomes.of(2).code == code
    assert outcomes.of(2).detail
    assert len(server.commands) == 1, "the connection goes on"


def test_a_recipient_refused_and_data_taken_ends_with_a_lone_dot() -> None:
    with ScriptedServer(Script(recipients={"gone@example.com": "550 5.1.1 Gone"})) as server:
        outcomes = send(server, [make_message(1, to="gone@example.com"), make_message(2)])
    assert outcomes.results == {1: Result.FAILED, 2: Result.SENT}
    assert outcomes.of(1).code == "550 5.1.1"
    assert [delivery.wire for delivery in server.deliveries] == [b"", make_message().mime(True)]


@either_dialogue
def test_a_refused_to_address_keeps_the_copies_from_being_sent(capabilities: tuple[str, ...]) -> None:
    script = Script(recipients={"gone@example.com": "550 5.1.1 Gone"}, capabilities=capabilities)
    copies = ("boss@example.com", "archive@example.com")
    with ScriptedServer(script) as server:
        outcomes = send(server, [make_message(1, to="gone@example.com", copies=copies), make_message(2)])
    assert outcomes.results == {1: Result.FAILED, 2: Result.SENT}
    assert [delivery.recipients for delivery in server.deliveries] == [["customer2@example.com"]]
    assert "RSET" in verbs(server.commands[0])


@either_dialogue
def test_a_refused_copy_is_told_and_the_message_goes(capabilities: tuple[str, ...]) -> None:
    script = Script(recipients={"boss@example.com": "452 4.5.3 Too many"}, capabilities=capabilities)
    with ScriptedServer(script) as server:
        outcome = send(server, [make_message(1, copies=("boss@example.com", "archive@example.com"))]).only
    assert outcome.result is Result.SENT
    assert "boss@example.com (452 4.5.3)" in outcome.detail
    assert server.deliveries[0].recipients == ["customer1@example.com", "archive@example.com"]


def test_a_message_that_cannot_go_leaves_the_connection_alone() -> None:
    script = Script(capabilities=("PIPELINING", "SIZE 50"))
    messages = [
        make_message(1, to="jürgen@example.com"),
        make_message(2, body=b"x" * 51),
        make_message(3),
        make_message(4, to="not an address"),
        make_message(5),
    ]
    with ScriptedServer(script) as server:
        outcomes = send(server, messages)
    assert {reference: outcomes.of(reference).code for reference in (1, 2, 4)} == {
        1: "smtputf8_required",
        2: "message_too_large",
        4: "bad_address",
    }
    assert outcomes.results == {
        1: Result.FAILED,
        2: Result.FAILED,
        3: Result.SENT,
        4: Result.FAILED,
        5: Result.SENT,
    }
    assert verbs(server.commands[0]) == ["EHLO", *["MAIL", "RCPT", "DATA"] * 2, "QUIT"]


def test_a_large_message_is_written_as_the_socket_takes_it() -> None:
    body = b"Subject: Large\r\n\r\n" + b"0123456789abcdef\r\n" * 300_000
    with ScriptedServer() as server:
        outcomes = send(server, [make_message(1, body=body), make_message(2)])
    assert outcomes.results == {1: Result.SENT, 2: Result.SENT}
    assert server.deliveries[0].wire == body


@either_dialogue
def test_a_connection_is_left_after_its_share(capabilities: tuple[str, ...]) -> None:
    with ScriptedServer(Script(capabilities=capabilities)) as server:
        outcomes = send(server, [make_message(number) for number in range(7)], messages_per_connection=3)
    assert len(outcomes) == 7
    assert [verbs(commands).count("MAIL") for commands in server.commands] == [3, 3, 1]
    assert all(commands[-1] == "QUIT" for commands in server.commands)


def test_connections_stay_warm_between_sends() -> None:
    outcomes = Outcomes()
    with ScriptedServer() as server:
        session = SmtpSession(wire_settings(server))
        for number in range(3):
            session.send([make_message(number)], outcomes)
        session.close()
    assert len(outcomes) == 3
    assert verbs(server.commands[0]) == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3, "QUIT"]
    assert len(server.commands) == 1


def test_one_message_needs_one_connection() -> None:
    with ScriptedServer() as server:
        send(server, [make_message(1)], connections=8)
    assert len(server.commands) == 1


def test_many_messages_use_all_connections() -> None:
    # No message is answered before the next has come: three connections are needed to get three under way.
    with ScriptedServer(Script(capabilities=STEP_BY_STEP)) as server:
        outcomes = send(server, [make_message(number) for number in range(60)], connections=3)
    assert len(outcomes) == 60
    assert len(server.commands) == 3


@pytest.mark.parametrize("reply", ["530 5.7.0 Sign in first", "550 5.7.8 Not any more", "535 No"])
def test_a_server_that_wants_other_settings_stops_the_send(reply: str) -> None:
    taken = []

    def outgoing():
        for number in range(100):
            taken.append(number)
            yield make_message(number)

    script = Script(replies={"MAIL": ["250 fine", "250 fine", reply]})
    outcomes = Outcomes()
    with ScriptedServer(script) as server:
        session = SmtpSession(wire_settings(server))
        with pytest.raises(ConfigurationProblem) as problem:
            session.send(outgoing(), outcomes)
        session.close()
    assert reply.split(" ")[0] in problem.value.detail
    assert outcomes.references == taken
    assert len(taken) < 6
    assert outcomes.of(0).result is Result.SENT
    assert outcomes.of(2).result is Result.RETRY
    assert outcomes.of(2).code == "not_attempted"
