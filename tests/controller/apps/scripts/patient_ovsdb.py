"""Loaded beside apps that speak OVSDB: a busy Open vSwitch has more than two seconds to answer."""

from ryu import cfg
from ryu.base import app_manager
from ryu.lib.ovs import bridge  # noqa: F401  the option is its

cfg.CONF.set_override("ovsdb_timeout", 30)


class PatientOvsdb(app_manager.RyuApp):
    pass
