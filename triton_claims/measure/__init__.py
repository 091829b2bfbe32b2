"""What is seen: start-up, memory, and comparisons whose verdicts can be trusted.

This room works on what it is handed (figures, process ids, texts) and imports no other room.
"""
