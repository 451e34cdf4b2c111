"""What holds between sessions: forced interleavings, races, and the guards taken away."""
