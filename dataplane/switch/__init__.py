"""The OpenFlow switch: sans-IO state machine, its channels, and the data plane they command.

datapath   the border: what the data plane must offer
agent      the state machine; its state: connection (one controller), state (what they share)
version, versions   what a version is, and which there are: tables of requests, and the encoders of `wire`
handlers   the table of requests; requests, roles, multipart, table_features: what each does
handshake, async_config, buffers, outbox, wire, status: parts of it
channel    bytes between sockets and the agent; address, sockets, tls: how they come about
service    runs it all: connects, reconnects, listens, times
control_socket   what `triplane show` asks
"""
