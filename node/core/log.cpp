#include "node/core/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <nlohmann/json.hpp>

namespace assay::node {
namespace {

// %J: the message as a JSON string; bytes that are not UTF-8 become U+FFFD.
class JsonMessage : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        const nlohmann::json text = std::string(message.payload.begin(), message.payload.end());
        const auto quoted = text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        out.append(quoted.data(), quoted.data() + quoted.size());
    }
    [[nodiscard]] std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
        return std::make_unique<JsonMessage>();
    }
};

std::unique_ptr<spdlog::formatter> formatter_of(LogFormat format) {
    if (format == LogFormat::kText) {
        return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%e %l %v");
    }
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<JsonMessage>('J').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%J})");
    return formatter;
}

}  // namespace

std::shared_ptr<spdlog::logger> make_log(const NodeConfig& config, bool to_stderr) {
    if (to_stderr) return make_log(config, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    return make_log(config, std::make_shared<spdlog::sinks::stdout_sink_mt>());
}

std::shared_ptr<spdlog::logger> make_log(const NodeConfig& config, spdlog::sink_ptr sink) {
    auto log = std::make_shared<spdlog::logger>("assay", std::move(sink));
    log->set_level(spdlog::level::from_str(config.log_level));
    log->set_formatter(formatter_of(config.log_format));
    log->flush_on(spdlog::level::info);
    return log;
}

}  // namespace assay::node
