// IDX, the format of MNIST: bytes 0, 0, type (8: U8), rank, then rank big-endian u32 sizes, then
// data.
#include "compute/checkpoint/safetensors.h"
#include "compute/data/import.h"

namespace assay::compute {
namespace {

struct Idx {
    std::vector<uint64_t> shape;
    ByteView data;
};

Result<Idx> parse_idx(const std::filesystem::path& path, ByteView bytes, size_t least_rank,
                      size_t most_rank) {
    const auto wrong = [&](const std::string& what) {
        return fail(Code::kCorrupt, path.string() + ": " + what);
    };
    if (bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        return wrong("is gzip-compressed; uncompress it first");
    if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0) return wrong("is not an IDX file");
    if (bytes[2] != 8) return wrong("holds elements of another type than unsigned bytes");
    const size_t rank = bytes[3];
    if (rank < least_rank || rank > most_rank)
        return wrong("has " + std::to_string(rank) + " dimensions");
    if (bytes.size() < 4 + 4 * rank) return wrong("ends inside its header");
    Idx idx;
    uint64_t elements = 1;
    for (size_t i = 0; i < rank; ++i) {
        const size_t at = 4 + 4 * i;
        const uint64_t extent = uint64_t{bytes[at]} << 24 | uint64_t{bytes[at + 1]} << 16 |
                                uint64_t{bytes[at + 2]} << 8 | bytes[at + 3];
        if (extent != 0 && elements > kMaxIdxBytes / extent) return wrong("declares too much data");
        elements *= extent;
        idx.shape.push_back(extent);
    }
    idx.data = bytes.subspan(4 + 4 * rank);
    if (idx.data.size() != elements)
        return wrong("has " + std::to_string(idx.data.size()) + " bytes of data; its header says " +
                     std::to_string(elements));
    return idx;
}

}  // namespace

Status import_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                  const std::filesystem::path& output) {
    ASSAY_ASSIGN(const MappedFile image_file, MappedFile::open(images));
    ASSAY_ASSIGN(const MappedFile label_file, MappedFile::open(labels));
    ASSAY_ASSIGN(const Idx image, parse_idx(images, image_file.bytes(), 2, 4));
    ASSAY_ASSIGN(const Idx label, parse_idx(labels, label_file.bytes(), 1, 1));
    if (image.shape[0] != label.shape[0]) {
        return fail(Code::kCorrupt, "there are " + std::to_string(image.shape[0]) + " images and " +
                                        std::to_string(label.shape[0]) + " labels");
    }
    return write_safetensors(output,
                             {{"images", Dtype::kU8, image.shape, image.data},
                              {"labels", Dtype::kU8, label.shape, label.data}},
                             {});
}

}  // namespace assay::compute
