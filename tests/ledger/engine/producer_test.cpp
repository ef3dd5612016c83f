// The embedded producer, and LocalApplication beneath it, on ToyRules.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "ledger/state/verify.h"
#include "tests/ledger/engine/toy_chain.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

class ProducerTest : public ::testing::Test {
protected:
    TempDirectory directory_;
    ToyChain chain_{directory_.file("node")};
};

TEST_F(ProducerTest, CommitsATransferAndFindsIt) {
    const Bytes tx = toy_transfer({.nonce = 0}, 2, 500);
    const CheckResult checked = chain_.producer->submit(tx);
    ASSERT_EQ(checked.code, TxCode::kOk) << checked.log;
    EXPECT_EQ(checked.sender, toy_address(1));
    EXPECT_EQ(chain_.producer->mempool_size(), 1U);
    EXPECT_EQ(chain_.producer->next_nonce(toy_address(1)), 1U);

    const CommittedBlock block = chain_.close();
    EXPECT_EQ(chain_.producer->mempool_size(), 0U);
    EXPECT_EQ(block.block.header().height(), 1U);
    EXPECT_EQ(block.block.results(0).code(), 0U);
    EXPECT_EQ(chain_.account(1).balance, kToyBalance - 500 - kToyMinFee);
    EXPECT_EQ(chain_.account(2).balance, kToyBalance + 500);
    ASSERT_EQ(block.events.size(), 1U);
    EXPECT_EQ(block.events[0].type(), "toy.transfer");

    const auto found = chain_.producer->find_tx(tx_hash(tx));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->height, 1U);
    EXPECT_EQ(found->index, 0U);
    EXPECT_EQ(found->result.fee_charged(), kToyMinFee);
    const auto stored = chain_.producer->block(1);
    ASSERT_TRUE(stored.ok());
    EXPECT_EQ(stored->hash, block.hash);
    EXPECT_EQ(stored->events.size(), 1U);
    EXPECT_EQ(chain_.producer->head_hash(), block.hash);
}

TEST_F(ProducerTest, HeadersAreSignedAndChained) {
    const CommittedBlock first = chain_.close();
    const CommittedBlock second = chain_.close();
    EXPECT_TRUE(is_signed_by_producer(second.block.header(), view_of(second.block.signature())));
    EXPECT_EQ(second.block.header().previous_hash(), text_of(first.hash.view()));
    EXPECT_EQ(first.block.header().previous_hash(), std::string(32, '\0'));
}

TEST_F(ProducerTest, HeaderTimeStrictlyIncreasesWhenTheClockStandsStill) {
    const uint64_t first = chain_.producer->produce_block().value().block.header().time_ms();
    const uint64_t second = chain_.producer->produce_block().value().block.header().time_ms();
    EXPECT_EQ(first, kToyGenesisTimeMs + 1);
    EXPECT_EQ(second, kToyGenesisTimeMs + 2);
}

