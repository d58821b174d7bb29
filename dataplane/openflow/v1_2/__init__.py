"""OpenFlow 1.2: what is not as in 1.3. Users import `ofproto_v1_2` and `ofproto_v1_2_parser`."""
