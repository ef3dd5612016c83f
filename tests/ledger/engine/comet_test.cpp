// CometEngine under a scripted engine that follows CometBFT's legal call grammar, beside the same
// application driven directly.
#include "ledger/engine/comet/comet_engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <map>

#include "ledger/block_check.h"
#include "ledger/engine/comet/log_line.h"
#include "tests/ledger/engine/comet_node.h"
#include "tests/ledger/engine/toy_traffic.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary
using Driver = CometDriver;

// What CometBFT might do next, drawn from a seed; every height's outcome is compared with the
// application driven directly.
class Story {
public:
    Story(uint32_t seed, const std::string& directory)
        : traffic_(seed),
          node_(directory + "/node"),
          plain_(directory + "/plain", {.sync = false}) {
        const auto root = plain_.app->init_chain(comet_genesis());
        const auto answer = node_.init_chain(init_request());
        EXPECT_EQ(answer.init_chain().app_hash(), hash_text(*root));
        if (draw(2) == 0) {  // a crash before the first block: the same once more
            restart();
            EXPECT_EQ(node_.info().last_block_height(), 0);
            EXPECT_EQ(node_.init_chain(init_request()).init_chain().app_hash(), hash_text(*root));
        }
        tip_ = genesis_tip(comet_genesis());
    }

    void height() {
        const uint64_t time_ms = tip_.time_ms + 1 + draw(3000);
        for (uint64_t i = draw(3); i > 0; --i) (void)node_.check_tx(transaction());
        ProposedBlock decided = proposal({}, time_ms);
        for (uint64_t round = draw(4); round > 0; --round) decided = round_of(time_ms);
        // A block that this node never saw proposed: another round's, or one that it replays.
        if (draw(4) == 0) decided = proposal(candidates(), time_ms + draw(5));
        if (draw(100) == 0) {  // a crash between FinalizeBlock and Commit loses nothing
            (void)node_.finalize(decided);
            restart();
            EXPECT_EQ(node_.info().last_block_height(), static_cast<int64_t>(tip_.height));
        }
        finish(decided);
        if (draw(100) == 0) {  // after Commit it is all there
            restart();
        }
        const abci::ResponseInfo info = node_.info();
        EXPECT_EQ(info.last_block_height(), static_cast<int64_t>(tip_.height));
        EXPECT_EQ(info.last_block_app_hash(), app_hash_);
        if (draw(3) == 0) (void)node_.check_tx(transaction(), true);
    }
    uint64_t restarts() const { return restarts_; }
    uint64_t included() const { return included_; }
    uint64_t refused() const { return refused_; }
    uint64_t set_changes() const { return set_changes_; }

private:
    uint64_t draw(uint64_t below) { return traffic_.draw(below); }
    void restart() {
        node_.stop();
        node_.start();
        ++restarts_;
    }
    ProposedBlock proposal(std::vector<Bytes> transactions, uint64_t time_ms) {
        ProposedBlock block = proposal_after(tip_);
        block.time_ms = time_ms;
        block.transactions = std::move(transactions);
        if (draw(8) == 0) block.misbehavior.push_back({Bytes(20, uint8_t{3}), tip_.height});
        return block;
    }
    Bytes transaction() { return traffic_.transaction(*plain_.app->committed_state()); }
    std::vector<Bytes> candidates() {
        std::vector<Bytes> txs;
        for (uint64_t i = draw(5); i > 0; --i) txs.push_back(transaction());
        return txs;
    }
    bool is_valid(const ProposedBlock& block) {
        return plain_.app->process_proposal(block).value();
    }

    // One round: what this node would propose is a valid block; what others propose is accepted
    // when it is one.
    ProposedBlock round_of(uint64_t time_ms) {
        ProposedBlock own = proposal({}, time_ms);
        ProposedBlock asked = own;
        asked.transactions = candidates();
        own.transactions = node_.prepare(asked);
        EXPECT_TRUE(is_valid(own));
        EXPECT_TRUE(node_.accepts(own));
        const ProposedBlock other = proposal(candidates(), time_ms);
        const bool accepted = node_.accepts(other);
        EXPECT_EQ(accepted, is_valid(other));
        refused_ += accepted ? 0 : 1;
        return accepted && draw(2) == 0 ? other : own;
    }

