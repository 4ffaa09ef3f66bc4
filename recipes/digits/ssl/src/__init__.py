"""Self-supervised learning in the manner of HuBERT, and a recogniser on top of it."""
