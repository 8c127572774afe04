"""What Django is told: our models, UTC, and a database that is named when a haven is opened.

The web interface adds its own settings; nothing here reads the environment, so importing it changes nothing.
"""

from typing import Any, Final

INSTALLED_APPS: Final = ["fivesafes.stores"]
DATABASES: dict[str, dict[str, Any]] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD: Final = "django.db.models.BigAutoField"
USE_TZ: Final = True
TIME_ZONE: Final = "UTC"
SECRET_KEY: Final = "nothing here is signed with it: the web interface sets its own"  # noqa: S105 - not a secret
