"""CloudWatch metrics: storage, statistics, metric math and the API operations on them."""

from .service import of, publish, publish_embedded

__all__ = ["of", "publish", "publish_embedded"]