TEST(ProducerThread, AClockSetBackDoesNotStopTheBlocks) {
    const TempDirectory directory;
    const ToyRules rules;
    const auto database = Database::open(directory.file("node")).value();
    const auto app = LocalApplication::open(rules, *database).value();
    std::atomic<uint64_t> clock{kToyGenesisTimeMs + 10'000'000};
    ProducerOptions options;
    options.heartbeat_ms = 1;
    options.clock = [&clock] { return clock.fetch_add(1) + 1; };
    const auto producer =
        EmbeddedProducer::create(*app, *database, toy_genesis(), toy_key(0), options).value();
    ASSERT_TRUE(producer->start().ok());
    const auto reaches = [&](uint64_t height) {
        for (int i = 0; i < 2'000 && producer->height() < height; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return producer->height() >= height;
    };
    ASSERT_TRUE(reaches(2));
    clock = kToyGenesisTimeMs;
    const uint64_t before = producer->height();
    EXPECT_TRUE(reaches(before + 3));
    producer->stop();
    // Header times still rise.
    uint64_t last = 0;
    for (uint64_t height = 1; height <= producer->height(); ++height) {
        const uint64_t time = producer->block(height).value().block.header().time_ms();
        EXPECT_GT(time, last);
        last = time;
    }
}

TEST_F(ProducerTest, FeesOfWaitingTransactionsCountTogether) {
    constexpr uint64_t kMost = kToyBalance / 10 * 6;
    const auto submit = [&](uint64_t nonce, uint64_t fee) {
        return chain_.producer->submit(toy_transfer({.nonce = nonce, .fee = fee}, 2, 1));
    };
    EXPECT_EQ(submit(0, kMost).code, TxCode::kOk);
    const CheckResult refused = submit(1, kMost);
    EXPECT_EQ(refused.code, TxCode::kCannotPayFee);
    EXPECT_NE(refused.log.find("body.fee: is 600000000"), std::string::npos) << refused.log;
    EXPECT_EQ(submit(1, 1).code, TxCode::kFeeTooLow);  // each fee counts for itself too
    EXPECT_EQ(submit(1, kToyBalance - kMost).code, TxCode::kOk);
    EXPECT_EQ(submit(2, kToyMinFee).code, TxCode::kCannotPayFee);
    EXPECT_EQ(chain_.producer->mempool_size(), 2U);
}

TEST_F(ProducerTest, FeesCountAgainAfterABlockAgainstTheNewBalance) {
    const auto submit = [&](uint64_t nonce, uint64_t amount) {
        return chain_.producer->submit(toy_transfer({.nonce = nonce, .fee = 30}, 2, amount)).code;
    };
    EXPECT_EQ(submit(0, kToyBalance - 30 - 50), TxCode::kOk);
    chain_.close();
    EXPECT_EQ(chain_.account(1).balance, 50U);
    EXPECT_EQ(submit(1, 1), TxCode::kOk);
    EXPECT_EQ(submit(2, 1), TxCode::kCannotPayFee);
}

TEST_F(ProducerTest, ClaimedFailureChargesTheFeeAndNothingElse) {
    ASSERT_EQ(chain_.producer->submit(toy_transfer({.nonce = 0}, 2, 2 * kToyBalance)).code,
              TxCode::kOk);
    const CommittedBlock block = chain_.close();
    EXPECT_EQ(block.block.results(0).code(), static_cast<uint32_t>(TxCode::kInsufficientFunds));
    EXPECT_EQ(chain_.account(1).balance, kToyBalance - kToyMinFee);
    EXPECT_EQ(chain_.account(1).nonce, 1U);
    EXPECT_EQ(chain_.account(2).balance, kToyBalance);
}

TEST_F(ProducerTest, RefusesEachKindOfBadTransactionWithItsCode) {
    const auto code = [&](ByteView tx) { return chain_.producer->submit(tx).code; };
    EXPECT_EQ(code(bytes_of("nonsense")), TxCode::kMalformedEncoding);
    EXPECT_EQ(code(Bytes(kMaxTxBytes + 1)), TxCode::kTooLarge);
    EXPECT_EQ(code(toy_transfer({.chain_id = "other"}, 2, 1)), TxCode::kWrongChain);
    EXPECT_EQ(code(toy_transfer({.fee = 1}, 2, 1)), TxCode::kFeeTooLow);
    EXPECT_EQ(code(toy_transfer({.expiry = 0}, 2, 1)), TxCode::kExpired);
    EXPECT_EQ(code(sign_toy({}, 99, {})), TxCode::kUnknownType);
    EXPECT_EQ(code(sign_toy({}, kToyTransfer, {})), TxCode::kMalformedPayload);
    EXPECT_EQ(code(toy_transfer({.nonce = 5}, 2, 1)), TxCode::kNonceGap);
    EXPECT_EQ(code(toy_transfer({.from = 9}, 2, 1)), TxCode::kCannotPayFee);
    Bytes flipped = toy_transfer({}, 2, 1);
    flipped[flipped.size() - 1] = 7;  // recovery id
    EXPECT_EQ(code(flipped), TxCode::kMalformedSignature);
    EXPECT_EQ(chain_.producer->mempool_size(), 0U);

    const Bytes tx = toy_transfer({.nonce = 0}, 2, 1);
    EXPECT_EQ(code(tx), TxCode::kOk);
    EXPECT_EQ(code(tx), TxCode::kAlreadyPending);
    EXPECT_EQ(code(toy_transfer({.nonce = 0}, 3, 1)), TxCode::kAlreadyPending);
    chain_.close();
    EXPECT_EQ(code(tx), TxCode::kNonceUsed);
}

TEST_F(ProducerTest, OrdersByFeeAndKeepsNonceOrder) {
    ASSERT_EQ(chain_.producer->submit(toy_transfer({.from = 1, .nonce = 0, .fee = 20}, 4, 1)).code,
              TxCode::kOk);
    ASSERT_EQ(chain_.producer->submit(toy_transfer({.from = 1, .nonce = 1, .fee = 90}, 4, 2)).code,
              TxCode::kOk);
    ASSERT_EQ(chain_.producer->submit(toy_transfer({.from = 2, .nonce = 0, .fee = 50}, 4, 3)).code,
              TxCode::kOk);
    const CommittedBlock block = chain_.close();
    ASSERT_EQ(block.block.results_size(), 3);
    EXPECT_EQ(block.block.results(0).fee_charged(), 50U);
    EXPECT_EQ(block.block.results(1).fee_charged(), 20U);
    EXPECT_EQ(block.block.results(2).fee_charged(), 90U);
}

TEST_F(ProducerTest, DropsWhatAnEarlierTransactionMadeUnpayable) {
    // The first empties the account, so that the second cannot pay its fee.
    const uint64_t all = kToyBalance - kToyMinFee;
    ASSERT_EQ(chain_.producer->submit(toy_transfer({.nonce = 0}, 2, all)).code, TxCode::kOk);
    ASSERT_EQ(chain_.producer->submit(toy_transfer({.nonce = 1}, 2, 1)).code, TxCode::kOk);
    const CommittedBlock block = chain_.close();
    EXPECT_EQ(block.block.transactions_size(), 1);
    EXPECT_EQ(chain_.producer->mempool_size(), 0U);
    EXPECT_EQ(chain_.producer->next_nonce(toy_address(1)), 1U);
}

TEST_F(ProducerTest, ABrokenLawStopsTheEngineWithEvidenceAndStoresNothing) {
    chain_.close();
    const Bytes mint = toy_mint({.nonce = 0}, 777);
    ASSERT_EQ(chain_.producer->submit(mint).code, TxCode::kOk);
    EXPECT_EQ(chain_.producer->failure(), "");
    const auto produced = chain_.producer->produce_block();
    ASSERT_FALSE(produced.ok());
    EXPECT_EQ(produced.error().code, Code::kInternal);
    const std::string why = chain_.producer->failure();
    EXPECT_NE(why.find("height 2"), std::string::npos) << why;
    EXPECT_NE(why.find(to_hex(tx_hash(mint))), std::string::npos) << why;
    EXPECT_NE(why.find("the sum of balances and fees changed from 1000000000 to 1000000777"),
              std::string::npos)
        << why;
    EXPECT_EQ(chain_.producer->height(), 1U);
    EXPECT_EQ(chain_.node.database->height(), 1U);
    EXPECT_EQ(chain_.producer->submit(toy_transfer({.from = 2}, 3, 1)).code, TxCode::kNotAccepting);
}

TEST_F(ProducerTest, TimedEdgesSeeHeaderTimeAndBeacon) {
    const CommittedBlock first = chain_.close();
    chain_.now_ms += kToyTickSeconds * 1000;
    const CommittedBlock second = chain_.close();
    ASSERT_EQ(second.events.size(), 1U);
    EXPECT_EQ(second.events[0].type(), "toy.tick");
    EXPECT_EQ(second.events[0].attributes(0).value(), to_hex(beacon_after(first.hash)));
}

TEST_F(ProducerTest, QueryProvesStateAndEvents) {
    ASSERT_EQ(chain_.producer->submit(toy_transfer({.nonce = 0}, 2, 500)).code, TxCode::kOk);
    const CommittedBlock block = chain_.close();
    const Hash256 root = *hash_from(view_of(block.block.header().app_hash()));

    const Bytes key = toy_account_key(toy_address(2));
    const auto state = chain_.node.app->query({"state", key, 0, true});
    ASSERT_TRUE(state.ok()) << state.error().message;
    EXPECT_EQ(state->app_hash, root);
    EXPECT_EQ(state->height, 1U);
    EXPECT_TRUE(verify_app_state(root, key, state->value, state->proof));
    EXPECT_FALSE(verify_app_state(root, key, std::nullopt, state->proof));

    Bytes index;
    append_be64(index, 0);
    const auto event = chain_.node.app->query({"log", index, 0, true});
    ASSERT_TRUE(event.ok()) << event.error().message;
    EXPECT_TRUE(verify_app_event(root, 0, *event->value, event->proof));
    EXPECT_EQ(chain_.node.app->query({"nonsense", {}, 0, true}).error().code,
              Code::kInvalidArgument);
}

TEST_F(ProducerTest, ProcessProposalRefusesWhatMayNotBeInABlock) {
    ProposedBlock block;
    block.height = 1;
    block.time_ms = kToyGenesisTimeMs + 1;
    block.transactions = {toy_transfer({.nonce = 0}, 2, 1)};
    EXPECT_TRUE(chain_.node.app->process_proposal(block).value());
    block.transactions.push_back(toy_transfer({.nonce = 0}, 3, 1));
    EXPECT_FALSE(chain_.node.app->process_proposal(block).value());
    block.transactions.clear();
    block.height = 7;
    EXPECT_EQ(chain_.node.app->process_proposal(block).error().code, Code::kConflict);
}

TEST_F(ProducerTest, PrepareProposalKeepsTheByteLimit) {
    const Bytes a = toy_transfer({.from = 1, .nonce = 0, .fee = 30}, 2, 1);
    const Bytes b = toy_transfer({.from = 2, .nonce = 0, .fee = 20}, 3, 1);
    const auto chosen = chain_.node.app->prepare_proposal({b, a}, a.size() + 10);
    ASSERT_EQ(chosen.size(), 1U);
    EXPECT_EQ(chosen[0], a);
}

TEST(Producer, RefusesAnotherKey) {
    const TempDirectory directory;
    ToyNode node(directory.file("node"));
    ProducerOptions options;
    options.clock = [] { return kToyGenesisTimeMs; };
    const auto producer = EmbeddedProducer::create(*node.app, *node.database, toy_genesis(),
                                                   toy_key(1), std::move(options));
    ASSERT_FALSE(producer.ok());
    EXPECT_EQ(producer.error().code, Code::kUnauthorized);
}

TEST(Producer, ReopensAtTheLastCommittedBlockAndRefusesAnotherGenesis) {
    const TempDirectory directory;
    Hash256 head;
    {
        ToyChain chain(directory.file("node"));
        ASSERT_EQ(chain.producer->submit(toy_transfer({.nonce = 0}, 2, 500)).code, TxCode::kOk);
        chain.close();
        head = chain.close().hash;
    }
    ToyNode node(directory.file("node"));
    pb::Genesis other = toy_genesis();
    other.set_time_ms(1);
    EXPECT_EQ(node.app->init_chain(other).error().code, Code::kConflict);
    node.app.reset();
    node.database.reset();

    ToyChain again(directory.file("node"));
    EXPECT_EQ(again.producer->height(), 2U);
    EXPECT_EQ(again.producer->head_hash(), head);
    EXPECT_EQ(again.account(2).balance, kToyBalance + 500);
    EXPECT_EQ(again.close().block.header().previous_hash(), text_of(head.view()));
}

TEST(Producer, MempoolRefusesWhatItsLimitsForbid) {
    const TempDirectory directory;
    MempoolLimits limits;
    limits.transactions = 3;
    limits.per_sender = 2;
    ToyChain chain(directory.file("node"), limits);
    EXPECT_EQ(chain.producer->submit(toy_transfer({.nonce = 0}, 2, 1)).code, TxCode::kOk);
    EXPECT_EQ(chain.producer->submit(toy_transfer({.nonce = 1}, 2, 1)).code, TxCode::kOk);
    EXPECT_EQ(chain.producer->submit(toy_transfer({.nonce = 2}, 2, 1)).code, TxCode::kMempoolFull);
    EXPECT_EQ(chain.producer->submit(toy_transfer({.from = 2}, 3, 1)).code, TxCode::kOk);
    EXPECT_EQ(chain.producer->submit(toy_transfer({.from = 3}, 2, 1)).code, TxCode::kMempoolFull);
    chain.close();
    EXPECT_EQ(chain.producer->submit(toy_transfer({.nonce = 2}, 2, 1)).code, TxCode::kOk);
}

TEST(Producer, ThreadMakesBlocksOnDemandAndHeartbeats) {
    const TempDirectory directory;
    ToyChain chain(directory.file("node"));
    std::atomic<uint64_t> heard{0};
    const uint64_t token = chain.producer->subscribe(
        [&](const CommittedBlock& block) { heard = block.block.header().height(); });
    const auto wait_for_height = [&](uint64_t height) {
        for (int i = 0; i < 2000 && heard < height; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return heard.load();
    };
    ASSERT_TRUE(chain.producer->start().ok());
    EXPECT_EQ(wait_for_height(1), 1U);  // the first comes at once
    ASSERT_EQ(chain.producer->submit(toy_transfer({.nonce = 0}, 2, 500)).code, TxCode::kOk);
    chain.now_ms += 199;  // under the minimum interval: nothing may happen
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    EXPECT_EQ(chain.producer->height(), 1U);
    chain.now_ms += 1;
    EXPECT_EQ(wait_for_height(2), 2U);
    EXPECT_EQ(chain.account(2).balance, kToyBalance + 500);
    chain.now_ms += 5000;  // nothing waits: the heartbeat
    EXPECT_EQ(wait_for_height(3), 3U);
    chain.producer->stop();
    chain.producer->stop();
    chain.producer->unsubscribe(token);
    chain.close();
    EXPECT_EQ(heard.load(), 3U);
}

}  // namespace
}  // namespace assay::ledger
