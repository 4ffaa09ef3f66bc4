class Own:
    def __call__(self, data: dict, test_name: str, output_dir: object) -> dict:
        return {"own": 1.0}
