"""Configurations of one-time codes. Keys for codes read them; changing them takes admin, or an application could lift
its own limits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictBool, StrictInt

from dashboard.api.identifiers import PublicId, Version, found_id, named_id
from dashboard.api.paging import Paged
from dashboard.api.resource import Input, Output, Reply, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.ids import public_id
from dashboard.otp import queries, services
from dashboard.otp.models import OtpConfiguration

api = resource(
    "OTP configurations", "How one-time codes are made, sent and checked; requests name one, or use the default."
)

_IDS: Final = {"email_template": "tpl", "sms_template": "tpl", "email_provider": "prv", "sms_provider": "prv"}


def _number(name: str, default: int, description: str = "") -> Any:
    least, most = services.RANGES[name]
    return Field(default, ge=least, le=most, description=description)


class OtpConfigurationPath(Input):
    configuration: PublicId


class OtpConfigurationIn(Input):
    """All that can be set; what is left out gets its usual value."""

    name: str = Field(min_length=1, max_length=80)
    length: Literal[4, 6, 8] = 6
    alphabet: Literal["numeric", "alphanumeric"] = Field(
        "numeric", description="alphanumeric leaves out characters that look alike."
    )
    expiry_seconds: StrictInt = _number("expiry_seconds", 300)
    resend: Literal["new", "same"] = Field("new", description="new makes another code, same repeats the old one.")
    resend_wait_seconds: StrictInt = _number("resend_wait_seconds", 30)
    max_attempts: StrictInt = _number("max_attempts", 3)
    lockout_seconds: StrictInt = _number("lockout_seconds", 900, "After the last wrong try; 0: none.")
    destination_limit: StrictInt = _number("destination_limit", 5, "Codes an hour for a destination; 0: no limit.")
    ip_limit: StrictInt = _number("ip_limit", 30, "Codes an hour for a person's IP address; 0: no limit.")
    prefix_limit: StrictInt = _number(
        "prefix_limit", 0, "Codes an hour for numbers that differ in the last four digits only; 0: no limit."
    )
    channels: Annotated[list[Literal["sms", "email"]], Field(min_length=1, max_length=2)] = Field(
        ["sms", "email"], description="In order, each once."
    )
    delivery: Literal["all", "first"] = Field("all", description="On all channels, or on the next if one fails.")
    same_code: StrictBool = Field(True, description="The same code on both channels.")
    purpose_required: StrictBool = False
    email_template: PublicId | None = Field(None, description="Has to be of the category otp and use code.")
    sms_template: PublicId | None = None
    email_provider: PublicId | None = Field(None, description="null: by the route of one-time codes.")
    sms_provider: PublicId | None = None

    def values(self) -> dict[str, Any]:
        """The same for the services. Raises Refused (422) for what is no id."""
        values = self.model_dump(exclude={"version", *_IDS})
        ids = {f"{name}_id": named_id(prefix, getattr(self, name), name) for name, prefix in _IDS.items()}
        return {**values, **ids}


class OtpConfigurationUpdateIn(OtpConfigurationIn):
    """The whole configuration anew."""

    version: Version = None


class OtpConfigurationOut(Output):
    """A configuration. Times are in seconds; a limit of 0 is none."""

    id: str
    name: str
    default: bool = Field(description="Used by requests that name none.")
    length: int
    alphabet: str
    expiry_seconds: int
    resend: str
    resend_wait_seconds: int
    max_attempts: int
    lockout_seconds: int
    destination_limit: int
    ip_limit: int
    prefix_limit: int
    channels: list[str]
    delivery: str
    same_code: bool
    purpose_required: bool
    email_template: str | None
    sms_template: str | None
    email_provider: str | None
    sms_provider: str | None
    version: int = Field(description="Counts every change; pass it when you save.")
    created_at: datetime
    updated_at: datetime


class OtpConfigurationsOut(Paged):
    items: list[OtpConfigurationOut]


class OtpConfigurationDeletedOut(Output):
    name: str


@api.get("/otp-configurations", responses={200: OtpConfigurationsOut})
@needs(Scope.OTP)
def index() -> Reply:
    """List configurations of one-time codes

    The default one comes first.
    """
    return OtpConfigurationsOut(items=[_out(row) for row in queries.configurations()], next=None)


@api.post("/otp-configurations", responses={201: OtpConfigurationOut})
@needs(Scope.ADMIN)
def create(body: OtpConfigurationIn) -> Reply:
    """Create a configuration of one-time codes

    The first one is the default.
    """
    return _out(services.create_configuration(body.values())), 201


@api.get("/otp-configurations/<configuration>", responses={200: OtpConfigurationOut})
@needs(Scope.OTP)
def show(path: OtpConfigurationPath) -> Reply:
    """A configuration of one-time codes"""
    return _out(queries.configuration(_id(path)))


@api.put("/otp-configurations/<configuration>", responses={200: OtpConfigurationOut})
@needs(Scope.ADMIN)
def update(path: OtpConfigurationPath, body: OtpConfigurationUpdateIn) -> Reply:
    """Save a configuration of one-time codes

    Codes under way keep what they were made with.
    """
    saved = services.update_configuration(configuration_id=_id(path), values=body.values(), version=body.version)
    return _out(saved)


@api.post("/otp-configurations/<configuration>/default", responses={200: OtpConfigurationOut})
@needs(Scope.ADMIN)
def make_default(path: OtpConfigurationPath) -> Reply:
    """Make it the default

    Requests that name no configuration use it from now on.
    """
    return _out(services.make_default(configuration_id=_id(path)))


@api.delete("/otp-configurations/<configuration>", responses={200: OtpConfigurationDeletedOut})
@needs(Scope.ADMIN)
def delete(path: OtpConfigurationPath) -> Reply:
    """Delete a configuration of one-time codes

    Refused (409) for the default one, and while the histories of its codes are kept.
    """
    return OtpConfigurationDeletedOut(name=services.delete_configuration(configuration_id=_id(path)))


def _id(path: OtpConfigurationPath) -> int:
    return found_id(OtpConfiguration.PREFIX, path.configuration, "configuration")


def _out(row: OtpConfiguration) -> OtpConfigurationOut:
    plain = {name: getattr(row, name) for name in services.FIELDS if not name.endswith("_id")}
    ids = {name: getattr(row, f"{name}_id") for name in _IDS}
    return OtpConfigurationOut(
        id=row.public_id,
        default=row.is_default,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        **plain,
        **{name: public_id(_IDS[name], value) if value else None for name, value in ids.items()},
    )
