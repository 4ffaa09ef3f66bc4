"""What lies between transformers and a corpus: its processor, and saving in its form."""