    void finish(const ProposedBlock& block) {
        const auto expected = plain_.app->finalize_block(block);
        ASSERT_TRUE(expected.ok());
        const abci::Response found = node_.finalize(block);
        ASSERT_TRUE(found.has_finalize_block()) << found.exception().error();
        ASSERT_EQ(found.finalize_block().tx_results_size(),
                  static_cast<int>(expected->results.size()));
        ASSERT_EQ(found.finalize_block().validator_updates_size(),
                  static_cast<int>(expected->validator_updates.size()));
        if (!expected->validator_updates.empty()) {
            ++set_changes_;
            const abci::ValidatorUpdate& update = found.finalize_block().validator_updates(0);
            EXPECT_EQ(update.pub_key().ed25519(),
                      text_of(expected->validator_updates[0].consensus_key));
            EXPECT_EQ(update.power(), static_cast<int64_t>(expected->validator_updates[0].power));
        }
        for (int i = 0; i < found.finalize_block().tx_results_size(); ++i) {
            const uint32_t code = expected->results[static_cast<size_t>(i)].code();
            EXPECT_EQ(found.finalize_block().tx_results(i).code(), code);
            included_ += is_included(static_cast<TxCode>(code)) ? 1 : 0;
        }
        app_hash_ = hash_text(expected->app_hash);
        ASSERT_EQ(found.finalize_block().app_hash(), app_hash_);
        ASSERT_TRUE(node_.commit().has_commit());
        ASSERT_TRUE(plain_.app->commit().ok());
        tip_ = {block.height, block.time_ms, node_.engine().head_hash()};
    }

    ToyTraffic traffic_;
    CometNode node_;
    ToyNode plain_;
    ChainTip tip_;
    std::string app_hash_;
    uint64_t restarts_ = 0, included_ = 0, refused_ = 0, set_changes_ = 0;
};

// Each height is one sequence of the grammar: rounds, abandoned proposals, crashes, replays.
TEST(Comet, TenThousandSequencesOfTheEngineGrammar) {
    uint64_t restarts = 0, included = 0, refused = 0, set_changes = 0;
    for (uint32_t seed = 1; seed <= 4; ++seed) {
        const TempDirectory directory;
        Story story(seed, directory.file("story"));
        for (uint64_t i = 0; i < kStoryHeights && !HasFatalFailure(); ++i) story.height();
        restarts += story.restarts();
        included += story.included();
        refused += story.refused();
        set_changes += story.set_changes();
    }
    EXPECT_GT(restarts, kStoryHeights / 25);
    EXPECT_GT(included, kStoryHeights);
    EXPECT_GT(refused, kStoryHeights);
    EXPECT_GT(set_changes, kStoryHeights / 25);
}

TEST(Comet, AnotherGenesisStopsTheEngine) {
    for (const int change : {0, 1, 2, 3}) {
        const TempDirectory directory;
        CometNode node(directory.file("node"));
        abci::RequestInitChain init = init_request();
        if (change == 0) init.set_chain_id("toy-2");
        if (change == 1) init.set_initial_height(5);
        if (change == 2) init.mutable_validators(0)->set_power(11);
        if (change == 3) *init.add_validators() = init.validators(0);
        EXPECT_TRUE(node.init_chain(init).has_exception());
        EXPECT_NE(node.engine().failure(), "");
    }
}

TEST(Comet, ProposalsOutOfPlaceAreRefused) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    ASSERT_TRUE(node.init_chain(init_request()).has_init_chain());
    ProposedBlock block;
    block.height = 1;
    block.time_ms = kToyGenesisTimeMs + 1;
    EXPECT_TRUE(node.accepts(block));
    block.time_ms = kToyGenesisTimeMs;
    EXPECT_FALSE(node.accepts(block)) << "time stands still";
    block.time_ms = kToyGenesisTimeMs + 1;
    block.height = 2;
    EXPECT_FALSE(node.accepts(block)) << "a height is left out";
    block.height = 1;
    block.transactions.assign(4, Bytes(kMaxBlockTxBytes / 4 + 1));
    EXPECT_FALSE(node.accepts(block)) << "too large";
}

