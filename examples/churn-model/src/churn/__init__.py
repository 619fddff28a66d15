"""A small customer churn model."""
