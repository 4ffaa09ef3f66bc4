"""What our stages cost beside a bare loop, and beside Lightning's Trainer called by hand."""
