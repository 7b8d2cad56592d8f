"""What every implementation of a port must do; each implementation's tests run these checks."""