// What a proposal gave is used again for the block with the same content, and for no other.
TEST(Comet, ABlockIsExecutedOnceAndAnAbandonedProposalLeavesNothing) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    ToyNode plain(directory.file("plain"), {.sync = false});
    ASSERT_TRUE(node.init_chain(init_request()).has_init_chain());
    ASSERT_TRUE(plain.app->init_chain(comet_genesis()).ok());
    ProposedBlock decided = proposal_after(genesis_tip(comet_genesis()));
    decided.time_ms = kToyGenesisTimeMs + 1;
    decided.transactions = {toy_transfer({}, 2, 5)};
    ASSERT_TRUE(node.accepts(decided));
    EXPECT_EQ(node.rules().executed_blocks(), 1U);
    ASSERT_TRUE(node.finalize(decided).has_finalize_block());
    EXPECT_EQ(node.rules().executed_blocks(), 1U) << "executed when it was proposed";
    ASSERT_TRUE(node.commit().has_commit());
    ASSERT_TRUE(plain.app->finalize_block(decided).ok() && plain.app->commit().ok());
    const ChainTip tip{1, decided.time_ms, node.engine().head_hash()};

    decided = proposal_after(tip);
    decided.time_ms = tip.time_ms + 1;
    decided.transactions = {toy_transfer({.nonce = 1}, 2, 5)};
    ProposedBlock other = decided;
    other.transactions = {toy_transfer({.nonce = 1}, 3, 6)};
    ProposedBlock later = decided;
    ++later.time_ms;
    ProposedBlock accused = decided;
    accused.misbehavior.push_back({Bytes(20, uint8_t{3}), 1});
    for (const ProposedBlock& abandoned : {other, later, accused}) {
        ASSERT_TRUE(node.accepts(decided));
        ASSERT_TRUE(node.accepts(abandoned));
        const uint64_t before = node.rules().executed_blocks();
        const abci::Response found = node.finalize(decided);
        EXPECT_EQ(node.rules().executed_blocks(), before + 1);
        const auto expected = plain.app->finalize_block(decided);
        ASSERT_TRUE(expected.ok());
        EXPECT_EQ(found.finalize_block().app_hash(), hash_text(expected->app_hash));
    }
}

// The engine's mempool asks on a connection of its own.
TEST(Comet, TransactionsAreCheckedWhileBlocksAreExecutedAndCommitted) {
    constexpr uint64_t kHeights = 300, kMaxChecks = 50'000;
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    ToyNode plain(directory.file("plain"), {.sync = false});
    ASSERT_TRUE(node.init_chain(init_request()).has_init_chain());
    ASSERT_TRUE(plain.app->init_chain(comet_genesis()).ok());
    std::atomic<bool> ended{false};
    auto checking = std::async(std::launch::async, [&] {
        std::map<uint32_t, uint64_t> codes;
        for (uint64_t i = 0; i < kMaxChecks && !ended; ++i) {
            const ToyTx tx{.from = static_cast<uint8_t>(1 + i % kToyAccounts), .nonce = i / 50};
            ++codes[node.check_tx(toy_transfer(tx, 2, 5), i % 3 == 0)];
        }
        return codes;
    });
    ToyTraffic traffic(7);
    ChainTip tip = genesis_tip(comet_genesis());
    for (uint64_t height = 1; height <= kHeights; ++height) {
        ProposedBlock block = proposal_after(tip);
        block.time_ms = tip.time_ms + 1000;
        for (int i = 0; i < 5; ++i)
            block.transactions.push_back(traffic.transaction(*plain.app->committed_state()));
        const auto expected = plain.app->finalize_block(block);
        const abci::Response found = node.finalize(block);
        ASSERT_TRUE(expected.ok() && found.has_finalize_block());
        ASSERT_EQ(found.finalize_block().app_hash(), hash_text(expected->app_hash)) << height;
        ASSERT_TRUE(plain.app->commit().ok() && node.commit().has_commit());
        tip = {height, block.time_ms, node.engine().head_hash()};
    }
    ended = true;
    const auto codes = checking.get();
    EXPECT_TRUE(codes.contains(static_cast<uint32_t>(TxCode::kOk)));
    for (const auto& [code, count] : codes) {
        const auto named = static_cast<TxCode>(code);
        EXPECT_TRUE(named == TxCode::kOk || named == TxCode::kNonceGap ||
                    named == TxCode::kNonceUsed || named == TxCode::kAlreadyPending)
            << code << ", " << count << " times";
    }
    EXPECT_EQ(node.engine().failure(), "");
}

