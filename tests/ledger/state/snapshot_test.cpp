#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "ledger/state/database.h"
#include "ledger/state/merkle_hash.h"
#include "ledger/state/verify.h"
#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::Random;
using test::TempDirectory;

const Hash256 kParams = plain_hash(view_of("params"));

State::Changes random_changes(Random& random, size_t count, size_t key_space, size_t value_bytes) {
    State::Changes changes;
    for (size_t i = 0; i < count; ++i) {
        Bytes key = bytes_of("k");
        append_be64(key, random.below(key_space));
        if (random.below(8) == 0)
            changes[key] = std::nullopt;
        else
            changes[key] = random.bytes(1 + random.below(value_bytes));
    }
    return changes;
}

std::vector<Bytes> random_events(Random& random, size_t count) {
    std::vector<Bytes> events;
    for (size_t i = 0; i < count; ++i) events.push_back(random.bytes(1 + random.below(64)));
    return events;
}

Hash256 commit_next(Database& database, const State::Changes& changes,
                    const std::vector<Bytes>& events) {
    const uint64_t height = database.empty() ? 0 : database.height() + 1;
    const auto prepared = database.prepare(height, changes, events, kParams).value();
    EXPECT_TRUE(database.commit(prepared, {}).ok());
    return prepared.record.app_hash;
}

// The snapshot in `file`, taken in chunk by chunk in a random order.
Status take_in(Database& database, const SnapshotFile& file, Random& random) {
    ASSAY_ASSIGN(SnapshotManifest manifest, decode_manifest(file.manifest()));
    ASSAY_ASSIGN(const auto restore, database.begin_restore(std::move(manifest), file.height()));
    std::vector<size_t> order(file.chunk_count());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (const size_t index : order) {
        EXPECT_FALSE(restore->complete());
        ASSAY_ASSIGN(const Bytes chunk, file.chunk(index));
        ASSAY_RETURN_IF_ERROR(restore->add(index, chunk));
    }
    return restore->finish({{"name", bytes_of("value")}});
}

// Both go on alike: the same app hashes, and proofs of what came after.
void expect_same_future(Database& original, Database& copy, Random& random) {
    for (int block = 0; block < 12; ++block) {
        const auto changes = random_changes(random, 20, 5000, 40);
        const auto events = random_events(random, random.below(5));
        ASSERT_EQ(commit_next(original, changes, events), commit_next(copy, changes, events));
        for (const auto& [key, value] : changes) {
            const auto proof = copy.prove_state(key).value();
            ASSERT_EQ(proof.value, value);
            ASSERT_TRUE(verify_app_state(original.last().app_hash, key,
                                         value ? std::optional<ByteView>(*value) : std::nullopt,
                                         proof.proof)
                            .ok());
        }
        const uint64_t size = copy.last().parts.log_size;
        for (uint64_t index = size - events.size(); index < size; ++index) {
            const auto proof = copy.prove_event(index).value();
            ASSERT_TRUE(
                verify_app_event(original.last().app_hash, index, proof.event, proof.proof).ok());
        }
    }
    EXPECT_TRUE(copy.verify_contents().ok());
}

class SnapshotOf : public ::testing::TestWithParam<size_t> {};

