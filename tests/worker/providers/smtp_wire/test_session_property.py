"""Whatever a server does, the outcomes tell the truth about what it took."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.providers.messages import make_message
from tests.worker.providers.smtp_server import DROP, RESET, Script, ScriptedServer
from tests.worker.providers.smtp_wire.sending import send
from worker.providers.base import Result

FINE = {"MAIL": "250 fine", "RCPT": "250 fine", "DATA": "354 go", ".": "250 2.0.0 fine", "RSET": "250 fine"}
TROUBLE = ["450 4.2.0 later", "550 5.1.1 no", "421 4.3.2 closing", DROP, RESET, "nonsense"]
MESSAGES = 12


def replies_to(command: str) -> st.SearchStrategy[list[str]]:
    # Fine replies are more likely, or no conversation would get far.
    return st.lists(st.sampled_from([FINE[command]] * 8 + TROUBLE), max_size=8)


scripts = st.builds(
    Script,
    replies=st.fixed_dictionaries({}, optional={command: replies_to(command) for command in FINE}),
    capabilities=st.sampled_from([("PIPELINING", "8BITMIME"), ("8BITMIME",)]),
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(scripts, min_size=1, max_size=4), st.integers(1, 3), st.booleans())
def test_outcomes_agree_with_what_the_server_took(scripts: list[Script], connections: int, copies: bool) -> None:
    also = ("archive@example.com",) if copies else ()
    with ScriptedServer(*scripts, Script()) as server:
        outcomes = send(
            server,
            [make_message(number, copies=also) for number in range(MESSAGES)],
            connections=connections,
            reconnect_delays=(0.001, 0.001, 0.001),
        )
    taken = Counter(
        delivery.recipients[0] for delivery in server.deliveries if delivery.accepted and delivery.recipients
    )
    assert outcomes.references == list(range(MESSAGES))
    for number, result in outcomes.results.items():
        times = taken[f"customer{number}@example.com"]
        if result is Result.SENT:
            assert times == 1
        elif result is Result.UNKNOWN:
            assert times <= 1
        else:
            assert times == 0
