#include "ledger/codec/block.h"

#include <algorithm>
#include <set>

#include "ledger/codec/canonical.h"
#include "ledger/codec/merkle_root.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/hash.h"
#include "ledger/crypto/keys.h"

namespace assay::ledger {
namespace {

constexpr std::string_view kHeaderDomain = "assay/header";
constexpr std::string_view kGenesisDomain = "assay/genesis";
constexpr std::string_view kBeaconDomain = "assay/beacon";
constexpr uint64_t kMaxSupply = uint64_t{1} << 63;

Status check_size(std::string_view field, size_t actual, size_t expected) {
    if (actual == expected) return {};
    return fail(Code::kCorrupt, std::string(field) + ": " + std::to_string(actual) +
                                    " bytes, must be " + std::to_string(expected));
}

Status check_header_shape(const pb::BlockHeader& header) {
    if (!is_valid_chain_id(header.chain_id()))
        return fail(Code::kCorrupt, "header.chain_id: not a chain id (1-48 of a-z, 0-9, '-')");
    if (header.height() == 0) return fail(Code::kCorrupt, "header.height: must be at least 1");
    constexpr size_t hash_size = 32;
    ASSAY_RETURN_IF_ERROR(
        check_size("header.previous_hash", header.previous_hash().size(), hash_size));
    ASSAY_RETURN_IF_ERROR(
        check_size("header.transactions_root", header.transactions_root().size(), hash_size));
    ASSAY_RETURN_IF_ERROR(
        check_size("header.results_root", header.results_root().size(), hash_size));
    ASSAY_RETURN_IF_ERROR(check_size("header.app_hash", header.app_hash().size(), hash_size));
    if (header.producer().empty()) return {};  // ordered by CometBFT
    return check_size("header.producer", header.producer().size(), sizeof(Address::bytes));
}

// Either one producer, or validators.
Status check_validators(const pb::Genesis& genesis) {
    if (genesis.validators_size() == 0) {
        return check_size("genesis.producer", genesis.producer().size(), sizeof(Address::bytes));
    }
    if (!genesis.producer().empty())
        return fail(Code::kInvalidArgument,
                    "genesis.producer: is set beside genesis.validators; CometBFT has no producer");
    if (static_cast<size_t>(genesis.validators_size()) > kMaxValidators)
        return fail(Code::kLimit, "genesis.validators: more than " +
                                      std::to_string(kMaxValidators) + " validators");
    std::set<std::string_view> seen;
    for (int i = 0; i < genesis.validators_size(); ++i) {
        const pb::GenesisValidator& validator = genesis.validators(i);
        const std::string field = "genesis.validators[" + std::to_string(i) + "]";
        constexpr size_t kKeyBytes = 32;
        ASSAY_RETURN_IF_ERROR(
            check_size(field + ".consensus_key", validator.consensus_key().size(), kKeyBytes));
        if (!seen.insert(validator.consensus_key()).second)
            return fail(Code::kInvalidArgument, field + ".consensus_key: listed twice");
        ASSAY_RETURN_IF_ERROR(
            check_size(field + ".operator", validator.operator_().size(), sizeof(Address::bytes)));
        if (validator.power() == 0 || validator.power() > kMaxValidatorPower)
            return fail(Code::kInvalidArgument,
                        field + ".power: must be from 1 to " + std::to_string(kMaxValidatorPower));
    }
    return {};
}

Status check_block_shape(const pb::Block& block) {
    if (!block.has_header()) return fail(Code::kCorrupt, "header: missing");
    ASSAY_RETURN_IF_ERROR(check_header_shape(block.header()));
    // Neither under CometBFT.
    if (block.header().producer().empty() && !block.signature().empty())
        return fail(Code::kCorrupt, "header.producer: missing beside a signature");
    if (!block.header().producer().empty()) {
        ASSAY_RETURN_IF_ERROR(check_size("signature", block.signature().size(), kSignatureBytes));
    }
    const auto count = static_cast<size_t>(block.transactions_size());
    if (count > kMaxBlockTransactions) {
        return fail(Code::kLimit, "transactions: " + std::to_string(count) +
                                      " exceed the limit of " +
                                      std::to_string(kMaxBlockTransactions));
    }
    const auto misbehaviors = static_cast<size_t>(block.misbehavior_size());
    if (misbehaviors > (block.header().producer().empty() ? kMaxMisbehaviors : 0))
        return fail(Code::kLimit, "misbehavior: " + std::to_string(misbehaviors) +
                                      " entries; none under a producer, else at most " +
                                      std::to_string(kMaxMisbehaviors));
    for (const pb::Misbehavior& each : block.misbehavior()) {
        constexpr size_t kAddressBytes = 20;
        ASSAY_RETURN_IF_ERROR(check_size("misbehavior.consensus_address",
                                         each.consensus_address().size(), kAddressBytes));
    }
    if (static_cast<size_t>(block.results_size()) != count)
        return fail(Code::kCorrupt, "results: must be one for each transaction");
    return {};
}

}  // namespace

Hash256 header_hash(const pb::BlockHeader& header) {
    return tagged_hash(kHeaderDomain, encode_message(header));
}

Hash256 genesis_hash(const pb::Genesis& genesis) {
    return tagged_hash(kGenesisDomain, encode_message(genesis));
}

Hash256 beacon_after(const Hash256& previous_header_hash) {
    return tagged_hash(kBeaconDomain, previous_header_hash.view());
}

Hash256 transactions_root(const std::vector<Bytes>& transactions) {
    return merkle_root({transactions.begin(), transactions.end()});
}

Hash256 transactions_root(const pb::Block& block) {
    std::vector<ByteView> leaves;
    leaves.reserve(static_cast<size_t>(block.transactions_size()));
    for (const std::string& tx : block.transactions()) leaves.push_back(view_of(tx));
    return merkle_root(leaves);
}

Hash256 results_root(const std::vector<pb::TxResult>& results) {
    std::vector<Bytes> encoded;
    encoded.reserve(results.size());
    for (const pb::TxResult& result : results) encoded.push_back(encode_message(result));
    return merkle_root({encoded.begin(), encoded.end()});
}

Hash256 results_root(const pb::Block& block) {
    return results_root(std::vector<pb::TxResult>(block.results().begin(), block.results().end()));
}

Result<Bytes> sign_header(const pb::BlockHeader& header, const PrivateKey& key) {
    ASSAY_RETURN_IF_ERROR(check_header_shape(header));
    const auto signature = sign_recoverable(header_hash(header), key);
    return Bytes(signature.begin(), signature.end());
}

bool is_signed_by_producer(const pb::BlockHeader& header, ByteView signature) {
    const auto signer = recover(header_hash(header), signature);
    const auto producer = Address::from(header.producer());
    return signer && producer && *signer == *producer;
}

Result<pb::Block> decode_block(ByteView encoded) {
    ASSAY_ASSIGN(pb::Block block, decode_canonical<pb::Block>(encoded, kMaxBlockBytes, "block"));
    ASSAY_RETURN_IF_ERROR(check_block_shape(block));
    return block;
}

Result<Bytes> encode_block(const pb::Block& block) {
    ASSAY_RETURN_IF_ERROR(check_block_shape(block));
    Bytes encoded = encode_message(block);
    if (encoded.size() > kMaxBlockBytes) {
        return fail(Code::kLimit, "block: " + std::to_string(encoded.size()) +
                                      " bytes exceed the limit of " +
                                      std::to_string(kMaxBlockBytes));
    }
    return encoded;
}

Status check_genesis(const pb::Genesis& genesis) {
    if (!is_valid_chain_id(genesis.chain_id())) {
        return fail(Code::kInvalidArgument,
                    "genesis.chain_id: use 1-48 characters of a-z, 0-9 and '-'");
    }
    if (genesis.app_version() < kOldestAppVersion || genesis.app_version() > kAppVersion)
        return fail(Code::kUnsupported,
                    "genesis.app_version: the chain has rules of version " +
                        std::to_string(genesis.app_version()) + ", this program knows " +
                        std::to_string(kOldestAppVersion) + " to " + std::to_string(kAppVersion) +
                        ". Remedy: the assay release for them");
    ASSAY_RETURN_IF_ERROR(check_validators(genesis));
    if (static_cast<size_t>(genesis.accounts_size()) > kMaxGenesisAccounts)
        return fail(Code::kLimit, "genesis.accounts: more than " +
                                      std::to_string(kMaxGenesisAccounts) + " accounts");
    std::vector<std::string_view> addresses;
    addresses.reserve(static_cast<size_t>(genesis.accounts_size()));
    uint64_t supply = 0;
    for (int i = 0; i < genesis.accounts_size(); ++i) {
        const pb::GenesisAccount& account = genesis.accounts(i);
        const std::string field = "genesis.accounts[" + std::to_string(i) + "]";
        ASSAY_RETURN_IF_ERROR(
            check_size(field + ".address", account.address().size(), sizeof(Address::bytes)));
        addresses.push_back(account.address());
        if (account.balance() >= kMaxSupply - supply)
            return fail(Code::kInvalidArgument, field + ".balance: total supply reaches 2^63");
        supply += account.balance();
    }
    // Sorted: a set of a million takes seconds.
    std::sort(addresses.begin(), addresses.end());
    const auto twice = std::adjacent_find(addresses.begin(), addresses.end());
    if (twice != addresses.end())
        return fail(Code::kInvalidArgument, "genesis.accounts: the address 0x" +
                                                to_hex(view_of(*twice)) + " is listed twice");
    return {};
}

Result<pb::Genesis> decode_genesis(ByteView encoded) {
    ASSAY_ASSIGN(pb::Genesis genesis,
                 decode_canonical<pb::Genesis>(encoded, kMaxGenesisBytes, "genesis"));
    ASSAY_RETURN_IF_ERROR(check_genesis(genesis));
    return genesis;
}

Result<Bytes> encode_genesis(const pb::Genesis& genesis) {
    ASSAY_RETURN_IF_ERROR(check_genesis(genesis));
    return encode_message(genesis);
}

}  // namespace assay::ledger
