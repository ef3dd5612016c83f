# Tests of programs, models, checkpoints, data and training.
assay_test(compute_program_test SOURCES program_test.cpp LINKS assay_compute)
assay_test(compute_checkpoint_test SOURCES checkpoint_test.cpp LINKS assay_compute)
assay_test(compute_import_model_test SOURCES import_model_test.cpp LINKS assay_compute)
assay_test(compute_data_test SOURCES data_test.cpp LINKS assay_compute)
assay_test(compute_train_test SOURCES train_test.cpp LINKS assay_compute)
assay_test(compute_task_test SOURCES task_test.cpp LINKS assay_compute)
assay_test(compute_equality_test SOURCES equality.cpp equality_test.cpp LINKS assay_compute)
assay_test(compute_train_images_test SOURCES train_images_test.cpp LINKS assay_compute)
