"""Entry points: each module composes planes into one process."""
