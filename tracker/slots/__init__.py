"""Lane `slots`: RNN-EM on video, each slot in a window of its own."""
