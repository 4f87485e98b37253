"""Component 0: the network that reads from the scene which pixels belong to objects."""
