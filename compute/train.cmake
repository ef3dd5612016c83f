# Sources of programs, models, checkpoints, data and training, for assay_compute (CMakeLists.txt).
set(train_sources
    bench_memory.cpp
    program/builder.cpp program/executor.cpp program/memory_plan.cpp program/program.cpp program/offload.cpp program/recompute.cpp
    program/join.cpp program/scratch.cpp program/shape_check.cpp program/split.cpp program/split_executor.cpp
    models/cnn.cpp models/config.cpp models/gpt.cpp models/llama.cpp models/lora.cpp models/mlp.cpp models/model.cpp models/state.cpp
    checkpoint/checkpoint.cpp checkpoint/export_model.cpp checkpoint/file_io.cpp checkpoint/import_config.cpp checkpoint/import_model.cpp
    checkpoint/model_metadata.cpp checkpoint/safetensors.cpp checkpoint/safetensors_header.cpp
    data/dataset.cpp data/import.cpp data/import_csv.cpp data/import_idx.cpp
    train/aggregate.cpp train/batch.cpp train/evaluate.cpp train/measure.cpp train/predict.cpp train/round_start.cpp train/sample.cpp
    train/self_test_training.cpp
    train/task.cpp train/trace.cpp train/trainer.cpp)
