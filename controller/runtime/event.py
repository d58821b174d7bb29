"""What apps tell each other (Ryu's `ryu.controller.event`)."""

from __future__ import annotations

from typing import Any


class EventBase:
    """Something that happened. An app hears of it through a method marked with `set_ev_cls`."""


class EventRequestBase(EventBase):
    """A question to the app named `dst`; `RyuApp.send_request` waits for the reply."""

    def __init__(self) -> None:
        self.dst: str | None = None
        self.src: str | None = None
        self.sync = False
        self.reply_q: Any = None  # a hub.Queue


class EventReplyBase(EventBase):
    """The answer, for the app named `dst`."""

    def __init__(self, dst: str | None) -> None:
        self.dst = dst
