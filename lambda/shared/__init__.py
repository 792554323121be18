"""What every function of this package needs: settings, logs, clients, metrics, events, S3 addresses.

Standard library and boto3 only, because functions without a layer import it too.
"""
