"""Every graph against diffusers."""
