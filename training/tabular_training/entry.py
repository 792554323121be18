"""Lies at the root of the training code as `train.py`, which is what SageMaker's toolkit starts."""

from tabular_training.train import main

if __name__ == "__main__":
    main()
