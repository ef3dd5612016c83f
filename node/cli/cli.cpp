#include "node/cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "compute/kernels/backend.h"
#include "node/cli/keys.h"
#include "node/cli/report.h"
#include "node/core/home.h"

namespace assay::node {
namespace {

std::string version_text() {
    std::string text = "assay 0.1.0, arithmetic OFA-1, backends:";
    for (const auto& name : compute::available_backends()) text += " " + name;
    return text;
}

constexpr char kFooter[] =
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 verification found a difference,\n"
    "             4 not available, 5 refused.\n"
    "Each command has --help with an example. Start with: ./testnet/demo";

// "assay job post", as far as the words were understood.
std::string command_name(const CLI::App* app) {
    std::string name = app->get_name();
    for (auto parsed = app->get_subcommands(); !parsed.empty();
         parsed = parsed.back()->get_subcommands())
        name += " " + parsed.back()->get_name();
    return name;
}

bool wants_json(int argc, char** argv) {
    return std::any_of(argv, argv + argc,
                       [](const char* word) { return std::string_view(word) == "--json"; });
}

// The parser would take "-1" for a very large count.
void refuse_negative_counts(CLI::App& app) {
    for (CLI::Option* option : app.get_options([](CLI::Option*) { return true; })) {
        if (option->get_type_name().find("UINT") == std::string::npos) continue;
        option->check(CLI::Validator(
            [](const std::string& text) {
                return text.find_first_not_of("0123456789") == std::string::npos
                           ? std::string()
                           : "'" + text + "' is no whole number from 0 up";
            },
            ""));
    }
    for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
        refuse_negative_counts(*command);
}

// One line: what, where, remedy.
int fail_usage(const CLI::App& app, const CLI::ParseError& error, bool as_json) {
    const std::string name = command_name(&app);
    std::string what = error.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    // That a command is missing is not what is wrong with one that is misspelt.
    const auto unknown = app.remaining(true);
    if (error.get_name() == "RequiredError" && !unknown.empty())
        what = "no such command or option: '" + unknown.front() + "'";
    const std::string message = name + ": " + what + ". Remedy: " + name + " --help";
    if (as_json) {
        std::cout << nlohmann::json{{"error",
                                     {{"code", code_name(Code::kInvalidArgument)},
                                      {"message", message}}}}
                         .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                  << "\n";
    } else {
        std::cerr << message << "\n";
    }
    return exit_status(Code::kInvalidArgument);
}

}  // namespace

int run_cli(int argc, char** argv, const std::vector<AddCommands>& extra) {
    CLI::App app{"Assay: a compute marketplace whose training results are facts", "assay"};
    GlobalOptions globals;
    globals.home = default_home();
    globals.out = &std::cout;
    globals.err = &std::cerr;
    std::string home = globals.home.string();
    std::string passphrase_file;
    app.add_option("--home", home, "Home folder ($ASSAY_HOME)")->capture_default_str();
    app.add_option("--rpc", globals.rpc,
                   "Node to talk to, host:port (default: the home's own node)");
    app.add_flag("--json", globals.json, "Print one JSON document");
    app.add_option("--passphrase-file", passphrase_file,
                   "File with the keyring passphrase (else $ASSAY_PASSPHRASE, else a prompt)");
    app.set_version_flag("--version", version_text());
    app.footer(kFooter);
    app.require_subcommand(1);
    app.fallthrough();  // global options are accepted after the command too
    // Commands run from callbacks, after all options are parsed but before parse() returns.
    app.parse_complete_callback([&] {
        globals.home = home;
        globals.passphrase_file = passphrase_file;
        if (passphrase_file.empty() && std::filesystem::exists(globals.home / "passphrase")) {
            globals.passphrase_file = globals.home / "passphrase";
        }
    });

    add_init_command(app, globals);
    add_keys_commands(app, globals);
    add_node_commands(app, globals);
    add_provider_commands(app, globals);
    add_validator_commands(app, globals);
    add_job_commands(app, globals);
    add_data_commands(app, globals);
    add_tx_commands(app, globals);
    add_ledger_commands(app, globals);
    add_audit_commands(app, globals);
    add_bench_commands(app, globals);
    add_completion_command(app, globals);
    for (const auto& add : extra) add(app, globals);
    refuse_negative_counts(app);

    try {
        app.parse(argc, argv);
    } catch (const CLI::RuntimeError& e) {
        return e.get_exit_code();
    } catch (const CLI::ParseError& e) {
        // --help and --version arrive here too.
        if (e.get_exit_code() == 0) return app.exit(e);
        return fail_usage(app, e, wants_json(argc, argv));
    } catch (const std::exception& e) {
        // The process edge: a library exception here is a bug, said plainly.
        std::cerr << "assay: internal error: " << e.what() << "\n";
        return 1;
    }
    return 0;
}

}  // namespace assay::node
