"""Settings become an App here; the only place that knows every concrete class."""
