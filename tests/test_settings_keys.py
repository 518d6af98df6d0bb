"""`icalbridge.settings.keys`: a file with several keys, read whole or refused with a sentence that
repeats no key.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from icalbridge.errors import ConfigurationError
from icalbridge.settings import LIVE_API_URL, ApiUser, Settings, from_environment

SECRET = "s3cret-of-the-valley"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the process runs, and the files are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _read(text: str, **environ: str) -> Settings:
    Path("keys.toml").write_text(text, "utf-8")
    return from_environment({"FACILITRON_API_KEYS_FILE": "keys.toml", **environ})


def _refusal(text: str, **environ: str) -> str:
    """Return the sentence that a file is refused with."""
    with pytest.raises(ConfigurationError) as caught:
        _read(text, **environ)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_every_field_is_read() -> None:
    """Name, key, address, rate, quota and event types of each, in the file's order."""
    read = _read("""
        [sunny-valley]
        key = "k-1"
        rate_per_minute = 60
        quota_per_day = 5000
        url = "http://127.0.0.1:9000/v1/"
        event_types = ["reservation", "maintenance-block"]

        ["Golden Hills"]
        key = "k-2"
        event_types = "maintenance-block"
        """)
    assert read.api_users() == (
        ApiUser(
            "sunny-valley",
            "k-1",
            "http://127.0.0.1:9000/v1",
            60,
            5000,
            ("reservation", "maintenance-block"),
        ),
        ApiUser("Golden Hills", "k-2", LIVE_API_URL, 120, 15_000, ("maintenance-block",)),
    )


def test_what_is_left_out_is_as_the_other_settings_say() -> None:
    """Address, rate, quota and event types."""
    read = _read(
        '[a]\nkey = "k-1"\n[b]\nkey = "k-2"\nrate_per_minute = 7\n',
        FACILITRON_API_URL="http://127.0.0.1:9000/v1",
        FACILITRON_RATE_PER_MINUTE="60",
        FACILITRON_QUOTA_PER_DAY="5000",
        FACILITRON_EVENT_TYPES="maintenance-block",
    )
    assert read.require_keys() == (
        ApiUser("a", "k-1", "http://127.0.0.1:9000/v1", 60, 5000, ("maintenance-block",)),
        ApiUser("b", "k-2", "http://127.0.0.1:9000/v1", 7, 5000, ("maintenance-block",)),
    )


def test_key_file_lies_beside_the_file(folder: Path) -> None:
    """Named from the folder of the TOML file, or from the root; a line break at its end does not
    count.
    """
    (folder / "sunny.key").write_text("k-1\n", "utf-8")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "hills.key").write_text("\ufeffk-2\r\n", "utf-8")
    read = _read(f"[a]\nkey_file = 'sunny.key'\n[b]\nkey_file = '{elsewhere / 'hills.key'}'\n")
    assert [each.key for each in read.api_users()] == ["k-1", "k-2"]
    (elsewhere / "keys.toml").write_text("[b]\nkey_file = 'hills.key'\n", "utf-8")
    (user,) = from_environment({"FACILITRON_API_KEYS_FILE": "elsewhere/keys.toml"}).api_users()
    assert user.key == "k-2"


def test_byte_order_mark_does_not_count() -> None:
    """Some editors write one."""
    assert _read('\ufeff[a]\nkey = "k-1"\n').api_users()[0].key == "k-1"


