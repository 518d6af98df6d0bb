"""`icalbridge.settings`: one table, read from an environment, and a sentence for every value that
cannot be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import ConfigurationError
from icalbridge.settings import LIVE_API_URL, Settings, from_environment, table

if TYPE_CHECKING:
    from pathlib import Path


def test_settings_default_to_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty environment gives the contract's defaults."""
    monkeypatch.chdir(tmp_path)
    assert from_environment({"HOME": "/home/someone"}) == Settings(
        api_key="",
        api_url=LIVE_API_URL,
        rate_per_minute=120,
        quota_per_day=15_000,
        event_types=("reservation",),
        api_keys=(),
        database_url="sqlite:////home/someone/.local/state/icalbridge/icalbridge.db",
        public_url="",
        history_days=60,
        horizon_days=365,
        today_seconds=60,
        week_seconds=180,
        month_seconds=600,
        quarter_seconds=2400,
        year_seconds=14_400,
        unread_seconds=86_400,
        keep_days=0,
        feed_max_bytes=1_000_000,
        public_pending=False,
        approved_statuses=("approved",),
        public_category=False,
        frame_ancestors="*",
        site_name="",
        site_logo="",
        site_accent="",
        booking_url="",
        enable_writes=False,
        renter_email="",
        log_format="text",
    )