TEST_P(SnapshotOf, ARandomStateGoesOnAsTheOriginal) {
    Random random(GetParam());
    const TempDirectory directory;
    const auto original = Database::open(directory.path("a"), {.sync = false}).value();
    (void)commit_next(*original, random_changes(random, GetParam(), 4 * GetParam(), 60), {});
    for (int block = 0; block < 5; ++block)
        (void)commit_next(*original, random_changes(random, 1 + GetParam() / 5, GetParam(), 60),
                          random_events(random, random.below(9)));
    const std::string path = directory.path("snapshot");
    ASSERT_TRUE(write_snapshot(original->source(), path).ok());
    const auto file = SnapshotFile::open(path).value();
    EXPECT_EQ(file.height(), 5U);
    {
        const auto copy = Database::open(directory.path("b")).value();
        (void)commit_next(*copy, random_changes(random, 30, 100, 10), {});  // another past
        const auto before = copy->snapshot();
        ASSERT_TRUE(take_in(*copy, file, random).ok());
        EXPECT_EQ(copy->last().app_hash, original->last().app_hash);
        EXPECT_EQ(copy->restored_height(), 5U);
        EXPECT_EQ(copy->get_meta("name"), bytes_of("value"));
        EXPECT_TRUE(copy->verify_contents().ok());
        EXPECT_FALSE(copy->block(4).ok());
        EXPECT_FALSE(copy->events_at(5).ok());
        (void)before;
    }
    const auto copy = Database::open(directory.path("b")).value();
    expect_same_future(*original, *copy, random);
}
INSTANTIATE_TEST_SUITE_P(Sizes, SnapshotOf, ::testing::Values(1, 2, 17, 300, 20'000));

class Snapshot : public ::testing::Test {
protected:
    Snapshot() : random_(7), original_(Database::open(directory_.path("a")).value()) {
        (void)commit_next(*original_, random_changes(random_, 500, 2000, 60),
                          random_events(random_, 13));
        EXPECT_TRUE(write_snapshot(original_->source(), path_).ok());
    }
    const TempDirectory directory_;
    const std::string path_ = directory_.path("snapshot");
    Random random_;
    std::unique_ptr<Database> original_;
};

TEST_F(Snapshot, EveryChangedBitOfManifestAndChunksIsFound) {
    const auto file = SnapshotFile::open(path_).value();
    for (int i = 0; i < 1000; ++i) {
        Bytes manifest = file.manifest();
        manifest[random_.below(manifest.size())] ^= static_cast<uint8_t>(1U << random_.below(8));
        const auto decoded = decode_manifest(manifest);
        // What the hashes do not bind, the app hash does.
        EXPECT_TRUE(!decoded.ok() || app_hash_of(decoded->parts) != original_->last().app_hash);
    }
    const auto manifest = decode_manifest(file.manifest()).value();
    for (int i = 0; i < 1000; ++i) {
        const size_t index = random_.below(file.chunk_count());
        Bytes chunk = file.chunk(index).value();
        ASSERT_TRUE(decode_chunk(manifest, index, chunk, 0).ok());
        chunk[random_.below(chunk.size())] ^= static_cast<uint8_t>(1U << random_.below(8));
        EXPECT_FALSE(decode_chunk(manifest, index, chunk, 0).ok());
    }
    const Bytes chunk = file.chunk(3).value();
    EXPECT_FALSE(decode_chunk(manifest, 4, chunk, 0).ok());
    EXPECT_FALSE(decode_chunk(manifest, 3, ByteView(chunk).first(chunk.size() - 1), 0).ok());
    EXPECT_FALSE(decode_chunk(manifest, file.chunk_count(), chunk, 0).ok());
}

TEST_F(Snapshot, CutOffMidwayTheDatabaseIsEmptyAndTakesAnother) {
    const auto file = SnapshotFile::open(path_).value();
    {
        const auto copy = Database::open(directory_.path("b")).value();
        (void)commit_next(*copy, random_changes(random_, 30, 100, 10), {});
        const auto restore =
            copy->begin_restore(decode_manifest(file.manifest()).value(), file.height()).value();
        for (size_t i = 0; i < 7; ++i) ASSERT_TRUE(restore->add(i, file.chunk(i).value()).ok());
        EXPECT_EQ(restore->finish({}).error().code, Code::kConflict);
        const auto prepared = copy->prepare(1, {}, {}, kParams).value();
        EXPECT_EQ(copy->commit(prepared, {}).error().code, Code::kConflict);
    }
    {
        const auto copy = Database::open(directory_.path("b")).value();
        EXPECT_TRUE(copy->empty());
        size_t pairs = 0;
        copy->snapshot()->scan({}, [&](ByteView, ByteView) { return ++pairs != 0; });
        EXPECT_EQ(pairs, 0U);
        (void)commit_next(*copy, random_changes(random_, 30, 100, 10), {});
    }
    const auto copy = Database::open(directory_.path("b")).value();
    EXPECT_FALSE(copy->empty());  // a past restore leaves no mark
    ASSERT_TRUE(take_in(*copy, file, random_).ok());
    expect_same_future(*original_, *copy, random_);
}

TEST_F(Snapshot, ADamagedFileIsRefused) {
    std::ifstream in(path_, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(in)), {});
    const std::string bad_path = directory_.path("bad");
    const auto opens = [&](const std::string& bytes) {
        std::ofstream(bad_path, std::ios::binary) << bytes;
        return SnapshotFile::open(bad_path).ok();
    };
    ASSERT_TRUE(opens(good));
    EXPECT_FALSE(opens(""));
    EXPECT_FALSE(opens(good.substr(0, good.size() - 1)));
    EXPECT_FALSE(opens(good.substr(0, 20)));
    EXPECT_FALSE(opens(good + "x"));
    EXPECT_FALSE(opens("X" + good.substr(1)));
    EXPECT_FALSE(opens(std::string(24, '\xff') + good.substr(24)));
}

TEST_F(Snapshot, CancelledOrOfAWrongStateItLeavesNoFile) {
    const std::string path = directory_.path("none");
    State::Changes many;
    for (uint64_t i = 0; i < 10'000; ++i) {
        Bytes key = bytes_of("m");
        append_be64(key, i);
        many[key] = bytes_of("value");
    }
    (void)commit_next(*original_, many, {});
    EXPECT_EQ(write_snapshot(original_->source(), path, [] { return true; }).error().code,
              Code::kConflict);
    StateSource wrong = original_->source();
    wrong.record.parts.state_root = kParams;
    EXPECT_EQ(write_snapshot(wrong, path).error().code, Code::kCorrupt);
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

// Keys whose hash begins with these two bytes, each with a megabyte.
State::Changes megabytes_below(Random& random, uint8_t first, std::optional<uint8_t> second,
                               size_t count) {
    State::Changes large;
    for (uint64_t i = 0; large.size() < count; ++i) {
        Bytes key = bytes_of("l");
        append_be64(key, i);
        const Hash256 hash = plain_hash(key);
        if (hash.bytes[0] == first && hash.bytes[1] == second.value_or(hash.bytes[1]))
            large[key] = random.bytes(1'000'000);
    }
    return large;
}

size_t deepest(const SnapshotFile& file) {
    size_t depth = 0;
    const auto manifest = decode_manifest(file.manifest()).value();
    for (const Subtree& chunk : manifest.chunks) depth = std::max<size_t>(depth, chunk.path.length);
    return depth;
}

void expect_copy(const SnapshotFile& file, const Database& original, const std::string& directory,
                 Random& random) {
    for (size_t i = 0; i < file.chunk_count(); ++i)
        EXPECT_LE(file.chunk(i).value().size(), kSnapshotChunkBytes);
    const auto copy = Database::open(directory).value();
    ASSERT_TRUE(take_in(*copy, file, random).ok());
    EXPECT_EQ(copy->last().app_hash, original.last().app_hash);
    EXPECT_TRUE(copy->verify_contents().ok());
}

TEST_F(Snapshot, OnlyTheLargePartOfAStateIsSplitFurther) {
    (void)commit_next(*original_, megabytes_below(random_, 5, std::nullopt, 11), {});
    ASSERT_TRUE(write_snapshot(original_->source(), path_).ok());
    const auto file = SnapshotFile::open(path_).value();
    EXPECT_EQ(file.chunk_count(), 16U + 2 * 15);
    EXPECT_EQ(deepest(file), 3U);
    expect_copy(file, *original_, directory_.path("b"), random_);
}

TEST_F(Snapshot, KeysGroundToFallTogetherMakeOneBranchDeeper) {
    (void)commit_next(*original_, megabytes_below(random_, 5, 0xa7, 24), {});
    ASSERT_TRUE(write_snapshot(original_->source(), path_).ok());
    const auto file = SnapshotFile::open(path_).value();
    EXPECT_EQ(file.chunk_count(), 16U + 4 * 15);
    EXPECT_EQ(deepest(file), 5U);
    expect_copy(file, *original_, directory_.path("b"), random_);
}

TEST_F(Snapshot, OneValueLargerThanAChunkIsAChunkOfItsOwn) {
    State::Changes changes;
    changes[bytes_of("large")] = random_.bytes(kSnapshotChunkBytes + 1);
    (void)commit_next(*original_, changes, {});
    ASSERT_TRUE(write_snapshot(original_->source(), path_).ok());
    changes[bytes_of("large")] = random_.bytes(kMaxStateValueBytes);
    (void)commit_next(*original_, changes, {});
    EXPECT_EQ(write_snapshot(original_->source(), path_).error().code, Code::kLimit);
}

// What the hashes alone would let pass.
TEST_F(Snapshot, AManifestIsWrittenInOneWay) {
    const auto single = Database::open(directory_.path("single")).value();
    (void)commit_next(*single, {{bytes_of("k"), bytes_of("v")}}, {});
    ASSERT_TRUE(write_snapshot(single->source(), path_).ok());
    const auto manifest = decode_manifest(SnapshotFile::open(path_)->manifest()).value();
    const size_t at = chunk_index(manifest.chunks, plain_hash(view_of("k")));
    const auto problem = [&](const std::function<void(SnapshotManifest&)>& change) {
        SnapshotManifest changed = manifest;
        change(changed);
        const auto decoded = decode_manifest(encode_manifest(changed));
        return decoded ? "" : decoded.error().message;
    };
    EXPECT_EQ(problem([](SnapshotManifest&) {}), "");
    EXPECT_EQ(problem([&](SnapshotManifest& m) {
                  std::swap(m.chunks[at].slot, m.chunks[(at + 1) % 16].slot);
              }),
              "snapshot manifest: a leaf stands in another chunk's place");
    EXPECT_EQ(problem([&](SnapshotManifest& m) {
                  m.chunks[(at + 1) % 16].slot = Slot::inner(0, kEmptySubtree);
              }),
              "snapshot manifest: an empty subtree is written as a full one");
    Bytes deep = encode_manifest(manifest);
    deep.resize(deep.size() - 15 - 65);
    deep.resize(deep.size() + kMaxSnapshotDepth, 3);
    EXPECT_EQ(decode_manifest(deep).error().message,
              "snapshot manifest: deeper than " + std::to_string(kMaxSnapshotDepth));
}

TEST_F(Snapshot, ALeafWrittenAsAFullSubtreeKeepsNobodyOut) {
    const auto two = Database::open(directory_.path("two")).value();
    State::Changes changes;
    for (uint64_t i = 0; i < 12; ++i) changes[bytes_of("k" + std::to_string(i))] = Bytes{1};
    (void)commit_next(*two, changes, {});
    ASSERT_TRUE(write_snapshot(two->source(), path_).ok());
    const auto file = SnapshotFile::open(path_).value();
    SnapshotManifest manifest = decode_manifest(file.manifest()).value();
    size_t written_otherwise = 0;
    for (size_t i = 0; i < manifest.chunks.size(); ++i) {
        Slot& slot = manifest.chunks[i].slot;
        // Beside an empty one it would change the root.
        const bool has_sibling = manifest.chunks[i ^ 1].slot.kind != Slot::Kind::kEmpty;
        if (slot.kind != Slot::Kind::kLeaf || !has_sibling) continue;
        slot = Slot::inner(0, slot.subtree_hash());
        ++written_otherwise;
    }
    ASSERT_GT(written_otherwise, 0U);
    auto decoded = decode_manifest(encode_manifest(manifest));
    ASSERT_TRUE(decoded.ok());
    const auto copy = Database::open(directory_.path("b")).value();
    const auto restore = copy->begin_restore(std::move(*decoded), file.height()).value();
    for (size_t i = 0; i < file.chunk_count(); ++i)
        ASSERT_TRUE(restore->add(i, file.chunk(i).value()).ok());
    ASSERT_TRUE(restore->finish({}).ok());
    expect_same_future(*two, *copy, random_);
}

// The state's values lie in files of their own by then; an engine's background work may fail on
// them, but not take the node with it.
TEST_F(Snapshot, AStateThatCannotBeReadIsAnErrorAndNotTheEnd) {
    {
        const auto large = Database::open(directory_.path("large")).value();
        State::Changes changes;
        for (uint64_t i = 0; i < 100; ++i)
            changes[bytes_of("k" + std::to_string(i))] = random_.bytes(20'000);
        (void)commit_next(*large, changes, {});
    }
    (void)Database::open(directory_.path("large")).value();  // from the log into files
    size_t damaged = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path("large"))) {
        if (entry.path().extension() != ".sst" || entry.file_size() < 1'000'000) continue;
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(500'000);
        file << "damage";
        ++damaged;
    }
    ASSERT_EQ(damaged, 1U);
    const auto large = Database::open(directory_.path("large")).value();
    EXPECT_EQ(write_snapshot(large->source(), path_).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace assay::ledger
