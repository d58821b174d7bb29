"""The northbound side: an HTTP server for WSGI applications, WebSockets, and JSON-RPC over them, as Ryu's apps use."""
