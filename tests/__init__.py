"""Regular package: what a tool installs as `tests` (tinyrpc does) must not take its place."""