ADDRESS = (
    "an address such as https://calendars.example.org, without a query, a fragment or a password"
)
REFUSED = "FACILITRON_API_KEYS_FILE is 'keys.toml' and cannot be used; it must be "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a TOML file with a table such as [sunny-valley] for each key."),
        (f'key = "{SECRET}"', "a TOML file with a table such as [sunny-valley] for each key."),
        (
            f'[a]\nkey = "{SECRET}"\nq = 5\n',
            (
                "a file whose [a] has only event_types, key, key_file, quota_per_day,"
                " rate_per_minute, url; it has 'q'."
            ),
        ),
        ("[a]\nrate_per_minute = 5\n", "a file whose [a] has a key, or a key_file that holds it."),
        ("[a]\nkey = ''\n", "a file whose [a] has a key, or a key_file that holds it."),
        ("[a]\nkey = 12\n", "a file whose [a] has a key, or a key_file that holds it."),
        ("[a]\nkey_file = 'empty'\n", "a file whose [a] has a key, or a key_file that holds it."),
        ("[a]\nkey_file = 'missing'\n", "a file whose [a] names a key_file that can be read."),
        ("[a]\nkey_file = 'latin-1'\n", "a file whose [a] names a key_file that can be read."),
        ("[a]\nkey_file = '.'\n", "a file whose [a] names a key_file that can be read."),
        ("[a]\nkey_file = 7\n", "a file whose [a] names a key_file that can be read."),
        (
            f"[a]\nkey = 'two {SECRET}'\n",
            (
                "a file whose [a] has as key the key as Facilitron gave it, without blanks or line"
                " breaks."
            ),
        ),
        (
            f"[a]\nkey = '{SECRET}'\nrate_per_minute = 0\n",
            "a file whose [a] has as rate_per_minute a whole number from 1 to 100000.",
        ),
        (
            f"[a]\nkey = '{SECRET}'\nquota_per_day = true\n",
            "a file whose [a] has as quota_per_day a whole number from 1 to 100000000.",
        ),
        (
            f"[a]\nkey = '{SECRET}'\nurl = 'https://user:{SECRET}@example.org'\n",
            f"a file whose [a] has as url {ADDRESS}.",
        ),
        (
            f"[a]\nkey = '{SECRET}'\nevent_types = []\n",
            (
                "a file whose [a] has as event_types names separated by commas, such as"
                " reservation,maintenance-block."
            ),
        ),
        (
            f"[a]\nkey = '{SECRET}'\n[b]\nkey = 'k'\n[c]\nkey = '{SECRET}'\n",
            "a file in which each key is once; [a] and [c] have the same.",
        ),
        (f"[a]\nkey = {SECRET}\n", "a file in TOML (at line 2, column 7)."),
        (f"{SECRET}", "a file in TOML (at end of document)."),
        (f'[a]\nkey = "{SECRET}"\nkey = "{SECRET}"\n', "a file in TOML (at line 3, column 29)."),
    ],
)
def test_file_that_cannot_be_used_is_a_sentence(folder: Path, text: str, expected: str) -> None:
    """It names the setting, the file, the table and what must be there, and repeats no key."""
    (folder / "empty").write_text("\n", "utf-8")
    (folder / "latin-1").write_bytes("schlüssel".encode("latin-1"))
    assert _refusal(text) == REFUSED + expected


def test_key_in_place_of_the_files_name_is_not_repeated() -> None:
    """A name of no file may be the key itself, put there by mistake."""
    for name in ("FACILITRON_API_KEYS_FILE", "FACILITRON_API_KEY_FILE"):
        for key in (SECRET, SECRET * 100):
            with pytest.raises(ConfigurationError) as caught:
                from_environment({name: key})
            assert str(caught.value).startswith(name)
            assert SECRET not in str(caught.value)


def test_folder_is_no_file() -> None:
    """A name that leads somewhere is told."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment({"FACILITRON_API_KEYS_FILE": "."})
    assert (
        str(caught.value)
        == "FACILITRON_API_KEYS_FILE is '.' and cannot be used; it must be a file that can be read."
    )


def test_file_beside_a_single_key_is_refused() -> None:
    """Which of the two is meant is not guessed."""
    assert (
        _refusal('[a]\nkey = "k-1"\n', FACILITRON_API_KEY=SECRET)
        == "FACILITRON_API_KEYS_FILE and FACILITRON_API_KEY are both set; keep one of them."
    )


def test_keys_are_not_shown() -> None:
    """Neither by the settings nor by a key's own `repr`."""
    read = _read(f'[a]\nkey = "{SECRET}"\n')
    assert SECRET not in repr(read)
    assert SECRET not in repr(read.api_users())
