#include "ledger/state/database.h"

#include <sys/wait.h>

#include <atomic>

#include <thread>

#include "ledger/state/verify.h"
#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::Random;
using test::TempDirectory;

DatabaseOptions quick() {
    DatabaseOptions options;
    options.sync = false;
    return options;
}

std::unique_ptr<Database> open_or_die(const std::string& path, DatabaseOptions options = quick()) {
    auto database = Database::open(path, options);
    if (!database.ok()) ADD_FAILURE() << database.error().message;
    return std::move(database).value();
}

struct Written {
    std::map<Bytes, Bytes> state;
    std::vector<Bytes> events;
    std::vector<CommitRecord> records;  // by height
};

Hash256 tx_hash(uint64_t height) {
    Hash256 hash;
    hash.bytes[0] = static_cast<uint8_t>(height);
    hash.bytes[31] = 1;
    return hash;
}

// Commits `count` random blocks on top of what is there and keeps the model beside it.
void write_blocks(Database& database, Random& random, int count, Written& model) {
    for (int i = 0; i < count; ++i) {
        const uint64_t height = database.empty() ? 0 : database.height() + 1;
        State::Changes changes;
        for (int k = 0; k < 8; ++k) {
            const Bytes key{'a', static_cast<uint8_t>(random.below(60))};
            if (random.below(4) == 0)
                changes[key] = std::nullopt;
            else
                changes[key] = random.bytes(5);
        }
        std::vector<Bytes> events;
        for (uint64_t k = random.below(4); k > 0; --k) events.push_back(random.bytes(9));
        Hash256 params;
        params.bytes[0] = static_cast<uint8_t>(height);
        const auto prepared = database.prepare(height, changes, events, params);
        ASSERT_TRUE(prepared.ok()) << prepared.error().message;
        BlockRecord block;
        block.encoded_block = bytes_of("block " + std::to_string(height));
        block.tx_hashes = {Hash256{}, tx_hash(height)};
        block.meta["note"] = bytes_of(std::to_string(height));
        ASSERT_TRUE(database.commit(*prepared, block).ok());
        for (const auto& [key, value] : changes) {
            model.state.erase(key);
            if (value) model.state[key] = *value;
        }
        EXPECT_EQ(prepared->first_event_index, model.events.size());
        model.events.insert(model.events.end(), events.begin(), events.end());
        model.records.push_back(prepared->record);
    }
}

void expect_equal(const Database& database, const Written& model) {
    const uint64_t last = model.records.size() - 1;
    EXPECT_EQ(database.height(), last);
    EXPECT_EQ(database.last().app_hash, model.records.back().app_hash);
    std::map<Bytes, Bytes> found;
    database.snapshot()->scan({}, [&](ByteView key, ByteView value) {
        found[bytes_of(key)] = bytes_of(value);
        return true;
    });
    EXPECT_EQ(found, model.state);
    EXPECT_TRUE(database.verify_contents().ok());
    std::vector<Bytes> events;
    for (uint64_t height = 0; height <= last; ++height) {
        EXPECT_EQ(text_of(*database.block(height)), "block " + std::to_string(height));
        EXPECT_EQ(database.record(height)->app_hash, model.records[height].app_hash);
        const auto position = database.find_tx(tx_hash(height));
        ASSERT_TRUE(position.has_value());
        EXPECT_EQ(position->height, height);
        EXPECT_EQ(position->index, 1U);
        const auto at_height = *database.events_at(height);
        events.insert(events.end(), at_height.begin(), at_height.end());
    }
    EXPECT_EQ(events, model.events);
    EXPECT_EQ(database.get_meta("note"), bytes_of(std::to_string(last)));
}

TEST(Database, HoldsEverythingItCommittedAlsoAfterReopening) {
    const TempDirectory directory;
    Random random(1);
    Written model;
    for (int session = 0; session < 4; ++session) {
        const auto database = open_or_die(directory.path());
        if (session > 0) expect_equal(*database, model);
        write_blocks(*database, random, 25, model);
        expect_equal(*database, model);
    }
}

