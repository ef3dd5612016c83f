#include "testnet/load.h"

#include <fstream>

#include "contracts.pb.h"
#include "contracts/params.h"
#include "contracts/transactions.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/address_text.h"
#include "ledger/crypto/base64.h"
#include "node/core/home.h"
#include "node/keys/keyring.h"

namespace assay::testnet {
namespace {

Result<ledger::PrivateKey> node_key(const Node& node) {
    ASSAY_ASSIGN(const auto passphrase, node::read_passphrase_file(node.home / "passphrase"));
    ASSAY_ASSIGN(const auto keyring, node::Keyring::open(node::HomeLayout{node.home}.keys()));
    return keyring.unlock("node", passphrase);
}

}  // namespace

Status write_transfers(const Network& network, uint32_t senders, uint64_t count,
                       const std::filesystem::path& file) {
    if (senders == 0 || senders > network.nodes.size() || count > kMaxLoadTransactions)
        return fail(Code::kInvalidArgument,
                    "--senders takes 1 to " + std::to_string(network.nodes.size()) +
                        ", --count up to " + std::to_string(kMaxLoadTransactions));
    std::ofstream out(file);
    for (uint32_t s = 0; s < senders; ++s) {
        ASSAY_ASSIGN(const auto key, node_key(network.nodes[s]));
        pb::Transfer transfer;
        // Not to oneself: the rules refuse that.
        const auto& receiver = network.nodes[(s + 1) % network.nodes.size()];
        ASSAY_ASSIGN(const auto to, ledger::parse_address(receiver.address));
        transfer.set_to(to.bytes.data(), to.bytes.size());
        transfer.set_amount(1);
        pb::TxBody body;
        body.set_chain_id(network.chain_id);
        body.set_expiry_height(1'000'000'000);
        body.set_fee(contracts::default_params().min_fee());
        body.set_type(static_cast<uint32_t>(contracts::TxType::kTransfer));
        body.set_payload(std::string(text_of(ledger::encode_message(transfer))));
        // A node's key has sent nothing where the node is no provider.
        for (uint64_t nonce = 0; nonce < count / senders; ++nonce) {
            body.set_nonce(nonce);
            ASSAY_ASSIGN(const auto tx, ledger::sign_transaction(body, key));
            out << s << ' ' << ledger::to_base64(tx) << '\n';
        }
    }
    out.close();
    return out ? Status() : Status(fail(Code::kIo, "cannot write " + file.string()));
}

}  // namespace assay::testnet
