"""What all trainings share: the run in its folder, lessons drawn ahead, weights files, the device, Muon."""