TEST(Database, IsEmptyBeforeTheFirstCommitAndTakesAnyFirstHeight) {
    const TempDirectory directory;
    const auto database = open_or_die(directory.path());
    EXPECT_TRUE(database->empty());
    EXPECT_EQ(database->record(0).error().code, Code::kNotFound);
    EXPECT_EQ(database->prove_state(bytes_of("a")).error().code, Code::kNotFound);
    const auto prepared = database->prepare(41, {}, {}, {});
    ASSERT_TRUE(prepared.ok());
    EXPECT_EQ(prepared->record.parts.state_root, kEmptySubtree);
    ASSERT_TRUE(database->commit(*prepared, {}).ok());
    EXPECT_FALSE(database->empty());
    EXPECT_EQ(database->height(), 41U);
    EXPECT_TRUE(database->events_at(41)->empty());
    EXPECT_EQ(database->prepare(43, {}, {}, {}).error().code, Code::kConflict);
}

TEST(Database, PreparingWritesNothingAndAStalePlanIsRefused) {
    const TempDirectory directory;
    const auto database = open_or_die(directory.path());
    const State::Changes first{{bytes_of("k"), bytes_of("1")}};
    const State::Changes second{{bytes_of("k"), bytes_of("2")}};
    const auto plan_a = database->prepare(0, first, {bytes_of("event")}, {});
    const auto plan_b = database->prepare(0, second, {}, {});
    ASSERT_TRUE(plan_a.ok() && plan_b.ok());
    EXPECT_TRUE(database->empty());
    EXPECT_EQ(database->snapshot()->get(bytes_of("k")), std::nullopt);
    ASSERT_TRUE(database->commit(*plan_b, {}).ok());
    EXPECT_EQ(database->commit(*plan_a, {}).error().code, Code::kConflict);
    EXPECT_EQ(database->snapshot()->get(bytes_of("k")), bytes_of("2"));
    EXPECT_EQ(database->last().app_hash, plan_b->record.app_hash);
}

TEST(Database, SnapshotsDoNotChangeAndOutliveTheDatabase) {
    const TempDirectory directory;
    Random random(2);
    Written model;
    auto database = open_or_die(directory.path());
    write_blocks(*database, random, 5, model);
    const auto before = model.state;
    const auto snapshot = database->snapshot();
    write_blocks(*database, random, 20, model);
    database.reset();
    std::map<Bytes, Bytes> found;
    snapshot->scan(bytes_of("a"), [&](ByteView key, ByteView value) {
        found[bytes_of(key)] = bytes_of(value);
        return true;
    });
    EXPECT_EQ(found, before);
    for (const auto& [key, value] : before) EXPECT_EQ(snapshot->get(key), value);
}

TEST(Database, ScansExactlyThePrefixInOrder) {
    const TempDirectory directory;
    const auto database = open_or_die(directory.path());
    State::Changes changes;
    for (const auto& key : {Bytes{1, 255}, Bytes{1, 255, 0}, Bytes{1, 255, 255}, Bytes{2},
                            Bytes{255}, Bytes{255, 255}, Bytes{1, 254, 255}})
        changes[key] = key;
    ASSERT_TRUE(database->commit(*database->prepare(0, changes, {}, {}), {}).ok());
    const auto keys = [&](const Bytes& prefix) {
        std::vector<Bytes> found;
        database->snapshot()->scan(prefix, [&](ByteView key, ByteView) {
            found.push_back(bytes_of(key));
            return true;
        });
        return found;
    };
    EXPECT_EQ(keys({1, 255}), (std::vector<Bytes>{{1, 255}, {1, 255, 0}, {1, 255, 255}}));
    EXPECT_EQ(keys({255}), (std::vector<Bytes>{{255}, {255, 255}}));
    EXPECT_EQ(keys({}).size(), 7U);
    EXPECT_TRUE(keys({3}).empty());
}

