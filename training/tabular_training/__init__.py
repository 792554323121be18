"""The step scripts of the ready training pipeline for tables: they run inside SageMaker's jobs, and on a laptop.

Every script reads folders and writes folders; what it is to do stands in one configuration. Nothing here needs more
than numpy, pandas and XGBoost, which SageMaker's XGBoost image brings (Python 3.10), except :mod:`.gates`, which needs
the analysis engine.
"""
