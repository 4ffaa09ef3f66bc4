"""Settings of trainings that contradict others, or that the trainer refuses."""
