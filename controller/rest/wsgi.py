"""REST apps (Ryu's `ryu.app.wsgi`): controllers with routes, in one WSGI application that apps share as a context."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import webob.dec
import webob.exc
from routes import Mapper
from routes.util import URLGenerator
from tinyrpc.dispatch import public as rpc_public
from webob.request import Request as WebobRequest
from webob.response import Response as WebobResponse

from triplane.controller.rest import http
from triplane.controller.rest.rpc import WebSocketDisconnectedError, WebSocketRPCClient, WebSocketRPCServer
from triplane.controller.rest.websocket import WebSocketWSGI
from triplane.controller.runtime import cfg
from triplane.controller.runtime.turns import Turn, in_turn
from triplane.controller.runtime.waiting import current

__all__ = [
    "CONF",
    "DEFAULT_WSGI_HOST",
    "DEFAULT_WSGI_PORT",
    "DIGIT_PATTERN",
    "HEX_PATTERN",
    "ControllerBase",
    "Request",
    "Response",
    "WSGIApplication",
    "WSGIServer",
    "WebSocketDisconnectedError",
    "WebSocketManager",
    "WebSocketRPCClient",
    "WebSocketRPCServer",
    "route",
    "rpc_public",
    "start_service",
    "websocket",
]

DEFAULT_WSGI_HOST = cfg.DEFAULT_WSGI_HOST
DEFAULT_WSGI_PORT = cfg.DEFAULT_WSGI_PORT
HEX_PATTERN = r"0x[0-9a-z]+"
DIGIT_PATTERN = r"[1-9][0-9]*"
_ENCODING = "UTF-8"

CONF = cfg.CONF  # which has wsapi_host and wsapi_port


def route(name: str, path: str, methods: list[str] | None = None, requirements: dict[str, str] | None = None) -> Any:
    """Have a controller's method answer requests for `path`, such as `/switches/{dpid}`."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        method.__dict__["routing_info"] = {
            "name": name,
            "path": path,
            "methods": methods,
            "requirements": requirements,
        }
        return method

    return decorate


def websocket(name: str, path: str) -> Any:
    """Have a controller's method serve a WebSocket at `path`; it gets the WebSocket, and ends when that is closed."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        def opened(self: ControllerBase, req: Any, **_: Any) -> _Taken:
            return _Taken(WebSocketWSGI(lambda ws: _kept(self, method, ws)))

        return route(name, path)(opened)  # type: ignore[no-any-return]

    return decorate


def _kept(controller: ControllerBase, method: Callable[..., Any], ws: Any) -> None:
    manager = controller.parent.websocketmanager
    manager.add_connection(ws)
    try:
        with in_turn(controller.parent.mapper.turns.get(type(controller))):
            method(controller, ws)
    finally:
        manager.delete_connection(ws)


class _Taken:
    """A response that is a WebSocket."""

    def __init__(self, application: WebSocketWSGI) -> None:
        self._application = application

    def __call__(self, environ: http.Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._application(environ, start_response)


class Request(WebobRequest):  # type: ignore[misc]
    """WebOb's request."""

    DEFAULT_CHARSET = _ENCODING

    def __init__(self, environ: http.Environ, charset: str = _ENCODING, *args: Any, **kwargs: Any) -> None:
        super().__init__(environ, charset, *args, **kwargs)


class Response(WebobResponse):  # type: ignore[misc]
    """WebOb's response, in UTF-8 unless said otherwise."""

    DEFAULT_CHARSET = _ENCODING

    def __init__(self, charset: str = _ENCODING, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, charset=charset, **kwargs)


