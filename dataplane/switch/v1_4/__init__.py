"""OpenFlow 1.4 as the switch speaks it: what differs from 1.3 (OpenFlow 1.4.1 appendix B.15).

wire         what it says otherwise
requests     port-mod, table-mod and asynchronous configuration, which have properties now
multipart    table and queue descriptions
properties   what those requests' properties have in common
"""