TEST(Comet, APreparedBlockStaysWithinTheBytesGiven) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    ASSERT_TRUE(node.init_chain(init_request()).has_init_chain());
    ProposedBlock block;
    block.height = 1;
    block.time_ms = kToyGenesisTimeMs + 1;
    for (uint8_t i = 1; i <= kToyAccounts; ++i)
        block.transactions.push_back(toy_transfer({.from = i}, 1, 5));
    EXPECT_EQ(node.prepare(block).size(), kToyAccounts);
    const auto size = static_cast<int64_t>(block.transactions[0].size());
    EXPECT_EQ(node.prepare(block, 2 * size + 20).size(), 2U);
    EXPECT_TRUE(node.prepare(block, 10).empty());
}

TEST(Comet, CommitOutOfOrderAndUnknownMethodsAreExceptions) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    ASSERT_TRUE(node.init_chain(init_request()).has_init_chain());
    abci::Request unknown;  // no method that this version knows
    EXPECT_TRUE(node.driver().call(Driver::kQuery, unknown).has_exception());
    EXPECT_EQ(node.engine().failure(), "");
    EXPECT_TRUE(node.commit().has_exception());
    EXPECT_NE(node.engine().failure(), "");
}

TEST(Comet, AnyCallMayComeOnAnyConnectionAndQueriesAreProven) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    abci::Request request;
    *request.mutable_init_chain() = init_request();
    ASSERT_TRUE(node.driver().call(Driver::kSnapshot, request).has_init_chain());
    ProposedBlock block;
    block.height = 1;
    block.time_ms = kToyGenesisTimeMs + 1;
    abci::Request finalize;
    CometNode::fill(*finalize.mutable_finalize_block(), block);
    ASSERT_TRUE(node.driver().call(Driver::kMempool, finalize).has_finalize_block());
    ASSERT_TRUE(node.commit().has_commit());
    abci::Request query;
    query.mutable_query()->set_path("state");
    query.mutable_query()->set_data(std::string(text_of(toy_account_key(toy_address(1)))));
    query.mutable_query()->set_prove(true);
    const auto answer = node.driver().call(Driver::kConsensus, query).query();
    EXPECT_EQ(answer.code(), 0U);
    EXPECT_EQ(answer.height(), 1);
    EXPECT_EQ(answer.value().size(), 16U);
    ASSERT_EQ(answer.proof_ops().ops_size(), 1);
    EXPECT_EQ(answer.proof_ops().ops(0).type(), "assay:state");
    query.mutable_query()->set_path("nonsense");
    EXPECT_NE(node.driver().call(Driver::kQuery, query).query().code(), 0U);
}

