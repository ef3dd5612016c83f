#include "testnet/load.h"

#include <fstream>

#include "contracts.pb.h"
#include "contracts/params.h"
#include "contracts/transactions.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/base64.h"
#include "ledger/crypto/hash.h"
#include "node/core/home.h"
#include "node/keys/keyring.h"

namespace assay::testnet {
namespace {

Result<ledger::PrivateKey> node_key(const Node& node) {
    ASSAY_ASSIGN(const auto passphrase, node::read_passphrase_file(node.home / "passphrase"));
    ASSAY_ASSIGN(const auto keyring, node::Keyring::open(node::HomeLayout{node.home}.keys()));
    return keyring.unlock("node", passphrase);
}

Bytes transfer(const Hash256& drawn) {
    pb::Transfer message;
    message.set_to(std::string(text_of(drawn.view().first(sizeof(ledger::Address::bytes)))));
    message.set_amount(1);
    return ledger::encode_message(message);
}

Bytes reveal(const Hash256& drawn) {
    const std::string hash(text_of(drawn.view()));
    pb::TaskReveal message;
    message.set_task_id(hash);
    message.mutable_output()->set_root(hash);
    message.mutable_output()->set_size(10'000);
    message.mutable_trace()->set_root(hash);
    message.mutable_trace()->set_size(100);
    message.set_salt(hash);
    return ledger::encode_message(message);
}

}  // namespace

Status write_load(const Network& network, LoadKind kind, uint32_t senders, uint64_t count,
                  const std::filesystem::path& file) {
    if (senders == 0 || senders > network.nodes.size() || count > kMaxLoadTransactions)
        return fail(Code::kInvalidArgument,
                    "--senders takes 1 to " + std::to_string(network.nodes.size()) +
                        ", --count up to " + std::to_string(kMaxLoadTransactions));
    std::ofstream out(file);
    for (uint32_t s = 0; s < senders; ++s) {
        ASSAY_ASSIGN(const auto key, node_key(network.nodes[s]));
        pb::TxBody body;
        body.set_chain_id(network.chain_id);
        body.set_expiry_height(1'000'000'000);
        body.set_fee(contracts::default_params().min_fee());
        body.set_type(static_cast<uint32_t>(kind == LoadKind::kTransfer
                                                ? contracts::TxType::kTransfer
                                                : contracts::TxType::kTaskReveal));
        // A node's key has sent nothing where the node is no provider.
        for (uint64_t nonce = 0; nonce < count / senders; ++nonce) {
            const auto drawn = ledger::sha256(
                view_of("assay load " + std::to_string(s) + " " + std::to_string(nonce)));
            const Bytes payload = kind == LoadKind::kTransfer ? transfer(drawn) : reveal(drawn);
            body.set_payload(std::string(text_of(payload)));
            body.set_nonce(nonce);
            ASSAY_ASSIGN(const auto tx, ledger::sign_transaction(body, key));
            out << s << ' ' << ledger::to_base64(tx) << '\n';
        }
    }
    out.close();
    return out ? Status() : Status(fail(Code::kIo, "cannot write " + file.string()));
}

}  // namespace assay::testnet