TEST(Database, ProofsVerifyAgainstTheAppHashOfTheirHeight) {
    const TempDirectory directory;
    Random random(3);
    Written model;
    const auto database = open_or_die(directory.path());
    write_blocks(*database, random, 30, model);
    for (uint8_t i = 0; i < 70; ++i) {
        const Bytes key{'a', i};
        const auto reply = database->prove_state(key);
        ASSERT_TRUE(reply.ok());
        EXPECT_EQ(reply->height, 29U);
        EXPECT_EQ(reply->value.has_value(), model.state.contains(key));
        const auto value = reply->value ? std::optional<ByteView>(*reply->value) : std::nullopt;
        EXPECT_TRUE(verify_app_state(database->last().app_hash, key, value, reply->proof).ok());
        // An older height: either its own proof or a clear refusal, never a wrong value.
        const auto older = database->prove_state(key, 20);
        if (!older.ok()) {
            EXPECT_EQ(older.error().code, Code::kNotFound);
            continue;
        }
        const auto old_value = older->value ? std::optional<ByteView>(*older->value) : std::nullopt;
        EXPECT_TRUE(
            verify_app_state(model.records[20].app_hash, key, old_value, older->proof).ok());
    }
    for (uint64_t height = 1; height < 30; ++height) {
        const uint64_t size = model.records[height].parts.log_size;
        for (uint64_t index = 0; index < size; ++index) {
            const auto reply = database->prove_event(index, height);
            ASSERT_TRUE(reply.ok());
            EXPECT_EQ(reply->event, model.events[index]);
            EXPECT_TRUE(
                verify_app_event(model.records[height].app_hash, index, reply->event, reply->proof)
                    .ok());
        }
        EXPECT_EQ(database->prove_event(size, height).error().code, Code::kInvalidArgument);
        const auto growth = database->prove_log_growth(height - 1, height);
        const Hash256& older = model.records[height - 1].app_hash;
        const Hash256& newer = model.records[height].app_hash;
        EXPECT_TRUE(verify_app_log_growth(older, newer, *growth).ok());
        EXPECT_FALSE(verify_app_log_growth(newer, older, *growth).ok());
        for (const size_t at : {size_t{0}, kAppHashPartsBytes, growth->size() - 1}) {
            Bytes changed = *growth;
            changed[at] ^= 1;
            EXPECT_FALSE(verify_app_log_growth(older, newer, changed).ok()) << at;
        }
    }
}

TEST(Database, PrunesOldTreeVersionsAndSaysSo) {
    const TempDirectory directory;
    Random random(4);
    Written model;
    DatabaseOptions options = quick();
    options.proof_heights = 5;
    options.tree_cache_bytes = 4096;  // so that reads reach the pruned store
    const auto database = open_or_die(directory.path(), options);
    write_blocks(*database, random, 60, model);
    expect_equal(*database, model);
    const Bytes absent = bytes_of("absent");
    for (uint64_t height = 1; height < 60; ++height) {
        const auto reply = database->prove_state(absent, height);
        ASSERT_EQ(reply.ok(), height >= 54) << height;
        if (reply.ok())
            EXPECT_TRUE(
                verify_app_state(model.records[height].app_hash, absent, std::nullopt, reply->proof)
                    .ok());
        else
            EXPECT_EQ(reply.error().code, Code::kNotFound);
    }
}

