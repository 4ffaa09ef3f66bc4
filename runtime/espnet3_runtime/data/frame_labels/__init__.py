"""Labels of frames that nobody wrote: clusters of features, and the files that hold them."""
