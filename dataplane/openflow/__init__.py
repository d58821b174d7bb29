"""OpenFlow on the wire: a sans-IO codec for both sides, with Ryu's names. Nothing is imported until it is asked for."""