TEST(Comet, RecheckSkipsNothingThatTheStateDecides) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    ASSERT_TRUE(node.init_chain(init_request()).has_init_chain());
    const Bytes first = toy_transfer({.nonce = 0}, 2, 5), second = toy_transfer({.nonce = 1}, 2, 5);
    EXPECT_EQ(node.check_tx(first), 0U);
    EXPECT_EQ(node.check_tx(second), 0U);
    EXPECT_NE(node.check_tx(first), 0U) << "it waits already";
    ProposedBlock block;
    block.height = 1;
    block.time_ms = kToyGenesisTimeMs + 1;
    block.transactions = {first};
    ASSERT_TRUE(node.finalize(block).has_finalize_block());
    ASSERT_TRUE(node.commit().has_commit());
    EXPECT_NE(node.check_tx(first, true), 0U) << "its nonce is used";
    EXPECT_EQ(node.check_tx(second, true), 0U);
    EXPECT_EQ(node.engine().next_nonce(toy_address(1)), 2U);
}

// CometBFT can lose a transaction that it asked about: its mempool may fill up in the meantime.
TEST(Comet, ALostTransactionHoldsNothingBackAfterTheNextBlock) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    ASSERT_TRUE(node.init_chain(init_request()).has_init_chain());
    const Bytes lost = toy_transfer({.nonce = 0}, 2, 5), kept = toy_transfer({.nonce = 1}, 2, 5);
    EXPECT_EQ(node.check_tx(lost), 0U);
    EXPECT_EQ(node.check_tx(kept), 0U);
    ProposedBlock block;
    block.height = 1;
    block.time_ms = kToyGenesisTimeMs + 1;
    ASSERT_TRUE(node.finalize(block).has_finalize_block());
    ASSERT_TRUE(node.commit().has_commit());
    EXPECT_EQ(node.engine().next_nonce(toy_address(1)), 2U) << "until it is known to be lost";
    EXPECT_NE(node.check_tx(kept, true), 0U) << "its predecessor is not there";
    EXPECT_EQ(node.check_tx(lost), 0U);
    EXPECT_EQ(node.engine().next_nonce(toy_address(1)), 1U);
    EXPECT_EQ(node.check_tx(kept), 0U);
    EXPECT_EQ(node.engine().next_nonce(toy_address(1)), 2U);
}

TEST(Comet, StopsAlsoWhereTheSocketsFileIsGone) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    EXPECT_EQ(node.info().last_block_height(), 0);
    const auto file = comet::app_socket(directory.file("node"));
    ASSERT_TRUE(std::filesystem::remove(file));
    node.stop();
    node.start();
    EXPECT_TRUE(std::filesystem::exists(file));
    EXPECT_EQ(node.info().last_block_height(), 0);
}

TEST(CometFrame, GoldenBytes) {
    const auto framed = [](const auto& message) {
        Bytes out;
        comet::append_frame(message, out);
        return to_hex(out);
    };
    abci::Request request;
    request.mutable_flush();
    EXPECT_EQ(framed(request), "021200");
    abci::Response response;
    response.mutable_flush();
    EXPECT_EQ(framed(response), "021a00");
    request.mutable_echo()->set_message("hello");
    EXPECT_EQ(framed(request), "090a070a0568656c6c6f");
    request.mutable_finalize_block()->set_height(7);
    request.mutable_finalize_block()->add_txs("ab");
    EXPECT_EQ(framed(request), "09a201060a0261622807");
    response.mutable_info()->set_last_block_height(7);
    response.mutable_info()->set_app_version(1);
    EXPECT_EQ(framed(response), "06220418012007");
}

// CometBFT says so once, and waits for ever.
TEST(CometProcess, AFailedStateSyncIsAFailureOfTheNode) {
    std::promise<std::string> failure;
    comet::EngineProcess::Options options;
    options.command = {
        "/bin/sh", "-c",
        R"(echo '{"_msg":"State sync failed","err":"no witness","module":"statesync"}'; )"
        "exec sleep 600"};
    options.on_failure = [&](const std::string& why) { failure.set_value(why); };
    comet::EngineProcess process(std::move(options));
    ASSERT_TRUE(process.start().ok());
    const std::string why = failure.get_future().get();
    EXPECT_NE(why.find("State sync failed: no witness"), std::string::npos) << why;
    EXPECT_NE(why.find("Remedy"), std::string::npos) << why;
    process.stop();
}

