"""What is judged: expectation, verdict, acceptance and the ledger that records them."""
