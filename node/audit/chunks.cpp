#include "node/audit/chunks.h"

#include <algorithm>

namespace assay::node {

std::optional<std::string> first_wrong_chunk(const compute::Manifest& found,
                                             const compute::Manifest& due) {
    const size_t common = std::min(found.chunks.size(), due.chunks.size());
    for (size_t i = 0; i < common; ++i) {
        if (found.chunks[i] == due.chunks[i]) continue;
        const uint64_t begin = i * compute::kChunkBytes;
        const uint64_t end = std::min(begin + compute::kChunkBytes, due.size);
        return "chunk " + std::to_string(i) + " of " + std::to_string(due.chunks.size()) +
               " (bytes " + std::to_string(begin) + " to " + std::to_string(end - 1) + "): hash " +
               to_hex(found.chunks[i]) + ", due " + to_hex(due.chunks[i]);
    }
    if (found.size == due.size) return std::nullopt;
    return "size: " + std::to_string(found.size) + " bytes in " +
           std::to_string(found.chunks.size()) + " chunks, due " + std::to_string(due.size) +
           " in " + std::to_string(due.chunks.size());
}

Status check_artifact(const std::filesystem::path& file, const Hash256& root,
                      const std::optional<compute::Manifest>& due) {
    ASSAY_ASSIGN(const auto found, compute::manifest_of_file(file));
    if (found.root() == root) return {};
    std::string why = "root: is " + to_hex(found.root()) + ", due " + to_hex(root);
    if (due && due->root() == root) {
        if (const auto chunk = first_wrong_chunk(found, *due)) why = *chunk;
    }
    return fail(Code::kCorrupt, file.string() + ": " + why);
}

}  // namespace assay::node
