"""The one way a scan travels: controls, plan, steps, and the runner that alone writes the trail."""
