// assay job watch: progress, loss, votes and money of a job as blocks come in.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
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

struct WatchFlags {
    std::string id;
    double max_final_loss = 0;  // 0: not checked
    bool quiet = false;
};

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
                return finish(progress);
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
            format_amount(std::stoull(progress.value("spent", "0"))).c_str());
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

    int finish(const json& progress) {
        show_progress(progress);
        const auto state = progress.value("state", "");
        std::string text = on_terminal_ ? "\n" : "";
        text += "job " + state;
        if (!progress.value("reason", "").empty()) text += ": " + progress.value("reason", "");
        const bool measured =
            progress.at("loss").is_string() && progress.at("firstLoss").is_string();
        if (measured) {
            text += "\nloss " + progress["firstLoss"].get<std::string>() + " -> " +
                    progress["loss"].get<std::string>() + " nats per prediction";
        }
        for (const auto& [name, sum] : paid_) text += "\npaid " + name + " " + format_amount(sum);
        print_result(globals_, progress, text);
        if (state != "done") return 1;
        if (flags_.max_final_loss > 0 &&
            (!measured || std::strtod(progress["loss"].get<std::string>().c_str(), nullptr) >
                              flags_.max_final_loss)) {
            *globals_.err << "assay: the final loss is above " << flags_.max_final_loss << "\n";
            return 3;
        }
        return 0;
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
    watch->add_flag("--quiet", flags->quiet, "Only the end");
    watch->footer("Example: assay job watch 0x3f...");
    watch->callback([flags, &globals] {
        const int status = Watch(*flags, globals).run();
        if (status != 0) end_command(status);
    });
}

}  // namespace assay::node
