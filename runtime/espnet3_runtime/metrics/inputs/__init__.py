"""What metrics read: columns of texts and files, pairs of recordings, segments."""
