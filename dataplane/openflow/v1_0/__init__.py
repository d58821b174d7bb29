"""OpenFlow 1.0.0: its numbers and its records, as tables. Users import `ofproto_v1_0` and `ofproto_v1_0_parser`."""
