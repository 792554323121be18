"""What one environment consists of: its settings and the stacks that they turn into. Composition only."""
