// Files: read by position, map read-only, write to a temporary name and rename.
//
// A reader of an output never sees half a file: AtomicFile writes NAME.part, and commit() makes it
// durable (fsync) and renames it; without commit() the temporary is removed. Ownership: each object
// owns its descriptor. Threads: InputFile::read and MappedFile are const and thread-safe. Errors:
// kNotFound, kIo with the path and the system's reason; kCorrupt for a read past the end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::compute {

class InputFile {
public:
    static Result<InputFile> open(const std::filesystem::path& path);
    InputFile(InputFile&& other) noexcept;
    InputFile& operator=(InputFile&& other) noexcept;
    ~InputFile();

    uint64_t size() const { return size_; }
    const std::filesystem::path& path() const { return path_; }
    Status read(uint64_t offset, std::span<uint8_t> out) const;  // all of it, or an error

private:
    InputFile(int descriptor, uint64_t size, std::filesystem::path path);
    int descriptor_ = -1;
    uint64_t size_ = 0;
    std::filesystem::path path_;
};

// The whole file as bytes. It must not be truncated by others while mapped.
class MappedFile {
public:
    MappedFile() = default;  // no bytes
    static Result<MappedFile> open(const std::filesystem::path& path);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    ~MappedFile();

    ByteView bytes() const { return {data_, size_}; }

private:
    MappedFile(const uint8_t* data, size_t size) : data_(data), size_(size) {}
    const uint8_t* data_ = nullptr;
    size_t size_ = 0;
};

class AtomicFile {
public:
    static Result<AtomicFile> create(const std::filesystem::path& path);
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    ~AtomicFile();

    Status append(ByteView bytes);
    Status commit();

private:
    AtomicFile(int descriptor, std::filesystem::path path, std::filesystem::path temporary);
    int descriptor_ = -1;
    std::filesystem::path path_;
    std::filesystem::path temporary_;
};

// One call for small files.
Status write_file(const std::filesystem::path& path, ByteView bytes);
Result<Bytes> read_file(const std::filesystem::path& path, uint64_t max_bytes);

}  // namespace assay::compute
