"""What a tool under test talks to: endpoints, tokenizers, and the files it leaves."""
