"""Run compiled recipes on torch and Lightning."""
