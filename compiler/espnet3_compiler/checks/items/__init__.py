"""The fields of items, against what reads them: models, metrics, batches and stages."""
