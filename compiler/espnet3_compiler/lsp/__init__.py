"""The language server: what editors ask of manifests, configs and code that are not yet saved."""
