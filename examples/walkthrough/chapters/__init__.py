"""The story's chapters, each about one side of it; every step reads what really happened from the embedded AWS."""