class ControllerBase:
    """Made for each request; the route's method is called. `data` is what the controller was registered with."""

    special_vars = ("action", "controller")
    parent: Any = None  # the WSGIApplication

    def __init__(self, req: Any, link: Any, data: Any, **config: Any) -> None:
        self.req = req
        self.link = link
        self.data = data
        for name, value in config.items():
            setattr(self, name, value)

    def __call__(self, req: Any) -> Any:
        before = getattr(self, "__before__", None)
        if before is not None:
            before()
        arguments = {name: value for name, value in self.req.urlvars.items() if name not in self.special_vars}
        return getattr(self, self.req.urlvars.get("action", "index"))(req, **arguments)


class WebSocketManager:
    """The WebSockets that are open."""

    def __init__(self) -> None:
        self._connections: list[Any] = []

    def add_connection(self, ws: Any) -> None:
        self._connections.append(ws)

    def delete_connection(self, ws: Any) -> None:
        self._connections.remove(ws)

    def broadcast(self, msg: str | bytes) -> None:
        """Send a message to all; one that has just gone is passed over."""
        for connection in tuple(self._connections):
            try:
                connection.send(msg)
            except OSError:
                continue  # its own thread takes it out


class RoutesMapper(Mapper):  # type: ignore[misc]
    """A mapper whose routes may change while it is in use: an app may come or go.

    A controller is served in the turn of the app that added its routes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.turns: dict[Any, Turn | None] = {}  # by controller

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Add a route; see Routes' Mapper."""
        added = super().connect(*args, **kwargs)
        self._created_regs = False  # Routes would go on without the new one once it has served a request
        self.turns[kwargs.get("controller")] = current().turn
        return added

    def forget(self, module: str) -> None:
        """Remove the routes of all controllers that a module defines."""
        routes = self.__dict__["matchlist"]
        self.turns = {one: turn for one, turn in self.turns.items() if _module_of(one) != module}
        routes[:] = [route for route in routes if _module_of(route.defaults.get("controller")) != module]
        self._created_regs = False


class WSGIApplication:
    """Finds the controller for a request. Apps get it as a context, and register their controllers."""

    def __init__(self, **config: Any) -> None:
        self.config = config
        self.mapper = RoutesMapper()
        self.registory: dict[str, Any] = {}  # the name is Ryu's
        self.websocketmanager = WebSocketManager()

    def __call__(self, environ: http.Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer: Iterable[bytes] = webob.dec.wsgify(self._answer, args=(start_response,))(environ, start_response)
        return answer

    def _answer(self, req: Any, start_response: Callable[..., Any]) -> Any:
        match = self.mapper.match(environ=req.environ)
        if not match:
            return webob.exc.HTTPNotFound()
        req.start_response = start_response
        req.urlvars = match
        link = URLGenerator(self.mapper, req.environ)
        cls = match["controller"]
        with in_turn(self.mapper.turns.get(cls)):
            controller = cls(req, link, self.registory.get(cls.__name__), **self.config)
            controller.parent = self
            return controller(req)

    def register(self, controller: type, data: Any = None) -> None:
        """Add a controller's routes; each request's controller gets `data`."""
        for name, method in inspect.getmembers(controller, inspect.isroutine):
            info = getattr(method, "routing_info", None)
            if info is not None:
                self.mapper.connect(
                    info["name"],
                    info["path"],
                    controller=controller,
                    action=name,
                    requirements=info["requirements"] or {},
                    conditions={"method": info["methods"]} if info["methods"] else {},
                )
        if data:
            self.registory[controller.__name__] = data


def _module_of(controller: Any) -> str | None:
    return getattr(controller, "__module__", None)


class WSGIServer(http.WSGIServer):
    """Serves an application where the options say. Raises OSError if it cannot listen there."""

    def __init__(self, application: http.Application, **config: Any) -> None:
        super().__init__((CONF.wsapi_host, CONF.wsapi_port), application, **config)

    def __call__(self) -> None:
        self.serve_forever()


def start_service(app_mgr: Any) -> WSGIServer | None:
    """A server of the apps' REST, ready to be spawned; None if no app has any."""
    for context in app_mgr.contexts.values():
        if isinstance(context, WSGIApplication):
            return WSGIServer(context)
    return None
