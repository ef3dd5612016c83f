// assay tx sign, submit: a transaction signed here, with a key that no node has to hold.
#include <CLI/CLI.hpp>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "contracts/params.h"
#include "contracts/transactions.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/address_text.h"
#include "ledger/engine/next_transaction.h"
#include "node/cli/cli.h"
#include "node/cli/passphrase.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"
#include "node/core/config.h"
#include "node/keys/keyring.h"
#include "node/rpc/tx_json.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr uint64_t kUsualFees = 100;  // times the least fee of a new chain

struct SignFlags {
    std::string type;
    std::string body = "{}";
    std::string key = "node";
    std::string out;
    // Asked of the node when they are not given.
    std::string chain_id;
    std::optional<uint64_t> nonce, fee, expiry;
};

// JSON, or @FILE with it.
json body_of(const SignFlags& flags, const GlobalOptions& globals) {
    std::string text = flags.body;
    if (text.starts_with('@'))
        text = value_or_fail(globals, read_text(text.substr(1), ledger::kMaxTxBytes * 4));
    json body = json::parse(text, nullptr, false);
    if (!body.is_object())
        fail_command(globals, fail(Code::kInvalidArgument,
                                   "--body is not a JSON object. Remedy: the fields of the "
                                   "type's message in proto/contracts.proto, or @FILE"));
    return body;
}

const contracts::TxInfo& type_of(const SignFlags& flags, const GlobalOptions& globals) {
    if (const auto* info = contracts::find_transaction(std::string_view(flags.type))) return *info;
    std::string names;
    for (const auto& info : contracts::kTransactions)
        names += (names.empty() ? "" : ", ") + std::string(info.name);
    fail_command(globals,
                 fail(Code::kInvalidArgument, "--type '" + flags.type + "' is none of " + names));
}

// What a node says is not ours: a field that is no number ends the command.
Result<uint64_t> number_in(const json& object, const char* name) {
    const json value = object.is_object() ? object.value(name, json()) : json();
    if (value.is_number_unsigned()) return value.get<uint64_t>();
    const std::string text = value.is_string() ? value.get<std::string>() : "";
    uint64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) return number;
    return fail(Code::kCorrupt, std::string("the node's answer has no number '") + name +
                                    "'. Remedy: another --rpc, or give --chain-id, --nonce, --fee "
                                    "and --expiry");
}

// Whoever answers at --rpc may name any fee; only a usual one is signed unasked.
Result<uint64_t> fee_in(const json& params) {
    ASSAY_ASSIGN(const uint64_t fee, number_in(params, "minFee"));
    const uint64_t most = kUsualFees * contracts::default_params().min_fee();
    if (fee <= most) return fee;
    return fail(Code::kLimit, "the node asks for a fee of " + std::to_string(fee) +
                                  " micro-units; above " + std::to_string(most) +
                                  " none is signed unasked. Remedy: if you mean to pay it, --fee " +
                                  std::to_string(fee));
}

Result<uint64_t> expiry_in(const json& status) {
    ASSAY_ASSIGN(const uint64_t height, number_in(status, "height"));
    if (height > std::numeric_limits<uint64_t>::max() - ledger::kExpiryBlocks)
        return fail(Code::kCorrupt, "the node's height is no height. Remedy: --expiry");
    return height + ledger::kExpiryBlocks;
}

Result<std::string> chain_in(const json& status) {
    const json value = status.is_object() ? status.value("chainId", json()) : json();
    if (value.is_string() && ledger::is_valid_chain_id(value.get<std::string>()))
        return value.get<std::string>();
    return fail(Code::kCorrupt, "the node names no valid chain. Remedy: --chain-id");
}

// A node is needed for no more than what is not given.
void fill_in(SignFlags& flags, const std::string& address, const GlobalOptions& globals) {
    if (!flags.chain_id.empty() && flags.nonce && flags.fee && flags.expiry) return;
    Remote remote(globals);
    const auto status = remote.call("ledger_getStatus", json::object());
    const auto account = remote.call("ledger_getAccount", {{"address", address}});
    if (flags.chain_id.empty()) flags.chain_id = value_or_fail(globals, chain_in(status));
    if (!flags.nonce) flags.nonce = value_or_fail(globals, number_in(account, "nextNonce"));
    if (!flags.fee) {
        const json params = status.is_object() ? status.value("params", json()) : json();
        flags.fee = value_or_fail(globals, fee_in(params));
    }
    if (!flags.expiry) flags.expiry = value_or_fail(globals, expiry_in(status));
}

