// assay job watch: progress, loss, votes and money of a job as blocks come in.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "node/cli/cli.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr auto kPoll = std::chrono::milliseconds(500);
constexpr size_t kBarWidth = 24;
constexpr size_t kCurveWidth = 48;  // columns of the curve on a terminal
constexpr size_t kCurvePoints = 8;  // of its list in a pipe

struct WatchFlags {
    std::string id;
    double max_final_loss = 0;  // 0: not checked
    double max_loss_ratio = 0;  // of the first loss; 0: not checked
    bool quiet = false;
};

double number_of(const json& text) {
    return text.is_string() ? std::strtod(text.get<std::string>().c_str(), nullptr) : 0;
}

// About `count` points of the curve, the first and the last among them.
std::vector<json> thinned(const json& curve, size_t count) {
    std::vector<json> points;
    const size_t shown = std::min(count, curve.size());
    for (size_t i = 0; i < shown; ++i)
        points.push_back(curve[shown < 2 ? 0 : i * (curve.size() - 1) / (shown - 1)]);
    return points;
}

// One bar a point, from the lowest loss to the highest.
std::string sparkline(const json& curve) {
    constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const auto points = thinned(curve, kCurveWidth);
    double low = number_of(points.front().at("loss"));
    double high = low;
    for (const auto& point : points) {
        low = std::min(low, number_of(point.at("loss")));
        high = std::max(high, number_of(point.at("loss")));
    }
    std::string text;
    for (const auto& point : points) {
        const double part = high > low ? (number_of(point.at("loss")) - low) / (high - low) : 0;
        text += kBars[static_cast<size_t>(std::lround(part * (kBars.size() - 1)))];
    }
    return text;
}

std::string curve_text(const json& curve, bool on_terminal) {
    if (!curve.is_array() || curve.empty()) return "";
    if (on_terminal) return "\ncurve " + sparkline(curve);
    std::string text = "\ncurve";
    for (const auto& point : thinned(curve, kCurvePoints))
        text +=
            " " + point.at("step").dump() + ":" + point.at("loss").get<std::string>().substr(0, 5);
    return text;
}

class Watch {
public:
    Watch(const WatchFlags& flags, const GlobalOptions& globals)
        : flags_(flags),
          globals_(globals),
          remote_(globals),
          on_terminal_(!globals.json && ::isatty(STDOUT_FILENO) != 0) {}

    int run() {
        load_names();
        for (;;) {
            const auto progress = remote_.call("job_getProgress", {{"jobId", flags_.id}});
            show_events(progress.at("height").get<uint64_t>());
            const bool running = progress.value("state", "") == "running";
            // The last trace may arrive a moment after the job ended.
            if (!running && (losses_complete(progress) || ++polls_after_end_ > 20)) {
                return finish(
                    remote_.call("job_getProgress", {{"jobId", flags_.id}, {"curve", true}}));
            }
            show_progress(progress);
            std::this_thread::sleep_for(kPoll);
        }
    }

private:
    void load_names() {
        const auto reply = remote_.call("provider_list", json::object());
        for (const auto& provider : reply.at("providers")) {
            names_[lower(provider.value("operator", ""))] = provider.value("moniker", "");
        }
    }

    // Events carry bare digits, replies the checksummed 0x form: compare lower case without 0x.
    static std::string lower(std::string text) {
        if (text.starts_with("0x")) text.erase(0, 2);
        for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
        return text;
    }

    std::string name_of(const json& attributes) {
        const auto address = lower(attributes.value("operator", ""));
        if (!names_.contains(address)) load_names();  // it registered after the watch began
        const auto found = names_.find(address);
        return found != names_.end() && !found->second.empty() ? found->second
                                                               : address.substr(0, 12);
    }

    static bool losses_complete(const json& progress) {
        return progress.value("state", "") != "done" ||
               (progress.at("loss").is_string() && progress.value("missingTraces", 0) == 0);
    }

