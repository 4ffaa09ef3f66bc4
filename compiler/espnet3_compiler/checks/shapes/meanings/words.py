"""What the numbers of a tensor are called, by what gives them."""

SCORES = "scores"
"""Numbers as a linear layer or a convolution gives them."""

SOFTMAX, LOG_SOFTMAX, SIGMOID = "softmax", "log_softmax", "sigmoid"
LENGTHS = "_lengths"
"""The end of the name of a field that counts another one."""
