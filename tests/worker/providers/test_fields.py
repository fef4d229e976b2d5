import pytest

from worker.providers.fields import SettingField, field_errors, read_settings

FIELDS = (
    SettingField("host", "Host", required=True),
    SettingField("port", "Port", "number", default=25, minimum=1, maximum=65535),
    SettingField("share", "Share", "number", minimum=0),
    SettingField("verify", "Verify", "boolean", default=True),
    SettingField("mode", "Mode", "choice", default="a", choices=(("a", "Alpha"), ("b", "Beta"))),
    SettingField("secret", "Secret", "secret"),
)


def test_what_a_form_posts_and_what_json_stores_read_alike() -> None:
    posted = {"host": " mail ", "port": "2525", "share": "2.5", "verify": "off", "mode": "b", "secret": " s "}
    stored = {"host": "mail", "port": 2525, "share": 2.5, "verify": False, "mode": "b", "secret": " s "}
    assert read_settings(FIELDS, posted) == read_settings(FIELDS, stored) == stored
    assert isinstance(read_settings(FIELDS, posted)["port"], int)


def test_blanks_are_defaults() -> None:
    assert read_settings(FIELDS, {"host": "mail", "port": "", "mode": None}) == {
        "host": "mail",
        "port": 25,
        "share": 0,
        "verify": True,
        "mode": "a",
        "secret": "",
    }


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"host": "  "}, "host", "Host is needed."),
        ({"port": "many"}, "port", "Port must be a number."),
        ({"port": 65536}, "port", "Port must be between 1 and 65535."),
        ({"port": float("nan")}, "port", "Port must be between 1 and 65535."),
        ({"share": "-1"}, "share", "Share must be 0 or more."),
        ({"share": "inf"}, "share", "Share must be 0 or more."),
        ({"verify": "perhaps"}, "verify", "Verify must be on or off."),
        ({"mode": "c"}, "mode", "Mode must be one of Alpha, Beta."),
    ],
)
def test_each_fault_has_a_sentence(changes: dict[str, object], field: str, words: str) -> None:
    settings = {"host": "mail"} | changes
    assert field_errors(FIELDS, settings) == {field: words}
    with pytest.raises(ValueError, match=words.rstrip(".")):
        read_settings(FIELDS, settings)
