"""What is run besides servers: GenAI-Perf and Perf Analyzer, in environments of their own."""
