"""Templates and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, JsonValue, StrictBool

from dashboard.api.identifiers import Name, PublicId, Tags, Version, found_id
from dashboard.api.paging import Paged
from dashboard.api.rendering import RenderOut, rendered
from dashboard.api.resource import Input, Output, Reply, caller, needs, resource
from dashboard.api.template_contents import ContentIn, content_of
from dashboard.api_keys.models import Scope
from dashboard.message_templates import queries, services
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.problems import DomainError
from dashboard.sends.orders import find_template

api = resource("Templates", "What messages are made from; sends use the published version.")


class TemplatePath(Input):
    template: str = Field(max_length=200, description="Id (tpl_…) or slug.")


class VersionPath(TemplatePath):
    number: int = Field(ge=1, le=2_000_000_000)


class TemplateIn(Input):
    """A template with the content of its draft."""

    name: Name
    category: Literal["transactional", "promotional", "otp"]
    content: ContentIn = Field(description="subject makes it an email, text alone an SMS, title and body a push.")
    description: str = Field("", max_length=2000)
    tags: Tags = []
    sample: dict[str, JsonValue] = Field({}, description="Sample values for previews.")

    def draft(self) -> services.Draft:
        """The same for the services."""
        return services.Draft(
            name=self.name,
            category=self.category,
            content=content_of(self.content),
            description=self.description,
            tags=self.tags,
            sample=self.sample,
        )


class TemplateUpdateIn(TemplateIn):
    version: Version = None


class PublishIn(Input):
    note: str = Field("", max_length=2000)
    version: Version = None


class TemplatesIn(Input):
    q: str = Field("", max_length=200, description="In the name or the description.")
    channel: Literal["", "email", "sms", "push"] = ""
    category: str = Field("", max_length=20)
    tag: str = Field("", max_length=40)
    state: str = Field("", max_length=24)
    after: str = Field("", max_length=80, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class TemplateRenderIn(Input):
    variables: dict[str, JsonValue] = {}
    strict: StrictBool = True
    draft: StrictBool = Field(False, description="The draft in place of the published version.")


class TemplateOut(Output):
    """A template."""

    id: PublicId
    slug: str
    name: str
    description: str
    tags: list[str]
    channel: str
    category: str
    state: str
    published_version: int | None
    version: int = Field(description="Counts every change; pass it when you save.")
    sample: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime


class TemplateContentOut(TemplateOut):
    content: dict[str, JsonValue] = Field(description="Of the draft where there is one, else of what is published.")
    variables: list[str]
    required: list[str] = Field(description="Variables that every recipient must have a value for.")


class TemplatesOut(Paged):
    items: list[TemplateOut]


class VersionOut(Output):
    """A published version; it never changes."""

    number: int
    note: str
    current: bool
    created_at: datetime
    content: dict[str, JsonValue]


class VersionsOut(Paged):
    items: list[VersionOut]


@api.get("/templates", responses={200: TemplatesOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def index(query: TemplatesIn) -> Reply:
    """List templates"""
    filters = queries.TemplateFilter(query.q, query.channel, query.category, query.tag, query.state)
    page = queries.list_templates(filters, after=query.after, size=query.limit)
    return TemplatesOut(items=[_out(row.template) for row in page.rows], next=page.older)


@api.post("/templates", responses={201: TemplateContentOut})
@needs(Scope.CAMPAIGNS)
def create(body: TemplateIn) -> Reply:
    """Create a template

    It is a draft until it is published.
    """
    return _whole(services.create_from_draft(draft=body.draft(), created_by=caller().created_by)), 201


@api.get("/templates/<template>", responses={200: TemplateContentOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def show(path: TemplatePath) -> Reply:
    """A template and its content"""
    return _whole(_load(path))


@api.put("/templates/<template>", responses={200: TemplateContentOut})
@needs(Scope.CAMPAIGNS)
def update(path: TemplatePath, body: TemplateUpdateIn) -> Reply:
    """Save the draft"""
    template, draft = _load(path), body.draft()
    if draft.content.channel != template.channel:
        words = f"This template is for {template.channel}, and the content is for {draft.content.channel}."
        raise DomainError(words, field="content", code="wrong_channel")
    saved = services.save_draft(
        template_id=template.id, draft=draft, version=body.version, saved_by=caller().created_by
    )
    return _whole(saved)


@api.post("/templates/<template>/publish", responses={200: VersionOut})
@needs(Scope.CAMPAIGNS)
def publish(path: TemplatePath, body: PublishIn) -> Reply:
    """Publish the draft"""
    template = _load(path)
    made = services.publish(
        template_id=template.id, version=body.version, note=body.note, published_by=caller().created_by
    )
    return _version_out(_load(path), made)


@api.post("/templates/<template>/archive", responses={200: TemplateOut})
@needs(Scope.CAMPAIGNS)
def archive(path: TemplatePath) -> Reply:
    """Archive a template"""
    return _out(services.archive_template(template_id=_load(path).id, archived_by=caller().created_by))


@api.post("/templates/<template>/unarchive", responses={200: TemplateOut})
@needs(Scope.CAMPAIGNS)
def unarchive(path: TemplatePath) -> Reply:
    """Take a template out of the archive"""
    return _out(services.unarchive_template(template_id=_load(path).id, unarchived_by=caller().created_by))


@api.post("/templates/<template>/render", responses={200: RenderOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def render(path: TemplatePath, body: TemplateRenderIn) -> Reply:
    """Render a template with values"""
    template = _load(path)
    version = queries.working_version(template) if body.draft else queries.published_version(template)
    if version is None:
        raise DomainError("Nothing is published yet. Render the draft, or publish it.", code="not_published")
    return rendered(version.content, template.channel, body.variables, strict=body.strict)


@api.get("/templates/<template>/versions", responses={200: VersionsOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def versions(path: TemplatePath) -> Reply:
    """Published versions, the latest first"""
    template = _load(path)
    return VersionsOut(
        items=[_version_out(template, version) for version, _ in queries.versions_of(template)], next=None
    )


@api.get("/templates/<template>/versions/<number>", responses={200: VersionOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def version(path: VersionPath) -> Reply:
    """One published version"""
    template = _load(path)
    return _version_out(template, queries.version_number(template, path.number))


@api.post("/templates/<template>/versions/<number>/restore", responses={200: TemplateContentOut})
@needs(Scope.CAMPAIGNS)
def restore(path: VersionPath) -> Reply:
    """Put an older version into the draft"""
    template = _load(path)
    return _whole(
        services.restore_version(template_id=template.id, number=path.number, restored_by=caller().created_by)
    )


def _load(path: TemplatePath) -> Template:
    try:
        return find_template(path.template)
    except DomainError:
        return queries.template(found_id("tpl", path.template, "template"))


def _facts(template: Template) -> dict[str, Any]:
    published = queries.published_version(template)
    return {
        "id": template.public_id,
        "slug": template.slug,
        "name": template.name,
        "description": template.description,
        "tags": template.tags,
        "channel": template.channel,
        "category": template.category,
        "state": queries.state_of(template).value,
        "published_version": published.number if published else None,
        "version": template.version,
        "sample": template.sample,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }


def _out(template: Template) -> TemplateOut:
    return TemplateOut(**_facts(template))


def _whole(template: Template) -> TemplateContentOut:
    working = queries.working_version(template)
    return TemplateContentOut(
        **_facts(template),
        content=working.content,
        variables=sorted(queries.template_variables(working)),
        required=sorted(queries.required_variables(working)),
    )


def _version_out(template: Template, version: TemplateVersion) -> VersionOut:
    return VersionOut(
        number=version.number or 0,
        note=version.note,
        current=version.id == template.published_version_id,
        created_at=version.created_at,
        content=version.content,
    )
