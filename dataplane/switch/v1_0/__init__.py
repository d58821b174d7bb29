"""OpenFlow 1.0 toward controllers: its requests become those of 1.3, and what the data plane says becomes 1.0's.

match, actions   between the two versions' structures, both ways
requests, flow_mods, stats, nicira   the handlers
wire             what the switch says
"""
