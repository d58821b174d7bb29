"""Loaded before simple_switch_snort: Snort's socket is where SNORT_ALERT says, not in a folder that tests share."""

import os

from ryu.base import app_manager
from ryu.lib import snortlib

snortlib.SOCKFILE = os.environ["SNORT_ALERT"]


class SnortSocket(app_manager.RyuApp):
    pass
