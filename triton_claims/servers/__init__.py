"""What is run: targets, installations, server processes, models, clients and the pool."""
