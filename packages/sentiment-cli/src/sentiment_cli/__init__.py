"""Admin commands of the sentiment classifier."""
