"""What axes and numbers of tensors mean, and the layers and losses that read them as others."""
