"""The data plane: what happens to a packet."""
