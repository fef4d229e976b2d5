"""Every setting of an installation: one frozen object, read once from the environment.

Each field carries its help line; `docs/settings.md` lists them all and a test holds the two together.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024


class Settings(BaseSettings):
    """The environment of one installation, checked at start; a wrong value stops the start with its name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the web server listens on.")
    var_dir: Path = Field(Path("var"), description="Folder for database, files, keys and broker data of one machine.")
    database_url: str = Field("", description="SQLAlchemy address of the database; empty: SQLite in VAR_DIR.")
    redis_url: str = Field("", description="Redis or Valkey address; empty: the broker that the supervisor starts.")
    files_dir: Path | None = Field(
        None, description="Folder for uploads and attachments, shared by all machines; empty: VAR_DIR/files."
    )
    secret_key: str = Field(
        "",
        description="Signs sessions and links, encrypts provider secrets; empty: made once, in VAR_DIR/secret.key.",
    )
    public_url: str = Field(
        "",
        description="Address under which recipients reach this installation (unsubscribe links); empty: http://HOST:PORT.",
    )
    environment: str = Field("production", description="Word in the top bar: production, staging or development.")
    admin_password: str = Field("", description="First password of the user `admin`; empty: made and printed once.")
    demo: bool = Field(True, description="Fill a new database with a demonstration and run one campaign.")
    time_zone: str = Field("UTC", description="Time zone of users who have not chosen one (IANA name).")
    default_country: str = Field(
        "IN",
        min_length=2,
        max_length=2,
        description="Country of phone numbers written without a country code (ISO 3166).",
    )
    upload_limit_mb: int = Field(1024, ge=1, description="Largest audience file, in MiB.")
    attachment_limit_mb: int = Field(10, ge=1, description="Largest sum of attachments of one template, in MiB.")
    allow_private_urls: bool = Field(
        False, description="Let addresses typed by operators (audience URL) reach private networks."
    )
    web_threads: int = Field(16, ge=2, description="Threads of one web process.")
    web_processes: int = Field(1, ge=1, description="Web processes; keep 1 on SQLite.")
    bulk_processes: int = Field(2, ge=1, description="Worker processes that send campaigns; one per core.")
    chunk_size: int = Field(1000, ge=1, le=10_000, description="Recipients in one chunk of a job.")
    window_size: int = Field(
        250,
        ge=1,
        le=1000,
        description="Recipients marked as being sent in one transaction; the most a killed worker can leave in doubt.",
    )
    lease_seconds: int = Field(15, ge=2, description="How long a worker's claim on a chunk lasts without a heartbeat.")
    sms_slot_limit: int = Field(
        40, ge=1, le=200, description="Characters that may fill one {#var#} slot of a registered SMS (older rules: 30)."
    )
    max_attempts: int = Field(6, ge=1, description="Tries for a message that the provider puts off.")
    retry_seconds: int = Field(30, ge=1, description="Wait before the second try; doubles with every further one.")
    late_start_minutes: int = Field(60, ge=1, description="A scheduled campaign later than this asks before it starts.")
    login_attempts: int = Field(5, ge=1, description="Wrong passwords in a row before a name is locked.")
    login_lock_minutes: int = Field(15, ge=1, description="How long a locked name stays locked.")
    session_hours: int = Field(12, ge=1, description="Hours after which a sign-in ends.")
    secure_cookies: bool = Field(False, description="Send cookies over HTTPS only; switch on behind TLS.")
    retention_months: int = Field(
        0, ge=0, description="Full months that messages are kept besides the present one; 0: for ever."
    )
    otp_days: int = Field(
        90, ge=0, le=10_000, description="Days that one-time codes and their histories are kept; 0: for ever."
    )
    event_log_days: int = Field(
        90, ge=0, le=10_000, description="Days that received events and their payloads are kept; 0: for ever."
    )
    message_values_days: int = Field(
        90,
        ge=0,
        le=10_000,
        description="Days that the values of single messages (API, events, tests) are kept; 0: for ever.",
    )
    callback_days: int = Field(
        30,
        ge=0,
        le=10_000,
        description="Days that raw callbacks, and receipts of no message of ours, are kept; 0: for ever.",
    )
    metrics_token: str = Field(
        "",
        description="Bearer token that /metrics asks for; empty: only callers on the same machine may read it.",
    )
    log_level: str = Field("INFO", description="Least level of the log: DEBUG, INFO, WARNING or ERROR.")

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone")
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def database(self) -> str:
        """SQLAlchemy address; `postgres://`, as hosters write it, means psycopg 3."""
        url = self.database_url
        if not url:
            return f"sqlite:///{(self.var_dir / 'carillon.sqlite').absolute()}"
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url

    @cached_property
    def broker_socket(self) -> Path:
        """Unix socket of the supervisor's own broker: short, since a path over 107 bytes cannot be bound."""
        digest = hashlib.sha256(str(self.var_dir.absolute()).encode()).hexdigest()[:16]
        return Path("/tmp") / f"carillon-{digest}.sock"  # noqa: S108 - named by the installation, mode 0700

    @cached_property
    def connector_socket(self) -> Path:
        """Unix socket at which the connector process takes messages for the connections that it holds."""
        return self.broker_socket.with_suffix(".lines")

    @cached_property
    def broker_url(self) -> str:
        return self.redis_url or f"unix://{self.broker_socket}"

    @cached_property
    def files(self) -> Path:
        return self.files_dir or self.var_dir / "files"

    @cached_property
    def base_url(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def upload_limit(self) -> int:
        return self.upload_limit_mb * MEBIBYTE

    @cached_property
    def key(self) -> str:
        """SECRET_KEY, or the one kept in VAR_DIR; made once, readable by its owner alone."""
        if self.secret_key:
            return self.secret_key
        path = self.var_dir / "secret.key"
        self.var_dir.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(value := secrets.token_urlsafe(48))
        return value
