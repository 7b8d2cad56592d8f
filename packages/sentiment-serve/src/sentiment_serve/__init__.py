"""The inference API: follows the champion alias and never goes down."""
