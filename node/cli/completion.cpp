#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "node/cli/cli.h"
#include "node/cli/report.h"

namespace assay::node {
namespace {

// Two tables keyed by the words of a command ("", "job", "job post"): what may follow it.
void add_tables(const CLI::App& app, const std::string& path, std::string& commands,
                std::string& options) {
    std::string names, flags;
    for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (each->get_group().empty()) continue;  // hidden: for our own processes
        names += each->get_name() + " ";
        add_tables(*each, path.empty() ? each->get_name() : path + " " + each->get_name(), commands,
                   options);
    }
    for (const CLI::Option* each : app.get_options())
        for (const std::string& name : each->get_lnames()) flags += "--" + name + " ";
    if (!names.empty()) commands += "    [\"" + path + "\"]=\"" + names + "\"\n";
    options += "    [\"" + path + "\"]=\"" + flags + "\"\n";
}

// Words typed so far that name a command make the path; then commands, or options after a dash,
// or files where a command takes no further word.
constexpr char kFunction[] = R"(
_assay() {
    local path="" word i current=${COMP_WORDS[COMP_CWORD]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${path:+$path }${COMP_WORDS[i]}"
        [[ -n "${_assay_options[$word]+known}" ]] && path=$word
    done
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${_assay_options[$path]} ${_assay_options[_]}" -- "$current")
    elif [[ -n "${_assay_commands[${path:-_}]-}" ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${_assay_commands[${path:-_}]}" -- "$current")
    else
        compopt -o default 2>/dev/null
        COMPREPLY=()
    fi
}
complete -F _assay assay
)";

std::string bash_script(const CLI::App& app) {
    std::string commands, options;
    add_tables(app, "", commands, options);
    // bash has no empty keys: the program itself is "_".
    const auto named = [](std::string table) {
        const size_t at = table.find("[\"\"]");
        return at == std::string::npos ? table : table.replace(at, 4, "[\"_\"]");
    };
    return "declare -gA _assay_commands=(\n" + named(commands) +
           ")\ndeclare -gA _assay_options=(\n" + named(options) + ")" + kFunction;
}

}  // namespace

void add_completion_command(CLI::App& app, const GlobalOptions& globals) {
    auto* command =
        app.add_subcommand("completion", "Print a bash script that completes assay's commands");
    command->footer(
        "Example: assay completion > ~/.local/share/bash-completion/completions/assay\n"
        "         source <(assay completion)");
    command->callback([&app, &globals] {
        const std::string script = bash_script(app);
        print_result(globals, {{"bash", script}}, script);
    });
}

}  // namespace assay::node
