"""JSON-RPC over WebSockets, for the classes of `ryu.app.wsgi`; tinyrpc knows the protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyrpc.client import RPCClient
from tinyrpc.dispatch import RPCDispatcher
from tinyrpc.protocols.jsonrpc import JSONRPCProtocol
from tinyrpc.server import RPCServer
from tinyrpc.transports import ClientTransport, ServerTransport

from triplane.controller.runtime import hub


class WebSocketDisconnectedError(Exception):
    """The other end of the WebSocket has gone."""


def _bytes(message: Any) -> bytes:
    return message.encode() if isinstance(message, str) else bytes(message)


class WebSocketServerTransport(ServerTransport):  # type: ignore[misc]
    """Takes requests from a WebSocket."""

    def __init__(self, ws: Any) -> None:
        self.ws = ws

    def receive_message(self) -> tuple[Any, bytes]:
        message = self.ws.wait()
        if message is None:
            raise WebSocketDisconnectedError
        return None, _bytes(message)

    def send_reply(self, context: Any, reply: bytes) -> None:
        self.ws.send(_bytes(reply).decode())


class WebSocketRPCServer(RPCServer):  # type: ignore[misc]
    """Calls methods of `rpc_callback` that are marked with `rpc_public` for the client of a WebSocket."""

    def __init__(self, ws: Any, rpc_callback: Any) -> None:
        dispatcher = RPCDispatcher()
        dispatcher.register_instance(rpc_callback)
        super().__init__(WebSocketServerTransport(ws), JSONRPCProtocol(), dispatcher)

    def serve_forever(self) -> None:
        """Serve until the client has gone."""
        try:
            super().serve_forever()
        except WebSocketDisconnectedError:
            return

    def _spawn(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        hub.spawn(func, *args, **kwargs)


class WebSocketClientTransport(ClientTransport):  # type: ignore[misc]
    """Sends requests through a WebSocket; replies come by a queue, None when the other end has gone."""

    def __init__(self, ws: Any, queue: Any) -> None:
        self.ws = ws
        self.queue = queue

    def send_message(self, message: bytes, expect_reply: bool = True) -> Any:
        """The reply, if one is expected. Raises OSError if the other end has gone."""
        self.ws.send(_bytes(message).decode())
        if not expect_reply:
            return None
        reply = self.queue.get()
        if reply is None:
            self.queue.put(None)  # for who else waits
            raise ConnectionResetError("the WebSocket was closed before the reply")
        return _bytes(reply)


class WebSocketRPCClient(RPCClient):  # type: ignore[misc]
    """Calls methods of the client of a WebSocket: `get_proxy().method(argument)`."""

    def __init__(self, ws: Any) -> None:
        self.ws = ws
        self.queue = hub.Queue()
        super().__init__(JSONRPCProtocol(), WebSocketClientTransport(ws, self.queue))

    def serve_forever(self) -> None:
        """Take replies until the other end has gone."""
        while (message := self.ws.wait()) is not None:
            self.queue.put(message)
        self.queue.put(None)
