"""What the fields of items are: texts, numbers, arrays; read from data sets and preprocessors."""
