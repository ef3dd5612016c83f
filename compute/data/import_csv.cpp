// CSV of numbers: comma-separated, '\n' or '\r\n' line ends, blanks around a field allowed, no
// quotes. Decimal text becomes the nearest binary32 (std::from_chars: no locale), so the output is
// the same on every machine.
#include <charconv>
#include <cstring>

#include "compute/checkpoint/safetensors.h"
#include "compute/data/import.h"

namespace assay::compute {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
        text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> split(std::string_view line) {
    std::vector<std::string_view> fields;
    for (;;) {
        const size_t comma = line.find(',');
        fields.push_back(trimmed(line.substr(0, comma)));
        if (comma == std::string_view::npos) return fields;
        line.remove_prefix(comma + 1);
    }
}

bool parse_float(std::string_view text, float& value) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stop == end && value - value == 0.0F;  // finite
}

class CsvImport {
public:
    CsvImport(std::string source, const ImportOptions& options)
        : source_(std::move(source)), options_(options) {}

    Status parse(std::string_view text) {
        while (!text.empty()) {
            const size_t end = text.find('\n');
            ++line_;
            ASSAY_RETURN_IF_ERROR(parse_line(text.substr(0, end)));
            text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        }
        if (labels_.empty()) return wrong(0, "there are no rows");
        return {};
    }

    Status write(const std::filesystem::path& output) const {
        const auto bytes = [](const auto& values) {
            return ByteView(reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4);
        };
        return write_safetensors(
            output,
            {{"features", Dtype::kF32, {labels_.size(), columns_ - 1}, bytes(features_)},
             {"labels", Dtype::kI32, {labels_.size()}, bytes(labels_)}},
            {});
    }

private:
    Error wrong(size_t column, const std::string& what) const {
        std::string place = source_ + ", line " + std::to_string(line_);
        if (column > 0) place += ", column " + std::to_string(column);
        return fail(Code::kCorrupt, place + ": " + what);
    }

    Status parse_line(std::string_view line) {
        if (trimmed(line).empty()) return {};
        const std::vector<std::string_view> fields = split(line);
        if (columns_ == 0) {
            ASSAY_RETURN_IF_ERROR(set_columns(fields.size()));
            float ignored = 0;
            if (!parse_float(fields[label_], ignored)) return {};  // a heading
        }
        if (fields.size() != columns_)
            return wrong(0, "has " + std::to_string(fields.size()) +
                                " fields; the first line has " + std::to_string(columns_));
        for (size_t i = 0; i < columns_; ++i) ASSAY_RETURN_IF_ERROR(parse_field(i, fields[i]));
        return {};
    }

    Status set_columns(size_t columns) {
        if (columns < 2) return wrong(0, "needs at least one feature and the label");
        if (columns > kMaxCsvColumns)
            return fail(Code::kLimit,
                        source_ + ": more than " + std::to_string(kMaxCsvColumns) + " columns");
        columns_ = columns;
        const auto count = static_cast<long long>(columns);
        const long long label =
            options_.label_column < 0 ? count + options_.label_column : options_.label_column;
        if (label < 0 || label >= count)
            return fail(Code::kInvalidArgument,
                        "label column " + std::to_string(options_.label_column) +
                            " does not exist; there are " + std::to_string(columns) + " columns");
        label_ = static_cast<size_t>(label);
        return {};
    }

    Status parse_field(size_t i, std::string_view field) {
        if (i == label_) {
            int32_t label = 0;
            const char* end = field.data() + field.size();
            const auto [stop, error] = std::from_chars(field.data(), end, label);
            if (error != std::errc{} || stop != end || label < 0)
                return wrong(i + 1, "the label '" + std::string(field) + "' is not a whole number");
            labels_.push_back(label);
            return {};
        }
        float value = 0;
        if (!parse_float(field, value))
            return wrong(i + 1, "'" + std::string(field) + "' is not a finite number");
        features_.push_back(value);
        return {};
    }

    const std::string source_;
    const ImportOptions options_;
    size_t line_ = 0, columns_ = 0, label_ = 0;
    std::vector<float> features_;
    std::vector<int32_t> labels_;
};

}  // namespace

Status import_csv(const std::filesystem::path& input, const std::filesystem::path& output,
                  const ImportOptions& options) {
    ASSAY_ASSIGN(const MappedFile file, MappedFile::open(input));
    if (file.bytes().size() > kMaxCsvBytes)
        return fail(Code::kLimit, input.string() + " is larger than 1 GiB");
    CsvImport csv(input.string(), options);
    ASSAY_RETURN_IF_ERROR(csv.parse(text_of(file.bytes())));
    return csv.write(output);
}

}  // namespace assay::compute
