"""OpenFlow 1.4, as its differences from 1.3."""
