#include "ledger/audit/export_file.h"

#include <cstdio>
#include <filesystem>

#include "ledger/audit/certificate.h"
#include "ledger/codec/block.h"
#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

constexpr size_t kFrameHeaderBytes = 5;
constexpr size_t kEndPayloadBytes = 40;

Bytes file_header() {
    Bytes header = bytes_of(kExportMagic);
    append_be32(header, kExportVersion);
    return header;
}

Bytes frame_header(const Frame& frame) {
    Bytes header{static_cast<uint8_t>(frame.kind)};
    append_be32(header, static_cast<uint32_t>(frame.payload.size()));
    return header;
}

std::optional<size_t> max_payload(uint8_t kind) {
    switch (static_cast<FrameKind>(kind)) {
        case FrameKind::kGenesis:
            return kMaxGenesisBytes + sizeof(Hash256::bytes);
        case FrameKind::kEvents:
            return kMaxEventListBytes;
        case FrameKind::kCertificate:
            return kMaxCertificateBytes;
        case FrameKind::kBlock:
            return kMaxBlockBytes;
        case FrameKind::kEnd:
            return kEndPayloadBytes;
    }
    return std::nullopt;
}

Error corrupt(std::string_view field, const std::string& why) {
    return fail(Code::kCorrupt, std::string(field) + ": " + why);
}

}  // namespace

RunningDigest::RunningDigest() : value_(sha256(file_header())) {}

void RunningDigest::add(const Frame& frame) {
    Bytes text = bytes_of(value_.view());
    append(text, frame_header(frame));
    append(text, sha256(frame.payload).view());
    value_ = sha256(text);
}

Result<ExportWriter> ExportWriter::create(const std::string& path) {
    ExportWriter writer(path);
    writer.out_.open(path + ".partial", std::ios::binary | std::ios::trunc);
    const Bytes header = file_header();
    writer.out_ << text_of(header);
    if (!writer.out_) return fail(Code::kIo, "export: cannot write '" + path + ".partial'");
    return writer;
}

Status ExportWriter::write(const Frame& frame) {
    out_ << text_of(frame_header(frame)) << text_of(frame.payload);
    digest_.add(frame);
    if (!out_) return fail(Code::kIo, "export: cannot write '" + path_ + ".partial' (disk full?)");
    return {};
}

Status ExportWriter::finish() {
    out_ << text_of(digest_.value().view());
    out_.close();
    if (!out_) return fail(Code::kIo, "export: cannot write '" + path_ + ".partial' (disk full?)");
    std::error_code error;
    std::filesystem::rename(path_ + ".partial", path_, error);
    if (error) return fail(Code::kIo, "export: cannot create '" + path_ + "': " + error.message());
    return {};
}

Result<ExportReader> ExportReader::open(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    const bool missing = error == std::errc::no_such_file_or_directory;
    if (error)
        return fail(missing ? Code::kNotFound : Code::kIo,
                    "file: cannot read '" + path + "': " + error.message());
    ExportReader reader;
    reader.in_.open(path, std::ios::binary);
    if (!reader.in_) return fail(Code::kIo, "file: cannot read '" + path + "'");
    reader.remaining_ = size;
    const Bytes expected = file_header();
    Bytes header(expected.size());
    ASSAY_RETURN_IF_ERROR(reader.read(header.data(), header.size(), "file.magic"));
    if (!text_of(header).starts_with(kExportMagic))
        return corrupt("file.magic", "this is not a ledger export");
    if (header != expected)
        return corrupt("file.version",
                       "this program reads version " + std::to_string(kExportVersion) + " only");
    return reader;
}

Status ExportReader::read(uint8_t* out, uint64_t size, std::string_view field) {
    if (size > remaining_) return corrupt(field, "the file ends too early");
    in_.read(reinterpret_cast<char*>(out), static_cast<std::streamsize>(size));
    if (!in_) return fail(Code::kIo, std::string(field) + ": the file cannot be read");
    remaining_ -= size;
    return {};
}

Result<Frame> ExportReader::next() {
    uint8_t header[kFrameHeaderBytes] = {};
    ASSAY_RETURN_IF_ERROR(read(header, sizeof(header), "frame"));
    const auto limit = max_payload(header[0]);
    if (!limit) return corrupt("frame.kind", "unknown kind " + std::to_string(header[0]));
    uint32_t length = 0;
    for (size_t i = 1; i < sizeof(header); ++i) length = length << 8 | header[i];
    if (length > *limit)
        return fail(Code::kLimit, "frame.length: " + std::to_string(length) +
                                      " exceeds the limit of " + std::to_string(*limit));
    if (length > remaining_) return corrupt("frame.length", "points behind the end of the file");
    Frame frame;
    frame.kind = static_cast<FrameKind>(header[0]);
    frame.payload.resize(length);
    ASSAY_RETURN_IF_ERROR(read(frame.payload.data(), length, "frame"));
    digest_.add(frame);
    return frame;
}

Status ExportReader::check_digest() {
    Hash256 stored;
    ASSAY_RETURN_IF_ERROR(read(stored.bytes.data(), stored.bytes.size(), "file.digest"));
    if (stored != digest_.value())
        return corrupt("file.digest",
                       "is " + to_hex(stored) + ", the contents give " + to_hex(digest_.value()));
    if (remaining_ != 0) return corrupt("file.digest", "bytes follow it");
    return {};
}

}  // namespace assay::ledger