    void line(const std::string& text) {
        if (flags_.quiet || globals_.json) return;
        if (on_terminal_) *globals_.out << "\r\033[K";
        *globals_.out << text << "\n" << std::flush;
    }

    void show_events(uint64_t height) {
        if (height < next_height_) return;
        const auto reply =
            remote_.call("ledger_getEvents", {{"fromHeight", next_height_}, {"jobId", flags_.id}});
        for (const auto& event : reply.at("events")) show_event(event);
        next_height_ = reply.value("nextHeight", height + 1);
    }

    void show_event(const json& event) {
        const auto type = event.value("type", "");
        const auto& a = event.at("attributes");
        const auto task = a.value("task", "").substr(0, 10);
        const auto at = "block " + event.at("height").dump() + "  ";
        if (type == "task.posted") {
            labels_[a.value("task", "")] =
                "round " + a.value("round", "") +
                (a.value("kind", "") == "train" ? " shard " + a.value("shard", "")
                                                : " aggregation");
        } else if (type == "task.tallied") {
            line(at + label(a) + ": " + a.value("votes", "") + " of " + a.value("replicas", "") +
                 " replicas agree on " + a.value("output", "").substr(0, 14));
        } else if (type == "stake.slashed") {
            line(at + label(a) + ": " + name_of(a) + " SLASHED " + amount(a, "amount") + " (" +
                 a.value("reason", "") + "), burnt " + amount(a, "burnt"));
        } else if (type == "task.escalated") {
            line(at + label(a) + ": no majority, escalated to " + a.value("replicas", "") +
                 " replicas");
        } else if (type == "payment") {
            paid_[name_of(a)] += std::stoull(a.value("amount", "0"));
        } else if (type == "job.checkpoint") {
            line(at + "checkpoint " + a.value("round", "") + " accepted " +
                 a.value("root", "").substr(0, 14));
        } else if (type == "task.expired" || type == "task.undecided" || type == "job.failed" ||
                   type == "job.cancelled" || type == "task.not_accepted") {
            line(at + label(a) + ": " + type);
        }
    }

    std::string label(const json& attributes) const {
        const auto id = attributes.value("task", "");
        const auto found = labels_.find(id);
        return found != labels_.end() ? found->second : "task " + id.substr(0, 10);
    }

    static std::string amount(const json& attributes, const char* name) {
        return format_amount(std::stoull(attributes.value(name, "0")));
    }

    // "0.1 of 0.34" while escrow is locked; what the end gave back is no longer part of the job.
    static std::string spent_text(const json& progress) {
        const uint64_t spent = std::stoull(progress.value("spent", "0"));
        const uint64_t locked = std::stoull(progress.value("escrow", "0"));
        return format_amount(spent) + (locked == 0 ? "" : " of " + format_amount(spent + locked));
    }

    static std::string text_of(const json& progress) {
        char text[200];
        const auto total = std::max<uint64_t>(1, progress.at("tasks").get<uint64_t>());
        const auto done = progress.at("tasksDone").get<uint64_t>();
        const size_t filled = static_cast<size_t>(kBarWidth * std::min(done, total) / total);
        const auto bar = std::string(filled, '#') + std::string(kBarWidth - filled, '-');
        const auto loss =
            progress.at("loss").is_string() ? progress["loss"].get<std::string>() : "-";
        std::snprintf(
            text, sizeof text, "[%s] %3llu%%  round %llu/%llu  tasks %llu/%llu  loss %s  spent %s",
            bar.c_str(), static_cast<unsigned long long>(100 * done / total),
            static_cast<unsigned long long>(std::min(progress.at("round").get<uint64_t>() + 1,
                                                     progress.at("rounds").get<uint64_t>())),
            progress.at("rounds").get<unsigned long long>(), static_cast<unsigned long long>(done),
            static_cast<unsigned long long>(total), loss.substr(0, 5).c_str(),
            spent_text(progress).c_str());
        return text;
    }