// What was signed, for the eye: some of it may be a node's word.
std::string terms_text(const SignFlags& flags) {
    return "chain  " + flags.chain_id + "\nnonce  " + std::to_string(*flags.nonce) + "\nfee    " +
           std::to_string(*flags.fee) + " micro-units\nexpiry height " +
           std::to_string(*flags.expiry) + "\n";
}

void sign(SignFlags flags, const GlobalOptions& globals) {
    const auto& info = type_of(flags, globals);
    const auto payload = value_or_fail(globals, payload_from_json(info, body_of(flags, globals)));
    const auto folder = HomeLayout{globals.home}.keys();
    if (!std::filesystem::is_directory(folder))
        fail_command(globals, fail(Code::kNotFound,
                                   "no keys in " + folder.string() + ". Remedy: assay keys new"));
    const auto keyring = value_or_fail(globals, Keyring::open(folder));
    const auto sender = value_or_fail(globals, keyring.address(flags.key));
    fill_in(flags, ledger::address_text(sender), globals);
    const auto passphrase = value_or_fail(globals, ask_passphrase(globals));
    const auto key = value_or_fail(globals, keyring.unlock(flags.key, passphrase));
    pb::TxBody body;
    body.set_chain_id(flags.chain_id);
    body.set_nonce(*flags.nonce);
    body.set_expiry_height(*flags.expiry);
    body.set_fee(*flags.fee);
    body.set_type(static_cast<uint32_t>(info.type));
    body.set_payload(payload.data(), payload.size());
    const auto raw = value_or_fail(globals, ledger::sign_transaction(body, key));
    ok_or_fail(globals, write_text(flags.out, text_of(raw), 0600));
    const std::string hash = "0x" + to_hex(ledger::tx_hash(raw));
    print_result(globals,
                 {{"file", flags.out},
                  {"hash", hash},
                  {"chainId", flags.chain_id},
                  {"nonce", *flags.nonce},
                  {"fee", std::to_string(*flags.fee)},
                  {"expiryHeight", *flags.expiry},
                  {"transaction", transaction_json(raw, flags.chain_id)}},
                 "wrote " + flags.out + "\nhash   " + hash + "\n" + terms_text(flags) +
                     "Next: assay tx submit " + flags.out);
}

void submit(const std::string& file, const GlobalOptions& globals) {
    const auto raw = value_or_fail(globals, read_text(file, ledger::kMaxTxBytes));
    Remote remote(globals);
    const auto reply = remote.call(
        "tx_submit", {{"tx", "0x" + to_hex(view_of(raw))}, {"mode", "wait"}}, kSpendTimeoutMs);
    print_result(globals, reply,
                 "in block " + reply.value("blockHeight", json()).dump() + "\nhash " +
                     reply.value("hash", ""));
}

}  // namespace

void add_tx_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group = app.add_subcommand("tx", "Sign transactions here and submit them anywhere");
    group->require_subcommand(1);
    group->footer("Example: assay tx submit signed.bin");
    auto flags = std::make_shared<SignFlags>();
    auto* sign_command = group->add_subcommand(
        "sign",
        "Write a signed transaction; without a node when --chain-id, --nonce, --fee and "
        "--expiry are given");
    sign_command->add_option("--type", flags->type, "As in docs/formats/ledger.md: transfer, ...")
        ->required();
    sign_command
        ->add_option("--body", flags->body,
                     "JSON with the fields of its message in proto/contracts.proto, or @FILE")
        ->capture_default_str();
    sign_command->add_option("--key", flags->key, "Keyring entry that signs")
        ->capture_default_str();
    sign_command->add_option("--out", flags->out, "File to write")->required();
    sign_command->add_option("--chain-id", flags->chain_id, "Default: the node's");
    sign_command->add_option("--nonce", flags->nonce, "Default: the next one of the sender");
    sign_command->add_option("--fee", flags->fee,
                             "Micro-units (default: the chain's minimum, if it is at most 100000)");
    sign_command->add_option("--expiry", flags->expiry, "Last height it may be in");
    sign_command->footer(
        "Example: assay tx sign --type transfer --key requester --out signed.bin --body "
        "'{\"to\":\"0x52908400098527886E0F7030069857D2E4169EE7\",\"amount\":\"1000000\"}'");
    sign_command->callback([flags, &globals] { sign(*flags, globals); });

    auto file = std::make_shared<std::string>();
    auto* submit_command = group->add_subcommand(
        "submit", "Hand a signed transaction to a node and wait for its block");
    submit_command->add_option("file", *file, "File of tx sign")->required();
    submit_command->footer("Example: assay tx submit signed.bin --rpc 127.0.0.1:8650");
    submit_command->callback([file, &globals] { submit(*file, globals); });
}

}  // namespace assay::node
