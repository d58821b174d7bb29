"""OpenFlow 1.3.5: its numbers and its records, as tables. Users import `ofproto_v1_3` and `ofproto_v1_3_parser`."""
