"""The app in whose name events of switches are sent; apps observe it without knowing."""

from __future__ import annotations

from typing import Any

from triplane.controller.runtime import ofp_event
from triplane.controller.runtime.app import RyuApp


class OFPHandler(RyuApp):
    """It has no handlers: what the controller itself does with a message, `Session` does before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = ofp_event.NAME
