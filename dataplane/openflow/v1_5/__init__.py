"""OpenFlow 1.5, as its differences from 1.4."""
