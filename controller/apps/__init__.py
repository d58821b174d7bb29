"""Apps that come with Triplane."""
