#include "contracts/payload_checks.h"

#include <algorithm>

#include "compute/checkpoint/artifact.h"
#include "contracts/limits.h"

namespace assay::contracts {
namespace {

std::string range_text(uint64_t low, uint64_t high) {
    return "from " + std::to_string(low) + " to " + std::to_string(high);
}

}  // namespace

Status check_range(std::string_view field, uint64_t value, uint64_t low, uint64_t high) {
    if (value >= low && value <= high) return {};
    return fail(Code::kInvalidArgument, std::string(field) + " is " + std::to_string(value) +
                                            "; it must be " + range_text(low, high));
}

Status check_amount(std::string_view field, uint64_t value) {
    return check_range(field, value, 1, kMaxAmount);
}

Status check_size(std::string_view field, std::string_view raw, size_t bytes) {
    if (raw.size() == bytes) return {};
    return fail(Code::kInvalidArgument, std::string(field) + " has " + std::to_string(raw.size()) +
                                            " bytes; it must have " + std::to_string(bytes));
}

Status check_text(std::string_view field, std::string_view text, size_t min_bytes,
                  size_t max_bytes) {
    if (text.size() < min_bytes || text.size() > max_bytes) {
        return fail(Code::kInvalidArgument,
                    std::string(field) + " has " + std::to_string(text.size()) +
                        " bytes; it must have " + range_text(min_bytes, max_bytes));
    }
    if (std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }))
        return {};
    return fail(Code::kInvalidArgument,
                std::string(field) + " holds a byte that is not printable ASCII");
}

Status check_artifact(std::string_view field, const pb::ArtifactRef& ref) {
    ASSAY_RETURN_IF_ERROR(check_hash(std::string(field) + ".root", ref.root()));
    return check_range(std::string(field) + ".size", ref.size(), 1, compute::kMaxArtifactBytes);
}

}  // namespace assay::contracts
