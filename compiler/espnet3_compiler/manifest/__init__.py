"""From the manifest's tree to the recipe."""
