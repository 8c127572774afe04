"""Where things rest: the haven's database, sealed objects, sealed keys, the folders of a run.

Entering this room starts Django, which models must find started; a web server that has settings of its own keeps them.
"""

import os

import django
from django.apps import apps

if not apps.ready and not apps.loading:  # Django itself comes in here while it starts
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fivesafes.stores.settings")
    django.setup()
