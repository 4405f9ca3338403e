"""The projector and the commands around it, as processes on a real broker."""
