"""How time and memory grow with the number of stages, manifests, files and utterances."""
