"""What the networks learn from: drawn clips, seen through a real Gaussian mixture."""
