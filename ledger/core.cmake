assay_library(assay_ledger
    SOURCES worker_pool.cpp tx_verifier.cpp executor.cpp anchor.cpp snapshot_keeper.cpp local_application.cpp block_check.cpp
            bench.cpp bench_split.cpp
            engine/mempool.cpp engine/chain_engine.cpp engine/embedded_producer.cpp engine/follower.cpp
            engine/next_transaction.cpp
            audit/certificate.cpp audit/export_file.cpp audit/export.cpp audit/event_diff.cpp audit/blame.cpp audit/block_prefetch.cpp audit/dispute.cpp
            audit/replay.cpp
    LINKS assay_state assay_codec Threads::Threads)
assay_library(assay_comet
    SOURCES engine/comet/frame.cpp engine/comet/abci_server.cpp engine/comet/rpc_client.cpp engine/comet/process.cpp
            engine/comet/log_line.cpp engine/comet/home.cpp engine/comet/signed_header.cpp engine/comet/comet_engine.cpp
    LINKS assay_ledger assay_proto nlohmann_json::nlohmann_json
    PRIVATE_LINKS Boost::headers Threads::Threads)
