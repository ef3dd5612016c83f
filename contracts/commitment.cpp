#include "contracts/commitment.h"

#include "ledger/crypto/hash.h"

namespace assay::contracts {
namespace {

void append_text(Bytes& out, std::string_view text) {
    append_be32(out, static_cast<uint32_t>(text.size()));
    append(out, view_of(text));
}

void append_artifact(Bytes& out, const pb::ArtifactRef& ref) {
    append_text(out, ref.root());
    append_be64(out, ref.size());
}

}  // namespace

Hash256 job_id(std::string_view chain_id, const Address& requester, uint64_t nonce) {
    Bytes data;
    append_text(data, chain_id);
    append(data, requester.view());
    append_be64(data, nonce);
    return ledger::tagged_hash("assay/job", data);
}

Hash256 task_id(ByteView job_id, pb::TaskKind kind, uint32_t round, uint32_t shard) {
    Bytes data = bytes_of(job_id);
    append_be32(data, static_cast<uint32_t>(kind));
    append_be32(data, round);
    append_be32(data, shard);
    return ledger::tagged_hash("assay/task", data);
}

TaskResult result_of(const pb::TaskReveal& reveal) {
    return {reveal.output(), reveal.trace(), reveal.diverged(), reveal.fault_step()};
}

Hash256 commitment(std::string_view chain_id, ByteView task_id, const Address& op,
                   const TaskResult& result, ByteView salt) {
    Bytes data;
    append_text(data, chain_id);
    append(data, task_id);
    append(data, op.view());
    append_artifact(data, result.output);
    append_artifact(data, result.trace);
    data.push_back(result.diverged ? 1 : 0);
    append_be32(data, result.fault_step);
    append(data, salt);
    return ledger::tagged_hash("assay/commit", data);
}

uint64_t draw_of(const Hash256& beacon, ByteView task_id, const Address& op) {
    Bytes data = bytes_of(beacon.view());
    append(data, task_id);
    append(data, op.view());
    return read_be64(ledger::tagged_hash("assay/draw", data).view());
}

}  // namespace assay::contracts
