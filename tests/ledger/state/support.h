// Helpers of the state tests: a repeatable random source, tree and log stores in RAM, a directory
// that removes itself.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "ledger/state/event_log.h"
#include "ledger/state/tree.h"

namespace assay::ledger::test {

// SplitMix64.
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    uint64_t below(uint64_t bound) { return next() % bound; }
    Bytes bytes(size_t count) {
        Bytes out(count);
        for (uint8_t& byte : out) byte = static_cast<uint8_t>(next());
        return out;
    }

private:
    uint64_t state_;
};

inline Bytes encode_node(const Node& node) {
    Bytes out = bytes_of(node.encoded_header());
    append(out, node.encoded_slots());
    return out;
}

class MemoryNodes : public NodeReader {
public:
    Result<std::shared_ptr<const Node>> read_node(const NodeKey& key) const override {
        const auto found = nodes_.find(key);
        if (found == nodes_.end()) return fail(Code::kCorrupt, "node is missing");
        return found->second;
    }
    // Through the stored encoding, as the real store does.
    void apply(const TreeUpdate& update) {
        for (const auto& [key, node] : update.written) {
            auto decoded = decode_node(encode_node(*node));
            ASSERT_TRUE(decoded.ok());
            ASSERT_TRUE(nodes_.emplace(key, std::make_shared<const Node>(*decoded)).second);
        }
    }
    // Returns whether every key was there.
    bool erase(const std::vector<NodeKey>& keys) {
        size_t erased = 0;
        for (const NodeKey& key : keys) erased += nodes_.erase(key);
        return erased == keys.size();
    }
    size_t size() const { return nodes_.size(); }

private:
    std::map<NodeKey, std::shared_ptr<const Node>> nodes_;
};

class MemoryLog : public LogReader {
public:
    Result<Hash256> read_log_hash(const LogPosition& position) const override {
        const auto found = hashes_.find(position);
        if (found == hashes_.end()) return fail(Code::kNotFound, "hash is missing");
        return found->second;
    }
    void apply(const LogEdge::Written& written) {
        for (const auto& [position, hash] : written)
            ASSERT_TRUE(hashes_.emplace(position, hash).second);
    }
    size_t size() const { return hashes_.size(); }

private:
    std::map<LogPosition, Hash256> hashes_;
};

class TempDirectory {
public:
    TempDirectory() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "assay-state-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        path_ = pattern;
    }
    ~TempDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;
    std::string path(const std::string& name = "ledger") const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

inline std::vector<LeafChange> sorted_leaves(const std::map<Hash256, Hash256>& pairs) {
    std::vector<LeafChange> leaves;
    leaves.reserve(pairs.size());
    for (const auto& [key, value] : pairs) leaves.push_back({key, value});
    return leaves;
}

}  // namespace assay::ledger::test
