// Canonical encoding, transactions, blocks and genesis: known answers and refusals.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/merkle_root.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/hash.h"
#include "ledger/crypto/keys.h"
#include "tests/ledger/codec/known_answers.h"

namespace assay::ledger {
namespace {

PrivateKey test_key() {
    return PrivateKey::from_bytes(Bytes(32, 0x11)).value();
}
std::string repeated(char byte, size_t count) {
    return std::string(count, byte);
}

pb::TxBody test_body() {
    pb::TxBody body;
    body.set_chain_id("test-1");
    body.set_nonce(7);
    body.set_expiry_height(1000);
    body.set_fee(25);
    body.set_type(3);
    body.set_payload("payload");
    return body;
}

pb::Block test_block() {
    pb::Block block;
    pb::BlockHeader& header = *block.mutable_header();
    header.set_chain_id("test-1");
    header.set_app_version(1);
    header.set_height(5);
    header.set_time_ms(1'700'000'000'123);
    header.set_previous_hash(repeated('\x01', 32));
    header.set_app_hash(repeated('\x02', 32));
    header.set_producer(std::string(text_of(test_key().address().view())));
    for (const char* tx : {"one", "two", "three"}) {
        block.add_transactions(tx);
        block.add_results()->set_fee_charged(25);
    }
    block.mutable_results(2)->set_code(400);
    header.set_transactions_root(std::string(text_of(transactions_root(block).view())));
    header.set_results_root(std::string(text_of(results_root(block).view())));
    block.set_signature(std::string(text_of(sign_header(header, test_key()).value())));
    return block;
}

pb::Genesis test_genesis() {
    pb::Genesis genesis;
    genesis.set_chain_id("test-1");
    genesis.set_time_ms(1'700'000'000'000);
    genesis.set_app_version(2);
    genesis.set_producer(repeated('\x03', 20));
    pb::GenesisAccount* account = genesis.add_accounts();
    account->set_address(repeated('\x04', 20));
    account->set_balance(1'000'000);
    return genesis;
}

TEST(Codec, KnownAnswers) {
    const Bytes tx = sign_transaction(test_body(), test_key()).value();
    EXPECT_EQ(to_hex(tx), known::kTransaction);
    EXPECT_EQ(to_hex(tx_hash(tx)), known::kTransactionHash);
    const pb::Block block = test_block();
    EXPECT_EQ(to_hex(encode_message(block.header())), known::kHeader);
    EXPECT_EQ(to_hex(header_hash(block.header())), known::kHeaderHash);
    EXPECT_EQ(to_hex(transactions_root(block)), known::kTransactionsRoot);
    EXPECT_EQ(to_hex(results_root(block)), known::kResultsRoot);
    EXPECT_EQ(to_hex(view_of(block.signature())), known::kSignature);
    EXPECT_EQ(to_hex(beacon_after(header_hash(block.header()))), known::kBeacon);
    EXPECT_EQ(to_hex(encode_message(test_genesis())), known::kGenesis);
    EXPECT_EQ(to_hex(genesis_hash(test_genesis())), known::kGenesisHash);
    EXPECT_EQ(to_hex(merkle_root({})), to_hex(sha256({})));
}

TEST(Codec, MerkleRootPairsAsRfc6962) {
    // Five leaves: ((0 1) (2 3)) 4
    const auto hash = [](uint8_t domain, ByteView a, ByteView b) {
        Bytes text{domain};
        append(text, a);
        append(text, b);
        return sha256(text);
    };
    std::vector<Bytes> data;
    std::vector<Hash256> leaf;
    for (uint8_t i = 0; i < 5; ++i) {
        data.push_back(Bytes(i, i));
        leaf.push_back(hash(0, data.back(), {}));
    }
    const Hash256 left = hash(1, hash(1, leaf[0].view(), leaf[1].view()).view(),
                              hash(1, leaf[2].view(), leaf[3].view()).view());
    EXPECT_EQ(merkle_root({data.begin(), data.end()}), hash(1, left.view(), leaf[4].view()));
}

TEST(Codec, TransactionRoundTrips) {
    const Bytes raw = sign_transaction(test_body(), test_key()).value();
    const DecodedTx decoded = check_transaction(raw, "test-1");
    ASSERT_EQ(decoded.code, TxCode::kOk) << decoded.log;
    EXPECT_EQ(decoded.tx.sender, test_key().address());
    EXPECT_EQ(decoded.tx.body.SerializeAsString(), test_body().SerializeAsString());
    EXPECT_EQ(decoded.tx.hash, tx_hash(raw));
}

TEST(Codec, EveryChangedBitOfATransactionChangesItsSenderOrIsRefused) {
    const Bytes raw = sign_transaction(test_body(), test_key()).value();
    for (size_t bit = 0; bit < raw.size() * 8; ++bit) {
        Bytes changed = raw;
        changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        const DecodedTx decoded = check_transaction(changed, "test-1");
        EXPECT_FALSE(decoded.code == TxCode::kOk && decoded.tx.sender == test_key().address())
            << bit;
    }
}

TEST(Codec, RefusesEncodingsThatAreNotCanonical) {
    const Bytes raw = sign_transaction(test_body(), test_key()).value();
    const auto code = [](const Bytes& bytes) { return check_transaction(bytes, "test-1").code; };
    Bytes unknown_field = raw;
    append(unknown_field, Bytes{0x78, 0x01});  // field 15, varint 1
    EXPECT_EQ(code(unknown_field), TxCode::kMalformedEncoding);
    Bytes repeated_signature = raw;  // the last one wins in protobuf
    repeated_signature.insert(repeated_signature.end(), raw.end() - 67, raw.end());
    EXPECT_EQ(code(repeated_signature), TxCode::kMalformedEncoding);
    Bytes explicit_default{0x0a, 0x02, 0x10, 0x00};  // body { nonce: 0 written out }
    EXPECT_EQ(code(explicit_default), TxCode::kMalformedEncoding);
    EXPECT_EQ(code({}), TxCode::kMalformedEncoding);
    EXPECT_EQ(code(Bytes{0x12, 0x00}), TxCode::kMalformedEncoding);
    pb::Transaction unsigned_tx;
    *unsigned_tx.mutable_body() = test_body();
    EXPECT_EQ(code(encode_message(unsigned_tx)), TxCode::kMalformedSignature);
}

TEST(Codec, LimitsHold) {
    pb::TxBody body = test_body();
    body.set_payload(repeated('x', kMaxTxBytes));
    EXPECT_EQ(sign_transaction(body, test_key()).error().code, Code::kLimit);
    body = test_body();
    body.set_chain_id("Not Valid");
    EXPECT_EQ(sign_transaction(body, test_key()).error().code, Code::kInvalidArgument);
    EXPECT_EQ(decode_block(Bytes(kMaxBlockBytes + 1)).error().code, Code::kLimit);
    EXPECT_FALSE(is_valid_chain_id(""));
    EXPECT_TRUE(is_valid_chain_id(repeated('a', kMaxChainIdBytes)));
    EXPECT_FALSE(is_valid_chain_id(repeated('a', kMaxChainIdBytes + 1)));
}

TEST(Codec, BlockRoundTripsAndIsSigned) {
    const pb::Block block = test_block();
    const Bytes encoded = encode_block(block).value();
    EXPECT_EQ(encode_message(decode_block(encoded).value()), encoded);
    EXPECT_TRUE(is_signed_by_producer(block.header(), view_of(block.signature())));
    pb::BlockHeader other = block.header();
    other.set_time_ms(other.time_ms() + 1);
    EXPECT_FALSE(is_signed_by_producer(other, view_of(block.signature())));
}

TEST(Codec, BlockShapeErrorsNameTheField) {
    const auto field = [](const std::function<void(pb::Block&)>& change) {
        pb::Block block = test_block();
        change(block);
        const auto decoded = decode_block(encode_message(block));
        return decoded ? "" : decoded.error().message.substr(0, decoded.error().message.find(':'));
    };
    using B = pb::Block;
    EXPECT_EQ(field([](B& b) { b.clear_header(); }), "header");
    EXPECT_EQ(field([](B& b) { b.mutable_header()->set_chain_id("A"); }), "header.chain_id");
    EXPECT_EQ(field([](B& b) { b.mutable_header()->clear_height(); }), "header.height");
    EXPECT_EQ(field([](B& b) { b.mutable_header()->set_app_hash("x"); }), "header.app_hash");
    EXPECT_EQ(field([](B& b) { b.mutable_header()->clear_producer(); }), "header.producer");
    EXPECT_EQ(field([](B& b) { b.set_signature("short"); }), "signature");
    EXPECT_EQ(field([](B& b) { b.mutable_results()->RemoveLast(); }), "results");
}

TEST(Codec, GenesisIsChecked) {
    EXPECT_TRUE(decode_genesis(encode_genesis(test_genesis()).value()).ok());
    const auto field = [](const std::function<void(pb::Genesis&)>& change) {
        pb::Genesis genesis = test_genesis();
        change(genesis);
        const Status status = check_genesis(genesis);
        return status ? "" : status.error().message.substr(0, status.error().message.find(':'));
    };
    using G = pb::Genesis;
    EXPECT_EQ(field([](G& g) { g.set_chain_id(""); }), "genesis.chain_id");
    EXPECT_EQ(field([](G& g) { g.set_app_version(kOldestAppVersion - 1); }), "genesis.app_version");
    EXPECT_EQ(field([](G& g) { g.set_app_version(kAppVersion + 1); }), "genesis.app_version");
    EXPECT_EQ(field([](G& g) { g.set_producer("x"); }), "genesis.producer");
    EXPECT_EQ(field([](G& g) { *g.add_accounts() = g.accounts(0); }), "genesis.accounts");
    EXPECT_EQ(field([](G& g) { g.add_accounts()->set_address("x"); }),
              "genesis.accounts[1].address");
    EXPECT_EQ(field([](G& g) { g.mutable_accounts(0)->set_balance(uint64_t{1} << 63); }),
              "genesis.accounts[0].balance");
}

TEST(Codec, EveryCodeHasANameARemedyAndALineInTheDocument) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/docs/error-codes.md");
    std::stringstream text;
    text << file.rdbuf();
    const std::string document = text.str();
    for (const TxCode code : kAllTxCodes) {
        const std::string name(tx_code_name(code));
        EXPECT_NE(name, "unknown");
        const std::string line = "| " + std::to_string(static_cast<int>(code)) + " | `" + name +
                                 "` | " + std::string(tx_code_remedy(code)) + " |";
        EXPECT_NE(document.find(line), std::string::npos) << line;
    }
    for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
        const std::string line = "| " + std::to_string(code) + " | `" +
                                 std::string(code_name(static_cast<Code>(code))) + "` |";
        EXPECT_NE(document.find(line), std::string::npos) << line;
    }
    EXPECT_EQ(code_name(static_cast<Code>(static_cast<int>(Code::kInternal) + 1)), "unknown");
    EXPECT_EQ(tx_code_name(static_cast<TxCode>(999)), "unknown");
    EXPECT_EQ(family(TxCode::kMempoolFull), TxFamily::kRetry);
    EXPECT_TRUE(is_included(TxCode::kInfeasible));
    EXPECT_FALSE(is_included(TxCode::kNonceGap));
}

}  // namespace
}  // namespace assay::ledger