TEST(Database, GivesTheSameHashesWhateverItsCacheHolds) {
    const TempDirectory everything_directory;
    const TempDirectory little_directory;
    const TempDirectory reopened_directory;
    DatabaseOptions little = quick();
    little.tree_cache_bytes = 20'000;  // a few nodes of the 1,500 keys: most reads reach the store
    const auto everything = open_or_die(everything_directory.path(), quick());
    const auto evicting = open_or_die(little_directory.path(), little);
    auto reopened = open_or_die(reopened_directory.path(), quick());
    Random random(8);
    for (uint64_t height = 0; height < 12; ++height) {
        State::Changes changes;
        // The first blocks are large enough to be hashed on two threads, the others are not.
        for (int i = height < 5 ? 700 : 60; i > 0; --i) {
            Bytes key = bytes_of("k");
            append_be64(key, random.below(1'500));
            changes[key] = random.below(4) == 0 ? std::nullopt : std::optional(random.bytes(9));
        }
        const auto expected = everything->prepare(height, changes, {bytes_of("e")}, {});
        ASSERT_TRUE(expected.ok());
        ASSERT_TRUE(everything->commit(*expected, {}).ok());
        for (Database* const other : {evicting.get(), reopened.get()}) {
            const auto prepared = other->prepare(height, changes, {bytes_of("e")}, {});
            ASSERT_TRUE(prepared.ok());
            ASSERT_EQ(prepared->record.app_hash, expected->record.app_hash) << height;
            ASSERT_TRUE(other->commit(*prepared, {}).ok());
        }
        reopened.reset();  // and comes back with an empty cache
        reopened = open_or_die(reopened_directory.path(), quick());
    }
    EXPECT_TRUE(evicting->verify_contents().ok());
    EXPECT_TRUE(reopened->verify_contents().ok());
}

TEST(Database, ReadsFromOtherThreadsSeeWholeBlocksDuringCommits) {
    const TempDirectory directory;
    const auto database = open_or_die(directory.path());
    const auto commit = [&](uint64_t height) {
        State::Changes changes;
        for (uint8_t i = 0; i < 20; ++i) changes[{'k', i}] = bytes_of(std::to_string(height));
        const auto prepared = database->prepare(height, changes, {bytes_of("e")}, {});
        return prepared.ok() && database->commit(*prepared, {}).ok();
    };
    // A proof at height 0 is one at the last height: the readers begin above it.
    ASSERT_TRUE(commit(0) && commit(1));
    std::atomic<bool> done{false};
    std::atomic<int> torn{0};
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 2; ++reader) {
        readers.emplace_back([&] {
            while (!done) {
                std::map<Bytes, int> values;
                database->snapshot()->scan(bytes_of("k"), [&](ByteView, ByteView value) {
                    ++values[bytes_of(value)];
                    return true;
                });
                if (values.size() != 1 || values.begin()->second != 20) ++torn;
                const CommitRecord record = database->last();
                const auto reply = database->prove_event(0, record.height);
                if (!reply.ok() ||
                    !verify_app_event(record.app_hash, 0, reply->event, reply->proof).ok())
                    ++torn;
            }
        });
    }
    for (uint64_t height = 2; height <= 200; ++height) ASSERT_TRUE(commit(height));
    done = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(torn, 0);
}

TEST(Database, RefusesASecondUserOfTheDirectory) {
    const TempDirectory directory;
    const auto database = open_or_die(directory.path());
    const auto second = Database::open(directory.path(), quick());
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, Code::kUnavailable);
    EXPECT_NE(second.error().message.find(directory.path()), std::string::npos);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto other = Database::open(directory.path(), quick());
        ::_exit(!other.ok() && other.error().code == Code::kUnavailable ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(Database, RefusesAFileInPlaceOfItsDirectory) {
    const auto database = Database::open("/dev/null", quick());
    ASSERT_FALSE(database.ok());
    EXPECT_EQ(database.error().code, Code::kIo);
}

TEST(Database, RefusesKeysValuesAndEventsAboveTheirLimits) {
    const TempDirectory directory;
    const auto database = open_or_die(directory.path());
    const State::Changes long_key{{Bytes(kMaxStateKeyBytes + 1), Bytes{1}}};
    const State::Changes long_value{{Bytes{1}, Bytes(kMaxStateValueBytes + 1)}};
    EXPECT_EQ(database->prepare(0, long_key, {}, {}).error().code, Code::kLimit);
    EXPECT_EQ(database->prepare(0, long_value, {}, {}).error().code, Code::kLimit);
    EXPECT_EQ(database->prepare(0, {}, {Bytes(kMaxEventBytes + 1)}, {}).error().code, Code::kLimit);
}

}  // namespace
}  // namespace assay::ledger
