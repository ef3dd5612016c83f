#include "node/cli/cli.h"

#include <CLI/CLI.hpp>
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
    add_job_commands(app, globals);
    add_data_commands(app, globals);
    add_ledger_commands(app, globals);
    add_audit_commands(app, globals);
    add_bench_commands(app, globals);
    for (const auto& add : extra) add(app, globals);

    try {
        app.parse(argc, argv);
    } catch (const CLI::RuntimeError& e) {
        return e.get_exit_code();
    } catch (const CLI::ParseError& e) {
        const int status = app.exit(e);
        return status == 0 ? 0 : 2;
    } catch (const std::exception& e) {
        // The process edge: a library exception here is a bug, said plainly.
        std::cerr << "assay: internal error: " << e.what() << "\n";
        return 1;
    }
    return 0;
}

}  // namespace assay::node
