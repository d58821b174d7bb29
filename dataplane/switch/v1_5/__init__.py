"""OpenFlow 1.5 as the switch speaks it: what differs from 1.4 (OpenFlow 1.5.1 appendix B.18).

wire            what it says otherwise: statistics are lists of OXS fields
requests        packet-out with a match, roles with ids
groups          group-mods with bucket ids and properties, and what group descriptions tell of them
multipart       flow descriptions and statistics apart, controllers' status
bundles         at a time, and what they can do
table_features  flags and commands of the pipeline, egress tables
"""
