"""One page of HTML that people decide with: all cells, and the evidence of each."""
