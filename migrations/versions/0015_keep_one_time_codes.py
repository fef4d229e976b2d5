"""keep one-time codes"""

import sqlalchemy as sa
from alembic import op

from dashboard.extensions import BigId, UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "otp_configurations",
        sa.Column("id", BigId, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("alphabet", sa.String(12), nullable=False),
        sa.Column("expiry_seconds", sa.Integer(), nullable=False),
        sa.Column("resend", sa.String(4), nullable=False),
        sa.Column("resend_wait_seconds", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("lockout_seconds", sa.Integer(), nullable=False),
        sa.Column("destination_limit", sa.Integer(), nullable=False),
        sa.Column("ip_limit", sa.Integer(), nullable=False),
        sa.Column("prefix_limit", sa.Integer(), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("delivery", sa.String(5), nullable=False),
        sa.Column("same_code", sa.Boolean(), nullable=False),
        sa.Column("purpose_required", sa.Boolean(), nullable=False),
        sa.Column("email_template_id", BigId, sa.ForeignKey("templates.id", name=op.f("fk_otp_configurations_email_template_id"))),
        sa.Column("sms_template_id", BigId, sa.ForeignKey("templates.id", name=op.f("fk_otp_configurations_sms_template_id"))),
        sa.Column("email_provider_id", BigId, sa.ForeignKey("providers.id", name=op.f("fk_otp_configurations_email_provider_id"))),
        sa.Column("sms_provider_id", BigId, sa.ForeignKey("providers.id", name=op.f("fk_otp_configurations_sms_provider_id"))),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("name", name=op.f("uq_otp_configurations_name")),
    )
    op.create_table(
        "otp_requests",
        sa.Column("id", BigId, primary_key=True, autoincrement=False),
        sa.Column("group_id", BigId, nullable=False),
        sa.Column("configuration_id", BigId, sa.ForeignKey("otp_configurations.id", name=op.f("fk_otp_requests_configuration_id")), nullable=False),
        sa.Column("api_key_id", BigId, sa.ForeignKey("api_keys.id", name=op.f("fk_otp_requests_api_key_id"))),
        sa.Column("user_id", BigId),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("destination", sa.String(320), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("ip", sa.String(45), nullable=False),
        sa.Column("purpose", sa.String(80), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("alphabet", sa.String(12), nullable=False),
        sa.Column("expiry_seconds", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("template_id", BigId),
        sa.Column("provider_id", BigId),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(60), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("message_id", BigId),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("resend_at", UtcDateTime(), nullable=False),
        sa.Column("verified_at", UtcDateTime()),
    )
    for column in ("group_id", "configuration_id", "message_id"):
        op.create_index(op.f(f"ix_otp_requests_{column}"), "otp_requests", [column])
    op.create_index("ix_otp_requests_destination_purpose", "otp_requests", ["destination", "purpose"])
    op.create_table(
        "otp_events",
        sa.Column("id", BigId, primary_key=True),
        sa.Column("request_id", BigId, sa.ForeignKey("otp_requests.id", name=op.f("fk_otp_events_request_id")), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("message_id", BigId),
        sa.Column("detail", sa.String(200), nullable=False),
    )
    op.create_index(op.f("ix_otp_events_request_id"), "otp_events", ["request_id"])
    op.create_table(
        "otp_counters",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
    )
    op.create_index(op.f("ix_otp_counters_ends_at"), "otp_counters", ["ends_at"])


def downgrade() -> None:
    op.drop_table("otp_counters")
    op.drop_table("otp_events")
    op.drop_table("otp_requests")
    op.drop_table("otp_configurations")
