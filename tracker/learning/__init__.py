"""What all trainings share: the run's folder, the loop, batches drawn ahead, weights files, the device, where bfloat16 is used, Muon."""
