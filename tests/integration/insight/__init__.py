"""What people ask of a running installation: why, what if, what is stuck, forget me."""
