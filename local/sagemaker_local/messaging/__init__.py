"""Moving messages between services: background deliveries, timers, targets, SNS fan-out and a mailbox."""
