"""Traffic generators, each a program to run in the source's namespace. They need no compiler."""
