#include "ledger/state/commit_record.h"

#include "ledger/state/verify.h"

namespace assay::ledger {

namespace {

constexpr uint8_t kRecordFormat = 1;
constexpr size_t kRecordBytes = 1 + 8 + 8 + kAppHashPartsBytes;

}  // namespace

Bytes encode_commit_record(const CommitRecord& record) {
    Bytes out{kRecordFormat};
    append_be64(out, record.height);
    append_be64(out, record.tree_version);
    append(out, encode_app_hash_parts(record.parts));
    return out;
}

Result<CommitRecord> decode_commit_record(ByteView bytes) {
    if (bytes.size() != kRecordBytes || bytes[0] != kRecordFormat)
        return fail(Code::kCorrupt, "commit record: unknown format; restore the data directory");
    CommitRecord record;
    record.height = read_be64(bytes.subspan(1));
    record.tree_version = read_be64(bytes.subspan(9));
    ASSAY_ASSIGN(record.parts, decode_app_hash_parts(bytes.subspan(17)));
    record.app_hash = app_hash_of(record.parts);
    return record;
}

}  // namespace assay::ledger
