#include "ledger/audit/export.h"

#include "ledger/audit/event_diff.h"
#include "ledger/audit/export_file.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/local_application.h"

namespace assay::ledger {

Result<ExportSummary> export_chain(const pb::Genesis& genesis, uint64_t height,
                                   const BlockSource& block_at, const std::string& path) {
    ExportSummary summary;
    summary.height = height;
    summary.genesis_hash = genesis_hash(genesis);
    ASSAY_ASSIGN(ExportWriter writer, ExportWriter::create(path));
    Frame frame{FrameKind::kGenesis, bytes_of(summary.genesis_hash.view())};
    ASSAY_ASSIGN(const Bytes encoded_genesis, encode_genesis(genesis));
    append(frame.payload, encoded_genesis);
    ASSAY_RETURN_IF_ERROR(writer.write(frame));
    for (uint64_t h = 1; h <= height; ++h) {
        ASSAY_ASSIGN(ExportedBlock exported, block_at(h));
        frame = {FrameKind::kEvents, encode_event_list(exported.events)};
        // They only help to explain a difference: too many are left out.
        if (frame.payload.size() <= kMaxEventListBytes) ASSAY_RETURN_IF_ERROR(writer.write(frame));
        if (!exported.certificate.empty()) {
            frame = {FrameKind::kCertificate, std::move(exported.certificate)};
            ASSAY_RETURN_IF_ERROR(writer.write(frame));
        }
        frame = {FrameKind::kBlock, std::move(exported.block)};
        ASSAY_RETURN_IF_ERROR(writer.write(frame));
        if (h == height) {
            ASSAY_ASSIGN(const pb::Block head, decode_block(frame.payload));
            summary.head_hash = header_hash(head.header());
        }
    }
    frame = {FrameKind::kEnd, {}};
    append_be64(frame.payload, height);
    append(frame.payload, summary.head_hash.view());
    ASSAY_RETURN_IF_ERROR(writer.write(frame));
    ASSAY_RETURN_IF_ERROR(writer.finish());
    return summary;
}

Result<ExportSummary> export_ledger(const Engine& engine, const std::string& path) {
    return export_chain(
        engine.genesis(), engine.height(),
        [&](uint64_t height) -> Result<ExportedBlock> {
            ExportedBlock exported;
            ASSAY_ASSIGN(exported.block, engine.encoded_block(height));
            ASSAY_ASSIGN(exported.certificate, engine.certificate(height));
            ASSAY_ASSIGN(const CommittedBlock committed, engine.block(height));
            for (const pb::Event& event : committed.events)
                exported.events.push_back(encode_message(event));
            return exported;
        },
        path);
}

Result<ExportSummary> export_ledger(const Database& database, const std::string& path) {
    const auto stored = database.get_meta(std::string(kGenesisMetaName));
    if (!stored) return fail(Code::kNotFound, "export: the database holds no chain");
    ASSAY_ASSIGN(const pb::Genesis genesis, decode_genesis(*stored));
    if (genesis.validators_size() > 0)
        return fail(Code::kUnavailable,
                    "the validators' signatures are in the CometBFT engine. Remedy: start the "
                    "node, then export");
    if (database.lowest_block() > 1)
        return fail(Code::kNotFound, "export: this node has blocks from height " +
                                         std::to_string(database.lowest_block()) +
                                         " on. Remedy: export from a node that has every block");
    return export_chain(
        genesis, database.height(),
        [&](uint64_t height) -> Result<ExportedBlock> {
            ExportedBlock exported;
            ASSAY_ASSIGN(exported.block, database.block(height));
            ASSAY_ASSIGN(exported.events, database.events_at(height));
            return exported;
        },
        path);
}

}  // namespace assay::ledger
