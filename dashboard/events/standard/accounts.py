"""Standard events of customers' accounts."""

from __future__ import annotations

from typing import Final

from dashboard.events.standard.pieces import StandardEvent, email, first_name, given, push, sms
from dashboard.message_templates.models import Category

_SOON: Final = {"expires_seconds": 600}

ACCOUNTS: Final = (
    StandardEvent(
        key="account_welcome",
        name="Welcome",
        group="Accounts",
        description="Somebody has made an account.",
        variables=(first_name(), given("account.url", "https://example.com/me")),
        contents=(
            email(
                "Welcome to {{ company_name|default('our shop', true) }}",
                "Welcome",
                "your account is ready. In it you follow your orders, keep your addresses and find your receipts.",
                button=("Open your account", "{{ account.url }}"),
            ),
            sms("Welcome, {{ first_name|default('there') }}! Your account is ready: {{ account.url }}"),
            push("Welcome", "Your account is ready, {{ first_name|default('there') }}."),
        ),
        rules={"dedup_seconds": 86_400},
    ),
    StandardEvent(
        key="login_otp",
        name="Login OTP",
        group="Accounts",
        description="Somebody signs in with a code that your application made. Codes that the desk makes "
        "and checks by itself are set up under OTP.",
        variables=(given("code", "482913", pii=True), given("minutes", 5)),
        contents=(
            email(
                "Your code is {{ code }}",
                "Your code to sign in",
                '<span style="font-size:32px;font-weight:700;letter-spacing:4px">{{ code }}</span>\n'
                "It works for {{ minutes }} minutes. Nobody of us will ever ask you for it. If you are not "
                "signing in, ignore this mail.",
                greets=False,
            ),
            sms("{{ code }} is your code to sign in. It works for {{ minutes }} minutes. Share it with nobody."),
        ),
        category=Category.OTP,
        rules=_SOON,
    ),
    StandardEvent(
        key="password_reset",
        name="Reset password",
        group="Accounts",
        description="Somebody has forgotten the password and asks for a link to choose another one.",
        variables=(
            first_name(),
            given("reset.url", "https://example.com/s/3f9c81", pii=True),
            given("reset.minutes", 30),
        ),
        contents=(
            email(
                "Choose a new password",
                "Choose a new password",
                "somebody, we hope you, asked to reset your password. The link works once, for {{ reset.minutes "
                "}} minutes.\n"
                "If it was not you, ignore this mail: nothing changes.",
                button=("Choose a new password", "{{ reset.url }}"),
            ),
            sms(
                "Choose a new password within {{ reset.minutes }} minutes: {{ reset.url }} "
                "If you did not ask for it, ignore this message."
            ),
        ),
        rules={"expires_seconds": 1800},
    ),
    StandardEvent(
        key="password_changed",
        name="Password changed",
        group="Accounts",
        description="A password was changed: the owner should hear of it.",
        variables=(
            first_name(),
            given("account.changed_at", "26 November, 15:40"),
            given("account.url", "https://example.com/me"),
        ),
        contents=(
            email(
                "Your password was changed",
                "Your password was changed",
                "the password of your account was changed on {{ account.changed_at }}.\n"
                "If that was not you, secure your account now and tell us.",
                button=("Secure your account", "{{ account.url }}"),
            ),
            sms(
                "Your password was changed on {{ account.changed_at }}. Not you? Secure your account: {{ account.url }}"
            ),
            push("Password changed", "If that was not you, secure your account now."),
        ),
    ),
)
