// The ledger export file: genesis and every block of a chain in one stream of framed records
// (docs/formats/ledger-export.md).
//
// A writer builds `path`.partial and renames it when complete. A reader trusts nothing: every
// length is checked against its limit and the file's size before memory is taken. Ownership: both
// own their file handle. Threads: none. Errors: kIo; kCorrupt and kLimit with a message that starts
// with the field ("frame.length: ..."), to which the caller adds the height.
#pragma once

#include <fstream>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::ledger {

inline constexpr std::string_view kExportMagic = "ASSAYLGR";
inline constexpr uint32_t kExportVersion = 2;
inline constexpr size_t kMaxEventListBytes = size_t{64} << 20;  // the events of one block

enum class FrameKind : uint8_t {
    kGenesis = 'G',
    kEvents = 'V',
    kCertificate = 'C',
    kBlock = 'B',
    kEnd = 'E'
};

struct Frame {
    FrameKind kind = FrameKind::kEnd;
    Bytes payload;
};

// running = SHA-256(running || kind || be32 length || SHA-256(payload)), from SHA-256(magic ||
// be32 version).
class RunningDigest {
public:
    RunningDigest();
    void add(const Frame& frame);
    [[nodiscard]] const Hash256& value() const { return value_; }

private:
    Hash256 value_;
};

class ExportWriter {
public:
    static Result<ExportWriter> create(const std::string& path);
    Status write(const Frame& frame);
    // Writes the digest and moves the file to its name.
    Status finish();

private:
    explicit ExportWriter(std::string path) : path_(std::move(path)) {}
    std::string path_;
    std::ofstream out_;
    RunningDigest digest_;
};

class ExportReader {
public:
    // Checks magic and version.
    static Result<ExportReader> open(const std::string& path);
    Result<Frame> next();
    // Digest of what was read, against the last 32 bytes, with nothing after them.
    Status check_digest();

private:
    ExportReader() = default;
    Status read(uint8_t* out, uint64_t size, std::string_view field);

    std::ifstream in_;
    uint64_t remaining_ = 0;
    RunningDigest digest_;
};

}  // namespace assay::ledger
