"""What a report shows of single items: their columns, their audio, their pictures."""
