"""Reading global variables: the lists, where one is used, and what it was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from dashboard.audiences.models import Audience, DatasetVersion
from dashboard.audit.models import AuditEntry
from dashboard.campaigns.models import Campaign
from dashboard.extensions import db
from dashboard.message_templates.renaming import VariableUser, pinned_campaigns, templates_using, use_counts
from dashboard.problems import NotFound
from dashboard.variables.models import Variable, VariableKind


@dataclass(frozen=True, slots=True)
class VariableRow:
    """A variable of the list and the number of templates that read it."""

    variable: Variable
    uses: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Where a variable is used: templates, and campaigns pinned to a version that reads it."""

    templates: list[VariableUser]
    campaigns: list[Campaign]

    def __bool__(self) -> bool:
        return bool(self.templates or self.campaigns)

    @property
    def words(self) -> str:
        """The users by name, for a sentence."""
        names = [
            f"“{user.template.name}”{' (archived)' if user.template.archived_at else ''}" for user in self.templates
        ]
        names += [f"the campaign “{campaign.name}”" for campaign in self.campaigns]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        return ", ".join(names[:8]) + more


def list_variables(kind: VariableKind) -> list[VariableRow]:
    """The variables of a kind by name, with their uses."""
    counts = use_counts()
    rows = db.session.scalars(select(Variable).where(Variable.kind == kind).order_by(Variable.name))
    return [VariableRow(row, counts.get(row.name, 0)) for row in rows]


def variable(variable_id: int) -> Variable:
    """The variable; NotFound where there is none."""
    found = db.session.get(Variable, variable_id)
    if found is None:
        raise NotFound("There is no such variable. It may have been deleted.")
    return found


def usage_of(name: str) -> Usage:
    """Every template and pinned campaign that reads the variable."""
    return Usage(templates_using(name), pinned_campaigns(name))


def audiences_with_column(name: str) -> list[Audience]:
    """Audiences whose records bring a value of the same name, which wins over the global one."""
    rows = db.session.execute(
        select(Audience, DatasetVersion.columns)
        .join(DatasetVersion, DatasetVersion.id == Audience.current_version_id)
        .where(Audience.archived_at.is_(None))
        .order_by(Audience.name)
    )
    return [
        audience
        for audience, columns in rows
        if any(column.get("variable") == name for column in columns if column.get("target") == "variable")
    ]


def history_of(variable: Variable, limit: int = 20) -> Sequence[AuditEntry]:
    """What people did to the variable, the last first."""
    return db.session.scalars(
        select(AuditEntry)
        .where(AuditEntry.object_kind == Variable.__tablename__, AuditEntry.object_id == variable.id)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    ).all()
