import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.smtp_wire.replies import ProtocolError, Reply, ReplyReader


def test_reads_single_and_multiline_replies_in_order() -> None:
    replies = ReplyReader().feed(b"250-first\r\n250-second\r\n250 third\r\n354 go\r\n221\r\n")
    assert [(reply.code, reply.lines) for reply in replies] == [
        (250, (b"first", b"second", b"third")),
        (354, (b"go",)),
        (221, (b"",)),
    ]


@given(st.lists(st.integers(1, 30), max_size=20))
def test_the_cut_of_the_packets_does_not_matter(sizes: list[int]) -> None:
    data = b"250-mail.example.com\r\n250 PIPELINING\r\n550 5.1.1 No such user\r\n421 Bye\r\n"
    reader, replies, rest = ReplyReader(), [], data
    for size in sizes:
        replies += reader.feed(rest[:size])
        rest = rest[size:]
    replies += reader.feed(rest)
    assert [reply.code for reply in replies] == [250, 550, 421]
    assert not reader.holds_bytes


def test_tells_whether_something_is_left() -> None:
    reader = ReplyReader()
    reader.feed(b"250-half\r\n")
    assert reader.holds_bytes
    reader.feed(b"250 whole\r\n25")
    assert reader.holds_bytes


@pytest.mark.parametrize(
    "data", [b"hello\r\n", b"25 \r\n", b"2500 x\r\n", b"\r\n", b"x" * 9000, b"HTTP/1.1 400 Bad Request\r\n"]
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        ReplyReader().feed(data)


def test_a_reply_without_an_end_is_refused() -> None:
    reader = ReplyReader()
    with pytest.raises(ProtocolError, match="without an end"):
        reader.feed(b"250-more\r\n" * 300)


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (b"5.1.1 No such user", "550 5.1.1"),
        (b"5.7.26", "550 5.7.26"),
        (b"No such user (5.1.1)", "550"),
        (b"5.1.1.1 is not a code", "550"),
        (b"", "550"),
    ],
)
def test_label_carries_the_enhanced_code_where_there_is_one(line: bytes, label: str) -> None:
    assert Reply(550, (line,)).label == label


@pytest.mark.parametrize(
    ("words", "queue_id"),
    [
        (b"2.0.0 Ok: queued as 4Xz1Kd2", "4Xz1Kd2"),
        (b"OK id=1tFx7Q-0004Rt-2L", "1tFx7Q-0004Rt-2L"),
        (b"2.6.0 <x@y> Queued mail for delivery", ""),
        (b"Ok: queued as <abc@mx>.", "abc@mx"),
        (b"2.0.0 Fine", ""),
    ],
)
def test_finds_the_name_the_server_gave_the_message(words: bytes, queue_id: str) -> None:
    assert Reply(250, (words,)).queue_id == queue_id


def test_words_are_one_short_line_of_text() -> None:
    words = Reply(554, (b"first\tline", b"caf\xe9 second", b"x" * 900)).words
    assert words.startswith("first line caf\ufffd second x")
    assert len(words) == 500
