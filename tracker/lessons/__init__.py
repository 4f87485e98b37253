"""What the lane networks learn from: drawn clips, seen through a real Gaussian mixture; and the recipes of their trainings."""
