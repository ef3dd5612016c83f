// assay audit task: everything that happened to one task. assay audit diff: where two exports part.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "contracts/queries.h"
#include "ledger/audit/event_diff.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "node/audit/diff.h"
#include "node/audit/votes.h"
#include "node/cli/cli.h"
#include "node/cli/replay.h"
#include "node/rpc/proto_json.h"

namespace assay::node {
namespace {

using nlohmann::json;

struct TaskFlags {
    std::string file;
    std::string task;
};

struct DiffFlags {
    std::string first;
    std::string second;
};

// "12.345 s" after the first one.
std::string seconds_text(uint64_t ms) {
    const std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
    return std::to_string(ms / 1000) + "." + fraction + " s";
}

// Every event of the task, in order, with the header time of its block.
Result<json> life_of(const ReplayedLedger& ledger, const std::string& task_id) {
    json life = json::array();
    for (uint64_t height = 1; height <= ledger.report().height; ++height) {
        ASSAY_ASSIGN(const auto encoded, ledger.database().events_at(height));
        uint64_t time_ms = 0;
        for (const Bytes& bytes : encoded) {
            ASSAY_ASSIGN(const auto event, ledger::decode_canonical<pb::Event>(
                                               bytes, ledger::kMaxEventBytes, "event"));
            json attributes = json::object();
            for (const auto& item : event.attributes()) attributes[item.key()] = item.value();
            if (attributes.value("task", "") != task_id) continue;
            if (time_ms == 0) {
                ASSAY_ASSIGN(const auto raw, ledger.database().block(height));
                ASSAY_ASSIGN(const auto block, ledger::decode_block(raw));
                time_ms = block.header().time_ms();
            }
            life.push_back({{"height", height},
                            {"timeMs", time_ms},
                            {"type", event.type()},
                            {"attributes", attributes}});
        }
    }
    return life;
}

std::string life_text(const json& life) {
    std::string text;
    for (const auto& item : life) {
        char start[64];
        std::snprintf(
            start, sizeof start, "%8llu  +%-10s ",
            static_cast<unsigned long long>(item["height"].get<uint64_t>()),
            seconds_text(item["timeMs"].get<uint64_t>() - life[0]["timeMs"].get<uint64_t>())
                .c_str());
        text += start + item["type"].get<std::string>();
        for (const auto& [key, value] : item["attributes"].items())
            if (key != "task" && key != "job") text += " " + key + "=" + value.get<std::string>();
        text += "\n";
    }
    return text;
}

std::string slot_line(const pb::Slot& slot) {
    std::string state = pb::SlotState_Name(slot.state()).substr(5);
    for (char& c : state) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return to_hex(view_of(slot.operator_())) + "  " + state +
           (slot.commitment().empty()
                ? ""
                : "  commitment " + to_hex(view_of(slot.commitment())).substr(0, 16)) +
           (slot.output().root().empty()
                ? ""
                : "  output " + to_hex(view_of(slot.output().root())).substr(0, 16)) +
           (slot.diverged() ? "  diverged at step " + std::to_string(slot.fault_step()) : "") +
           (slot.paid() ? "  paid " + format_amount(slot.paid()) : "") +
           (slot.slashed() ? "  slashed " + format_amount(slot.slashed()) : "") + "\n";
}

void audit_task(const TaskFlags& flags, const GlobalOptions& globals) {
    const auto id = hash_from_hex(flags.task);
    if (!id) {
        fail_command(globals,
                     fail(Code::kInvalidArgument,
                          "task id '" + flags.task + "' must be 0x and 64 hexadecimal digits"));
    }
    const auto ledger = replay(flags.file, globals);
    const auto task = contracts::get_task(ledger->state(), id->view());
    if (!task) {
        fail_command(globals, fail(Code::kNotFound,
                                   "no task " + flags.task + " in " + flags.file +
                                       ". Remedy: assay audit lineage lists a job's tasks"));
    }
    ok_or_fail(globals, check_task_tally(*task));
    ok_or_fail(globals, check_task_payments(*task));
    const json life = value_or_fail(globals, life_of(*ledger, to_hex(*id)));
    uint32_t votes = 0;
    std::string slots;
    for (const auto& slot : task->slots()) {
        votes += slot.state() == pb::SLOT_AGREED ? 1 : 0;
        slots += slot_line(slot);
    }
    const std::string state = pb::TaskState_Name(task->state()).substr(5);
    print_result(
        globals,
        {{"verdict", "pass"}, {"task", message_to_json(*task)}, {"votes", votes}, {"events", life}},
        "  height  time        event\n" + life_text(life) + "slots\n" + slots + "PASS  " + state +
            ", " + std::to_string(votes) + " of " + std::to_string(task->replicas()) +
            " votes for output " + to_hex(view_of(task->output().root())) +
            "; votes and payments counted again");
}

void diff(const DiffFlags& flags, const GlobalOptions& globals) {
    const auto comparison = value_or_fail(globals, compare_exports(flags.first, flags.second));
    const std::string blocks = std::to_string(comparison.equal_blocks) + " equal blocks";
    if (!comparison.difference) {
        print_result(globals, {{"verdict", "equal"}, {"equalBlocks", comparison.equal_blocks}},
                     "EQUAL  " + blocks);
        return;
    }
    const auto& found = *comparison.difference;
    const std::string place = found.height == 0
                                  ? found.field
                                  : "height " + std::to_string(found.height) + ": " + found.field;
    print_result(globals,
                 {{"verdict", "different"},
                  {"equalBlocks", comparison.equal_blocks},
                  {"height", found.height},
                  {"field", found.field},
                  {"first", found.first},
                  {"second", found.second}},
                 "DIFFERENT  " + place + ", after " + blocks + "\n" + flags.first + ": " +
                     found.first + "\n" + flags.second + ": " + found.second);
    end_command(3);
}

}  // namespace

void add_audit_task_commands(CLI::App& group, const GlobalOptions& globals) {
    auto task_flags = std::make_shared<TaskFlags>();
    auto* task = group.add_subcommand(
        "task", "One task's life: slots, commitments, reveals, tally, payments");
    task->add_option("file", task_flags->file, "Export file")->required();
    task->add_option("id", task_flags->task, "Task id")->required();
    task->footer("Example: assay audit task chain.assay 0x3f...");
    task->callback([task_flags, &globals] { audit_task(*task_flags, globals); });

    auto diff_flags = std::make_shared<DiffFlags>();
    auto* diff_command = group.add_subcommand(
        "diff", "The first height and field in which two exports differ; exit 3 if they do");
    diff_command->add_option("first", diff_flags->first, "Export file")->required();
    diff_command->add_option("second", diff_flags->second, "Export file")->required();
    diff_command->footer("Example: assay audit diff mine.assay theirs.assay");
    diff_command->callback([diff_flags, &globals] { diff(*diff_flags, globals); });
}

}  // namespace assay::node
