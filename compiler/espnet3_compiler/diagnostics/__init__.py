"""What a finding is, and where it stands."""
