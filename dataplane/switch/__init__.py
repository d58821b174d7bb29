"""The OpenFlow switch: sans-IO state machine, its channels, and the data plane they command."""
