def count()
    pass
