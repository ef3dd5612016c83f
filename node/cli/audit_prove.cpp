// assay audit prove: one value of the ledger with its proof, checked here, without trust in the
// node.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "contracts.pb.h"
#include "contracts/keys.h"
#include "ledger/audit/event_diff.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/crypto/address_text.h"
#include "ledger/state/database.h"
#include "node/cli/cli.h"
#include "node/cli/proof_file.h"
#include "node/cli/report.h"
#include "node/core/home.h"
#include "node/rpc/proto_json.h"

namespace assay::node {
namespace {

using contracts::keys::Tag;
using ledger::Address;
using nlohmann::json;

struct ProveFlags {
    std::string key;
    std::string account;
    std::string stake;
    std::string provider;
    std::string job;
    std::string task;
    std::optional<uint64_t> event;
    uint64_t height = 0;
    std::string out;
    std::string check;
    std::string producer;
    std::string app_hash;
};

Bytes id_key(Tag tag, const std::string& text, const GlobalOptions& globals) {
    const auto id = hash_from_hex(text);
    if (!id) {
        fail_command(globals, fail(Code::kInvalidArgument,
                                   "id '" + text + "' must be 0x and 64 hexadecimal digits"));
    }
    return contracts::keys::tagged(tag, id->view());
}

Bytes address_key(Tag tag, const std::string& text, const GlobalOptions& globals) {
    return contracts::keys::tagged(tag, value_or_fail(globals, ledger::parse_address(text)).view());
}

ProofQuery query_of(const ProveFlags& flags, const GlobalOptions& globals) {
    ProofQuery query;
    query.height = flags.height;
    const int given = !flags.key.empty() + !flags.account.empty() + !flags.stake.empty() +
                      !flags.provider.empty() + !flags.job.empty() + !flags.task.empty() +
                      flags.event.has_value();
    if (given != 1) {
        fail_command(globals,
                     fail(Code::kInvalidArgument,
                          "give one of --account, --stake, --provider, --job, --task, --event, "
                          "--key, or --check FILE"));
    }
    if (flags.event) {
        query.event_index = *flags.event;
    } else if (!flags.key.empty()) {
        query.key = from_hex(flags.key);
        if (!query.key || query.key->empty()) {
            fail_command(globals, fail(Code::kInvalidArgument,
                                       "--key '" + flags.key + "' must be hexadecimal"));
        }
    } else if (!flags.account.empty()) {
        query.key = address_key(Tag::kAccount, flags.account, globals);
    } else if (!flags.stake.empty()) {
        query.key = address_key(Tag::kStake, flags.stake, globals);
    } else if (!flags.provider.empty()) {
        query.key = address_key(Tag::kProvider, flags.provider, globals);
    } else {
        query.key = flags.job.empty() ? id_key(Tag::kTask, flags.task, globals)
                                      : id_key(Tag::kJob, flags.job, globals);
    }
    return query;
}

template <typename Message>
json decoded(ByteView value) {
    const auto message =
        ledger::decode_canonical<Message>(value, ledger::kMaxStateValueBytes, "value");
    return message ? message_to_json(*message) : json("0x" + to_hex(value));
}

json readable(const LedgerProof& proof) {
    if (!proof.value) return nullptr;
    if (proof.is_event) return decoded<pb::Event>(*proof.value);
    if (proof.key.empty()) return "0x" + to_hex(*proof.value);
    switch (contracts::keys::tag_of(proof.key)) {
        case Tag::kParams:
            return decoded<pb::Params>(*proof.value);
        case Tag::kTotals:
            return decoded<pb::Totals>(*proof.value);
        case Tag::kAccount:
            return decoded<pb::Account>(*proof.value);
        case Tag::kStake:
            return decoded<pb::Stake>(*proof.value);
        case Tag::kProvider:
            return decoded<pb::Provider>(*proof.value);
        case Tag::kReputation:
            return decoded<pb::Reputation>(*proof.value);
        case Tag::kJob:
            return decoded<pb::Job>(*proof.value);
        case Tag::kTask:
            return decoded<pb::Task>(*proof.value);
        default:
            return "0x" + to_hex(*proof.value);
    }
}

void prove(const ProveFlags& flags, const GlobalOptions& globals) {
    std::optional<Address> producer = home_producer(globals);
    if (!flags.producer.empty())
        producer = value_or_fail(globals, ledger::parse_address(flags.producer));
    ProofTrust trust{producer, std::nullopt};
    if (!flags.app_hash.empty()) {
        trust.app_hash = hash_from_hex(flags.app_hash);
        if (!trust.app_hash)
            fail_command(globals,
                         fail(Code::kInvalidArgument,
                              "--app-hash '" + flags.app_hash + "' must be 64 hexadecimal digits"));
    }
    LedgerProof proof;
    if (!flags.check.empty()) {
        proof = value_or_fail(globals, read_proof_file(flags.check));
    } else {
        const auto query = query_of(flags, globals);
        Remote remote(globals);
        proof = value_or_fail(globals, fetch_proof(remote, query));
    }
    ok_or_fail(globals, verify_proof(proof, trust));
    if (!flags.out.empty())
        ok_or_fail(globals, write_text(flags.out, proof_json(proof).dump(2) + "\n", 0644));
    const auto signer = Address::from(proof.header.producer());
    const std::string signer_text = signer ? ledger::address_text(*signer) : "";
    json document = proof_json(proof);
    document["verdict"] = "pass";
    document["decoded"] = readable(proof);
    document["producer"] = signer_text;
    document["producerChecked"] = producer.has_value();
    print_result(
        globals, document,
        (proof.value ? document["decoded"].dump(2) : std::string("absent: the key has no value")) +
            "\nPASS  " + (proof.value ? "included" : "absent") + " at height " +
            std::to_string(proof.header.height()) + " of chain " + proof.header.chain_id() +
            ", app hash " + to_hex(view_of(proof.header.app_hash())) + "\n" +
            (trust.app_hash ? "which is the app hash that was given"
                            : "signed by " + signer_text +
                                  (producer ? ", the chain's producer"
                                            : " (compare it with the chain's producer: --producer "
                                              "ADDRESS)")) +
            (flags.out.empty() ? "" : "\nwrote " + flags.out));
}

}  // namespace

void add_audit_prove_command(CLI::App& group, const GlobalOptions& globals) {
    auto flags = std::make_shared<ProveFlags>();
    auto* command = group.add_subcommand(
        "prove", "Proof that the ledger holds (or lacks) a value, verified here; --check offline");
    command->add_option("--account", flags->account, "Account of this address");
    command->add_option("--stake", flags->stake, "Stake of this operator");
    command->add_option("--provider", flags->provider, "Provider of this address");
    command->add_option("--job", flags->job, "Job of this id");
    command->add_option("--task", flags->task, "Task of this id");
    command->add_option("--event", flags->event, "Event at this position of the log, from 0");
    command->add_option("--key", flags->key, "Any key of the state tree, hexadecimal");
    command->add_option("--at", flags->height, "A past height that the node still keeps");
    command->add_option("--out", flags->out, "Write the proof to this file");
    command->add_option("--check", flags->check, "Verify such a file; no node needed");
    command->add_option("--producer", flags->producer,
                        "Who must have signed (default: as this home's genesis says)");
    command->add_option("--app-hash", flags->app_hash,
                        "Under CometBFT: AppHash of the header after the proof's, as a light "
                        "client has checked it");
    command->footer(
        "Example: assay audit prove --job 0x3f... --out proof.json\n"
        "         assay audit prove --check proof.json --producer 0x5290...");
    command->callback([flags, &globals] { prove(*flags, globals); });
}

}  // namespace assay::node
