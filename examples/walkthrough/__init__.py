"""The whole system on the embedded AWS: deploy, serve, watch, drift, roll out, roll back."""