def test_settings_read_every_value(tmp_path: Path) -> None:
    """Every setting of the table is read from its own name; `test_settings_keys` has the file of
    keys.
    """
    logo = tmp_path / "logo.SVG"
    logo.write_text("<svg/>")
    given = {
        "FACILITRON_API_KEY": "k-1",
        "FACILITRON_API_URL": "http://127.0.0.1:9000/v1/",
        "FACILITRON_RATE_PER_MINUTE": "60",
        "FACILITRON_QUOTA_PER_DAY": "5000",
        "FACILITRON_EVENT_TYPES": "reservation, maintenance-block,reservation",
        "FACILITRON_API_KEYS_FILE": "",
        "DATABASE_URL": "sqlite:////srv/bridge.db",
        "ICALBRIDGE_DATABASE_CONNECT_SECONDS": "6",
        "ICALBRIDGE_DATABASE_STATEMENT_SECONDS": "40",
        "ICALBRIDGE_DATABASE_WEB_SECONDS": "2",
        "ICALBRIDGE_PUBLIC_URL": "https://calendars.example.org/",
        "ICALBRIDGE_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "ICALBRIDGE_HISTORY_DAYS": "30",
        "ICALBRIDGE_HORIZON_DAYS": "180",
        "ICALBRIDGE_TODAY_SECONDS": "30",
        "ICALBRIDGE_WEEK_SECONDS": "300",
        "ICALBRIDGE_MONTH_SECONDS": "900",
        "ICALBRIDGE_QUARTER_SECONDS": "3600",
        "ICALBRIDGE_YEAR_SECONDS": "43200",
        "ICALBRIDGE_UNREAD_SECONDS": "172800",
        "ICALBRIDGE_KEEP_DAYS": "400",
        "ICALBRIDGE_FEED_MAX_BYTES": "500000",
        "ICALBRIDGE_PUBLIC_PENDING": "1",
        "ICALBRIDGE_PUBLIC_CATEGORY": "1",
        "ICALBRIDGE_APPROVED_STATUSES": (
            " Confirmed,APPROVED - Pending  Payment ,approved, confirmed,"
        ),
        "ICALBRIDGE_FRAME_ANCESTORS": "https://www.example.org",
        "ICALBRIDGE_SITE_NAME": "Sunny Union",
        "ICALBRIDGE_SITE_LOGO": str(logo),
        "ICALBRIDGE_SITE_ACCENT": "#1A5FB4",
        "ICALBRIDGE_POLICY_FILE": "/etc/icalbridge/policy.toml",
        "ICALBRIDGE_BOOKING_URL": "https://book.example.org/{property_id}?at={facility_id}",
        "ICALBRIDGE_ENABLE_WRITES": "1",
        "ICALBRIDGE_RENTER_EMAIL": "coach@school.example",
        "ICALBRIDGE_LOG_FORMAT": "json",
    }
    assert list(given) == [name for name, _, _ in table()]
    assert from_environment(given) == Settings(
        api_key="k-1",
        api_url="http://127.0.0.1:9000/v1",
        rate_per_minute=60,
        quota_per_day=5000,
        event_types=("reservation", "maintenance-block"),
        database_url="sqlite:////srv/bridge.db",
        database_connect_seconds=6,
        database_statement_seconds=40,
        database_web_seconds=2,
        public_url="https://calendars.example.org",
        trusted_proxies=("10.0.0.0/8", "::1/128"),
        history_days=30,
        horizon_days=180,
        today_seconds=30,
        week_seconds=300,
        month_seconds=900,
        quarter_seconds=3600,
        year_seconds=43_200,
        unread_seconds=172_800,
        keep_days=400,
        feed_max_bytes=500_000,
        public_pending=True,
        approved_statuses=("approved", "approved - pending payment", "confirmed"),
        public_category=True,
        frame_ancestors="https://www.example.org",
        site_name="Sunny Union",
        site_logo=str(logo),
        site_accent="#1a5fb4",
        policy_file="/etc/icalbridge/policy.toml",
        booking_url="https://book.example.org/{property_id}?at={facility_id}",
        enable_writes=True,
        renter_email="coach@school.example",
        log_format="json",
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_settings_take_both_spellings_of_postgresql(scheme: str) -> None:
    """`postgres://` and `postgresql://` mean the same database."""
    read = from_environment({"DATABASE_URL": f"{scheme}://me:word@db.example.org/bridge"})
    assert read.database_url == "postgresql+psycopg://me:word@db.example.org/bridge"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FACILITRON_API_KEY", "two words"),
        ("FACILITRON_API_KEY", "line\nbreak"),
        ("FACILITRON_API_URL", "ftp://api.example.org/v1"),
        ("FACILITRON_API_URL", "api.example.org/v1"),
        ("FACILITRON_RATE_PER_MINUTE", "0"),
        ("FACILITRON_RATE_PER_MINUTE", "1e3"),
        ("FACILITRON_QUOTA_PER_DAY", "-5"),
        ("FACILITRON_EVENT_TYPES", ",,"),
        ("FACILITRON_EVENT_TYPES", "reservation&x=1"),
        ("DATABASE_URL", "mysql://me:word@db.example.org/bridge"),
        ("DATABASE_URL", "sqlite://"),
        ("ICALBRIDGE_PUBLIC_URL", "https://user:word@example.org"),
        ("ICALBRIDGE_PUBLIC_URL", "https://example.org/?x=1"),
        ("ICALBRIDGE_PUBLIC_URL", "https://example.org:99999"),
        ("ICALBRIDGE_TRUSTED_PROXIES", "127.0.0.1, proxy.example.org"),
        ("ICALBRIDGE_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("ICALBRIDGE_HISTORY_DAYS", "sixty"),
        ("ICALBRIDGE_HORIZON_DAYS", "366"),
        ("ICALBRIDGE_TODAY_SECONDS", "9"),
        ("ICALBRIDGE_MONTH_SECONDS", "1.5"),
        ("ICALBRIDGE_YEAR_SECONDS", "59"),
        ("ICALBRIDGE_UNREAD_SECONDS", "604801"),
        ("ICALBRIDGE_KEEP_DAYS", "-1"),
        ("ICALBRIDGE_KEEP_DAYS", "59"),
        ("ICALBRIDGE_FEED_MAX_BYTES", "9999"),
        ("ICALBRIDGE_APPROVED_STATUSES", " , ,"),
        ("ICALBRIDGE_APPROVED_STATUSES", "approved,con\x07firmed"),
        ("ICALBRIDGE_FRAME_ANCESTORS", "https://a.example.org; script-src *"),
        ("ICALBRIDGE_SITE_NAME", "N" * 81),
        ("ICALBRIDGE_SITE_NAME", "two\nlines"),
        ("ICALBRIDGE_SITE_LOGO", "/nowhere/logo.svg"),
        ("ICALBRIDGE_SITE_LOGO", __file__),
        ("ICALBRIDGE_SITE_LOGO", "/" + "x" * 5000 + ".png"),
        ("ICALBRIDGE_SITE_ACCENT", "red"),
        ("ICALBRIDGE_SITE_ACCENT", "#000000;}"),
        ("ICALBRIDGE_BOOKING_URL", "www.example.org/book"),
        ("ICALBRIDGE_BOOKING_URL", "https://{property_id}.example.org/"),
        ("ICALBRIDGE_BOOKING_URL", "https://book.example.org/{school}"),
        ("ICALBRIDGE_BOOKING_URL", "https://book.example.org:99999/"),
        ("ICALBRIDGE_ENABLE_WRITES", "yes"),
        ("ICALBRIDGE_RENTER_EMAIL", "coach at school.example"),
        ("ICALBRIDGE_LOG_FORMAT", "xml"),
    ],
)
def test_settings_name_the_value_that_cannot_be_used(name: str, value: str) -> None:
    """A bad value stops start-up with one sentence that begins with its name."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment({name: value})
    assert str(caught.value).startswith(f"{name} ")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keep", "history"), [("0", "60"), ("60", "60"), ("30", "30"), ("0", "3660")]
)
def test_settings_keep_what_feeds_show(keep: str, history: str) -> None:
    """What feeds reach back to is kept; 0 keeps everything."""
    read = from_environment({"ICALBRIDGE_KEEP_DAYS": keep, "ICALBRIDGE_HISTORY_DAYS": history})
    assert (read.keep_days, read.history_days) == (int(keep), int(history))


def test_settings_say_why_less_than_history_cannot_be_kept() -> None:
    """Both settings and the feeds' days are in the sentence."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment({"ICALBRIDGE_KEEP_DAYS": "89", "ICALBRIDGE_HISTORY_DAYS": "90"})
    assert (
        str(caught.value)
        == "ICALBRIDGE_KEEP_DAYS is 89, less than ICALBRIDGE_HISTORY_DAYS, the 90 days that feeds"
        " reach back; make it more, or 0 to keep everything."
    )


