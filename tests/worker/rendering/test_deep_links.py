from __future__ import annotations

import pytest

from worker.rendering.deep_links import DeepLink, read_link


def test_an_apps_link_in_its_parts() -> None:
    link = read_link("Shop://orders/7?from=push&empty=#lines")
    assert isinstance(link, DeepLink)
    assert (link.scheme, link.place, link.fragment) == ("shop", "orders/7", "lines")
    assert link.values == (("from", "push"), ("empty", ""))
    assert not link.is_web


def test_a_web_address_opens_in_a_browser_too() -> None:
    link = read_link("https://shop.example.com/orders/7?code=a%20b")
    assert isinstance(link, DeepLink)
    assert (link.is_web, link.place, link.values) == (True, "shop.example.com/orders/7", (("code", "a b"),))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("orders/7", "whole address"),
        ("//shop.example.com", "whole address"),
        ("app://orders/Ada Byron", "no blanks"),
        ("javascript:alert(1)", "no link that begins with javascript:"),
        ("DATA:text/html,x", "no link that begins with data:"),
        ("app://", "leads nowhere"),
        ("https:///orders", "leads nowhere"),
        ("https://[broken/", "no address"),
    ],
)
def test_what_no_phone_follows(text: str, words: str) -> None:
    found = read_link(text)
    assert isinstance(found, str)
    assert words in found
