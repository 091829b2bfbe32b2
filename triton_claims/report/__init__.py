"""What is shown: everything here is derived from the ledger's records alone."""
