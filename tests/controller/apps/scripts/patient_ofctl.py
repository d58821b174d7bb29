"""Loaded before apps that ask switches with ryu.lib.ofctl_v1_*: a busy machine has more than a second to answer."""

from ryu.base import app_manager
from ryu.lib import ofctl_utils

ofctl_utils.DEFAULT_TIMEOUT = 6.0


class PatientOfctl(app_manager.RyuApp):
    pass