    void show_progress(const json& progress) {
        if (flags_.quiet || globals_.json) return;
        const auto text = text_of(progress);
        if (on_terminal_) {
            *globals_.out << "\r\033[K" << text << std::flush;
        } else if (text != last_line_) {
            *globals_.out << text << "\n" << std::flush;
        }
        last_line_ = text;
    }

    // Why the command fails although it saw the end; empty when it does not.
    std::string complaint(const json& progress, bool measured) const {
        const auto state = progress.value("state", "");
        if (state != "done")
            return "job " + flags_.id + " ended as " + state + ": " + progress.value("reason", "");
        if (flags_.max_final_loss <= 0 && flags_.max_loss_ratio <= 0) return "";
        if (!measured)
            return "the loss of this job is not known here. Remedy: watch at a node that keeps "
                   "its artifacts (docs/configuration.md, keepArtifacts)";
        const double last = number_of(progress["loss"]);
        const double first = number_of(progress["firstLoss"]);
        char text[120];
        if (flags_.max_final_loss > 0 && last > flags_.max_final_loss) {
            std::snprintf(text, sizeof text, "the final loss %.3f is above %.3f", last,
                          flags_.max_final_loss);
            return text;
        }
        if (flags_.max_loss_ratio > 0 && last > flags_.max_loss_ratio * first) {
            std::snprintf(text, sizeof text, "the final loss %.3f is above %.3f of the first, %.3f",
                          last, flags_.max_loss_ratio, first);
            return text;
        }
        return "";
    }

    int finish(json progress) {
        show_progress(progress);
        const auto state = progress.value("state", "");
        std::string text = on_terminal_ ? "\n" : "";
        text += "job " + state;
        if (!progress.value("reason", "").empty()) text += ": " + progress.value("reason", "");
        const bool measured =
            progress.at("loss").is_string() && progress.at("firstLoss").is_string();
        if (measured) {
            text += "\nloss " + progress["firstLoss"].get<std::string>() + " -> " +
                    progress["loss"].get<std::string>() + " nats per prediction" +
                    curve_text(progress["curve"], on_terminal_);
        }
        text += "\nspent " + spent_text(progress);
        for (const auto& [name, sum] : paid_) text += "\npaid " + name + " " + format_amount(sum);
        const auto wrong = complaint(progress, measured);
        const Code code = state == "done" ? Code::kCorrupt : Code::kInternal;
        // One document, also when both the end and what is wrong with it are said.
        if (!wrong.empty())
            progress["error"] = {{"code", state == "done" ? "loss_too_high" : "job_" + state},
                                 {"message", wrong}};
        print_result(globals_, progress, text);
        if (wrong.empty()) return 0;
        if (!globals_.json) *globals_.err << "assay: " << wrong << "\n";
        return exit_status(code);
    }

    const WatchFlags& flags_;
    const GlobalOptions& globals_;
    Remote remote_;
    const bool on_terminal_;
    uint64_t next_height_ = 0;  // the first that the node has
    int polls_after_end_ = 0;
    std::string last_line_;
    std::map<std::string, std::string> names_;   // lower-case address -> moniker
    std::map<std::string, std::string> labels_;  // task id -> "round 1 shard 0"
    std::map<std::string, uint64_t> paid_;
};

}  // namespace

void add_job_watch_command(CLI::App& group, const GlobalOptions& globals) {
    auto flags = std::make_shared<WatchFlags>();
    auto* watch =
        group.add_subcommand("watch", "Follow a job to its end: loss, votes, slashing, spending");
    watch->add_option("id", flags->id, "Job id")->required();
    watch->add_option("--max-final-loss", flags->max_final_loss,
                      "Exit 3 when the final loss is above this");
    watch->add_option("--max-loss-ratio", flags->max_loss_ratio,
                      "Exit 3 when the final loss is above this part of the first one, as 0.9");
    watch->add_flag("--quiet", flags->quiet, "Only the end");
    watch->footer("Example: assay job watch 0x3f...");
    watch->callback([flags, &globals] {
        const int status = Watch(*flags, globals).run();
        if (status != 0) end_command(status);
    });
}

}  // namespace assay::node
