"""RUN.safetensors: trained networks of the N-EM and R-NEM papers, read by `tracker paper NAME --shipped`."""
