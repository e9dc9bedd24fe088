"""How long does django-helpdesk's escalate_tickets take? Run with the peers' Python, beside desk.py.

`escalate.py prepare` makes the tables; `escalate.py run TIMES` runs the command so often in this process, and prints
the seconds of each as JSON.
"""

import json
import os
import sys
import time

import django
from django.core.management import call_command

os.environ["DJANGO_SETTINGS_MODULE"] = "desk"
django.setup()
if sys.argv[1] == "prepare":
    call_command("migrate", verbosity=0)
    call_command("loaddata", "emailtemplate.json", verbosity=0)
else:
    spent = []
    for _ in range(int(sys.argv[2])):
        began = time.perf_counter()
        call_command("escalate_tickets")
        spent.append(time.perf_counter() - began)
    print(json.dumps(spent))
