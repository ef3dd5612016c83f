#include "node/core/progress.h"

#include <cstdio>
#include <utility>

namespace assay::node {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kNextLine = std::chrono::seconds(5);

}  // namespace

ProgressLine::ProgressLine(std::ostream& out, Style style, std::function<Clock::time_point()> now)
    : out_(out), style_(style), now_(std::move(now)), next_(now_()) {
    if (style_ == Style::kLines) next_ += kNextLine;
}

ProgressLine::~ProgressLine() {
    clear();
}

void ProgressLine::show(const std::string& text) {
    if (style_ == Style::kSilent) return;
    const auto now = now_();
    if (now < next_) return;
    if (style_ == Style::kTerminal) {
        out_ << "\r\033[K" << text << std::flush;
        drawn_ = true;
        next_ = now + kRedraw;
    } else {
        out_ << text << "\n" << std::flush;
        next_ = now + kNextLine;
    }
}

void ProgressLine::clear() {
    if (drawn_) out_ << "\r\033[K" << std::flush;
    drawn_ = false;
}

std::string share_text(uint64_t done, uint64_t total) {
    char text[64];
    const double shown = static_cast<double>(total == 0 ? done : total);
    const bool is_large = shown >= 1e9;
    const double size = is_large ? shown / 1e9 : shown / 1e6;
    const char* unit = is_large ? "GB" : "MB";
    if (total == 0) {
        std::snprintf(text, sizeof text, "%.1f %s", size, unit);
    } else {
        const auto percent = static_cast<unsigned>(100.0 * static_cast<double>(done) / shown);
        std::snprintf(text, sizeof text, "%u%% of %.1f %s", percent, size, unit);
    }
    return text;
}

}  // namespace assay::node
