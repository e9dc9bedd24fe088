"""What is set, and with which services (engine, channels, clock) does a process run."""
