"""The public OpenFlow switch suite (Ryu's, shipped in os-ken) against any switch program.

    python -m tests.conformance --target 'triplane dataplane --dpid {dpid} ... --controller tcp:{controller}'

    target switch   port 1      port 2      port 3
                      |           |           |        veth links, all in one network namespace
    tester (OVS)    port 1      port 2      port 3

The suite's own controller program (os-ken's `tests/switch/tester.py`, unmodified) installs flows in the target, has the
tester send a packet into port 1 and compares what comes back. Several lanes, each a namespace with its own pair of
switches, share out the test files, because most of the time is spent waiting.
"""