TEST(CometLog, OnlyAWholeMessageOfTheEngineSaysThatItGaveUp) {
    using comet::read_log_line;
    const auto broke = read_log_line(
        R"({"_msg":"CONSENSUS FAILURE!!!","err":"wrong Block.Header.AppHash","level":"error",)"
        R"("module":"consensus","stack":"goroutine 1"})");
    EXPECT_TRUE(broke.gave_up.starts_with("wrong Block.Header.AppHash. Where"));
    EXPECT_EQ(broke.text, "CONSENSUS FAILURE!!! err=wrong Block.Header.AppHash module=consensus");
    // A peer chooses what stands in values, and may put lines into them.
    for (const char* line :
         {R"({"_msg":"wrong header","err":"got CONSENSUS FAILURE!!!","level":"error"})",
          R"({"_msg":"evidence CONSENSUS FAILURE!!!","level":"error"})",
          R"({"_msg":"bad","err":"\n{\"_msg\":\"State sync failed\"}","level":"error"})",
          "E[2026-01-01] CONSENSUS FAILURE!!!"})
        EXPECT_EQ(read_log_line(line).gave_up, "") << line;
    EXPECT_EQ(read_log_line("panic: no JSON").text, "panic: no JSON");
}

TEST(CometHome, TheConfigurationOfANodeThatBeginsWithASnapshot) {
    const TempDirectory directory;
    comet::EngineConfig config;
    config.home = directory.file("engine");
    const auto text = [&] {
        EXPECT_TRUE(comet::write_config(config, comet_genesis()).ok());
        std::ifstream in(config.home / "config" / "config.toml");
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    EXPECT_EQ(text().find("[statesync]"), std::string::npos);
    EXPECT_NE(text().find("log_level = \"error\""), std::string::npos);
    config.state_sync = {{"10.0.0.1:26657"}, 7, std::string(64, 'a')};
    EXPECT_NE(text().find("rpc_servers = \"10.0.0.1:26657,10.0.0.1:26657\""), std::string::npos);
    EXPECT_NE(text().find("trust_period = \"32h\""), std::string::npos)
        << "shorter than evidence of a double vote counts";
    EXPECT_NE(text().find("log_level = \"statesync:info"), std::string::npos);
}

TEST(CometFrame, PiecesAreJoinedAndLimitsHold) {
    abci::Request request;
    request.mutable_echo()->set_message(std::string(100'000, 'x'));
    Bytes two;
    comet::append_frame(request, two);
    comet::append_frame(request, two);
    comet::FrameReader reader;
    size_t frames = 0;
    for (size_t at = 0; at < two.size(); at += 7'777) {
        reader.feed(ByteView(two).subspan(at, std::min<size_t>(7'777, two.size() - at)));
        while (true) {
            const auto frame = reader.next();
            ASSERT_TRUE(frame.ok());
            if (!frame->has_value()) break;
            ++frames;
            abci::Request again;
            ASSERT_TRUE(again.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size())));
            EXPECT_EQ(again.echo().message(), request.echo().message());
        }
    }
    EXPECT_EQ(frames, 2U);
    EXPECT_TRUE(reader.waiting() == 0);
    comet::FrameReader large;
    large.feed(Bytes{0x81, 0x80, 0x80, 0x40});  // 128 MiB + 1
    EXPECT_EQ(large.next().error().code, Code::kLimit);
    comet::FrameReader endless;
    endless.feed(Bytes(6, 0xFF));
    EXPECT_EQ(endless.next().error().code, Code::kCorrupt);
}

TEST(CometFrame, AMalformedFrameClosesItsConnectionAlone) {
    const TempDirectory directory;
    CometNode node(directory.file("node"));
    node.driver().write_raw(Driver::kSnapshot, Bytes(6, 0xFF));
    EXPECT_TRUE(node.driver().read(Driver::kSnapshot).has_exception());
    EXPECT_TRUE(node.driver().is_closed(Driver::kSnapshot));
    EXPECT_EQ(node.info().last_block_height(), 0);
}

}  // namespace
}  // namespace assay::ledger
