"""How Django knows this room."""

from django.apps import AppConfig


class StoresConfig(AppConfig):
    """The haven's tables."""

    name = "fivesafes.stores"
    label = "haven"
    default_auto_field = "django.db.models.BigAutoField"
