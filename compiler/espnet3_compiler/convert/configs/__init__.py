"""Translate the configs of an ESPnet3 recipe, one file a role."""
