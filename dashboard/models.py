"""Every table, imported once so that metadata and migrations know all of them."""

from dashboard.accounts import models as accounts
from dashboard.api import models as api
from dashboard.api_keys import models as api_keys
from dashboard.audiences import models as audiences
from dashboard.audit import models as audit
from dashboard.campaigns import models as campaigns
from dashboard.dkim import models as dkim
from dashboard.jobs import models as jobs
from dashboard.message_templates import models as message_templates
from dashboard.messages import models as messages
from dashboard.providers import models as providers
from dashboard.search import models as search
from dashboard.suppressions import models as suppressions
from dashboard.system import models as system
from dashboard.variables import models as variables

__all__ = [
    "accounts", "api", "api_keys", "audiences", "audit", "campaigns", "dkim", "jobs", "message_templates", "messages",
    "providers", "search", "suppressions", "system", "variables",
]  # fmt: skip
