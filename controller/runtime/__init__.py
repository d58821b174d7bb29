"""The runtime of apps: events and who hears them, apps and their threads, switches and their sessions."""