def test_settings_never_repeat_a_secret() -> None:
    """Neither an error nor `repr` shows the key, the database's password or the renter."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment({"FACILITRON_API_KEY": "secret key"})
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        from_environment({"DATABASE_URL": "mysql://me:secret@h/x"})
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        from_environment({"ICALBRIDGE_RENTER_EMAIL": "secret coach@school.example"})
    assert "secret" not in str(caught.value)
    given = {"FACILITRON_API_KEY": "secret", "DATABASE_URL": "postgres://me:secret@h/x"}
    read = from_environment({**given, "ICALBRIDGE_RENTER_EMAIL": "secret@school.example"})
    assert "secret" not in repr(read)


def test_settings_read_the_key_from_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`FACILITRON_API_KEY_FILE` names a secret file; a line break at its end does not count."""
    path = tmp_path_factory.mktemp("secrets") / "key"
    path.write_text("from-a-file\n")
    assert from_environment({"FACILITRON_API_KEY_FILE": str(path)}).api_key == "from-a-file"
    with pytest.raises(ConfigurationError, match="both set"):
        from_environment({"FACILITRON_API_KEY_FILE": str(path), "FACILITRON_API_KEY": "k"})
    path.write_text("\n")
    with pytest.raises(ConfigurationError, match="which is empty"):
        from_environment({"FACILITRON_API_KEY_FILE": str(path)})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        from_environment({"FACILITRON_API_KEY_FILE": str(path.parent / "missing")})


def test_settings_require_a_key_where_there_is_no_way_without() -> None:
    """A command that talks to the vendor says how to set the key."""
    with pytest.raises(ConfigurationError, match="FACILITRON_API_KEY is not set"):
        from_environment({}).require_keys()
    (user,) = from_environment(
        {"FACILITRON_API_KEY": "k", "FACILITRON_RATE_PER_MINUTE": "7"}
    ).require_keys()
    assert (user.name, user.key, user.url, user.rate_per_minute) == (
        "default",
        "k",
        LIVE_API_URL,
        7,
    )
    assert "'k'" not in repr(user)
