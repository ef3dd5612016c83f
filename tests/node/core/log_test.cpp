// The two log formats.
#include "node/core/log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace assay::node {
namespace {

TEST(Log, JsonLinesParseWhateverTheMessageHolds) {
    NodeConfig config;
    config.log_format = LogFormat::kJson;
    config.log_level = "debug";
    std::ostringstream out;
    const auto log = make_log(config, std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    const std::string hostile = "quote \" backslash \\ newline \n tab \t byte \xff {}";
    log->warn("{}", hostile);
    log->debug("plain");
    log->trace("below the level");
    std::istringstream lines(out.str());
    std::vector<nlohmann::json> entries;
    for (std::string line; std::getline(lines, line);)
        entries.push_back(nlohmann::json::parse(line));
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0]["level"], "warning");
    EXPECT_EQ(entries[0]["message"],
              "quote \" backslash \\ newline \n tab \t byte \xef\xbf\xbd {}");
    EXPECT_EQ(entries[1]["message"], "plain");
    const auto time = entries[0]["time"].get<std::string>();
    ASSERT_EQ(time.size(), std::string("2026-01-02T03:04:05.678Z").size());
    EXPECT_EQ(time.back(), 'Z');
    EXPECT_EQ(time[10], 'T');
}

TEST(Log, TextLinesHaveTimeLevelAndMessage) {
    std::ostringstream out;
    const auto log = make_log(NodeConfig{}, std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    log->info("chain {}", 7);
    const auto line = out.str();
    EXPECT_NE(line.find(" info chain 7\n"), std::string::npos) << line;
    EXPECT_EQ(line[4], '-');
}

}  // namespace
}  // namespace assay::node
