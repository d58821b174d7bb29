"""Loaded after rest_router, which gives a switch a second to answer: a busy machine has more."""

from ryu.app import rest_router
from ryu.base import app_manager

rest_router.OFP_REPLY_TIMER = 6.0


class PatientRouter(app_manager.RyuApp):
    pass
