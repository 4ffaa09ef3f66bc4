"""The command espnet3-compile."""
