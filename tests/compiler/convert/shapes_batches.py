"""Blocks ``dataloader`` of ESPnet3: the ways in which ESPnet2 forms batches."""

CHUNKS = """
dataloader:
  train:
    iter_factory:
      _target_: espnet2.iterators.chunk_iter_factory.ChunkIterFactory
      batch_size: 4
      chunk_length: "100"
      chunk_shift_ratio: 0.25
      num_cache_chunks: 64
      excluded_key_prefixes: [enroll]
      batches: {type: unsorted, batch_size: 1, shape_files: ["${stats_dir}/train/speech_shape"]}
"""
CATEGORIES = """
dataloader:
  train:
    iter_factory:
      _target_: espnet2.iterators.category_iter_factory.CategoryIterFactory
      batch_type: catbel
      num_iters_per_epoch: 7
      sampler_args: {batch_size: 3, category2utt_file: data/label2utt, num_batches: }
"""
FOLDED = """
dataloader:
  train:
    iter_factory:
      _target_: espnet2.iterators.sequence_iter_factory.SequenceIterFactory
      shuffle: true
      batches:
        type: folded
        batch_size: 20
        fold_lengths: [80000, 150]
        min_batch_size: 2
        utt2category_file: data/utt2text
        shape_files: ["${stats_dir}/train/speech_shape", "${stats_dir}/train/text_shape"]
"""
POWERS = """
dataset:
  train: [{data_src_args: {split: train}}, {data_src_args: {split: other}}]
dataloader:
  train:
    iter_factory:
      _target_: espnet2.iterators.category_iter_factory.CategoryIterFactory
      batch_type: catpow_balance_dataset
      sampler_args:
        batch_bins: 900
        max_batch_size: 8
        category_upsampling_factor: 0.5
        dataset_upsampling_factor: 0.3
        category2utt_file: data/label2utt
        dataset2utt_file: data/dataset2utt
        utt2dataset_file: data/utt2dataset
        shape_files: ["${stats_dir}/train/speech_shape"]
"""
SEVERAL_CHUNKS = CHUNKS.replace('"100"', "80-120")
BY_FIELD = """
dataloader:
  train:
    iter_factory:
      _target_: espnet2.iterators.sequence_iter_factory.SequenceIterFactory
      batches: {type: numel, batch_bins: 900, shape_files:
        ["${stats_dir}/train/enroll_shape", "${stats_dir}/train/text_shape"]}
"""
