"""Labs: hosts and switches in network namespaces, for play, for demos and for tests."""
