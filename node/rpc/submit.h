// Submitting transactions for RPC callers: raw signed ones, and ones signed by a node-held key.
//
// Ownership: borrows services and watch. Threads: any; signing and submitting with node-held keys
// is serialised so that nonces follow each other. Errors: a refusal of the ledger sets
// context.refused_with; kTimeout when a wait ends before the block came; kLimit when too many
// callers wait at a time.
#pragma once

#include <atomic>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "node/rpc/chain_watch.h"
#include "node/rpc/method.h"
#include "node/rpc/services.h"

namespace google::protobuf {
class Message;
}

namespace assay::node {

inline constexpr size_t kMaxWaitingCalls = 12;  // below the worker threads of the server
inline constexpr uint64_t kDefaultWaitMs = 15'000;
inline constexpr uint64_t kMaxWaitMs = 60'000;

// What methods that sign with a node-held key answer with.
inline constexpr std::string_view kSubmittedResult =
    "hash, sender, nonce; code and codeName unless mode is async; with mode wait also blockHeight, "
    "index, feeCharged. A refusal is an error with data.code and data.txCode";

enum class SubmitMode : uint8_t {
    kAsync,  // the hash only; a refusal is not reported
    kSync,   // the result of the check
    kWait,   // until it is in a block, or the timeout
};

struct SubmitOptions {
    SubmitMode mode = SubmitMode::kSync;
    uint64_t timeout_ms = kDefaultWaitMs;
};
// From the parameters mode and timeoutMs, which submit_params() declares.
SubmitOptions submit_options(const nlohmann::json& params, SubmitMode default_mode);
std::vector<Param> submit_params(std::string_view default_mode);
// key, fee, mode, timeoutMs: of every method that signs with a node-held key.
std::vector<Param> signing_params();
// `params`, then those.
std::vector<Param> with_signing(std::vector<Param> params);

class Submitter {
public:
    Submitter(const Services& services, ChainWatch& watch) : services_(services), watch_(watch) {}

    // {hash, code, ...}; with kWait also blockHeight and index.
    Result<nlohmann::json> submit(ByteView raw, const SubmitOptions& options, CallContext& context);
    // `params` holds signing_params(). Also answers with the sender and nonce it used.
    Result<nlohmann::json> sign_and_submit(const nlohmann::json& params, uint32_t type,
                                           const google::protobuf::Message& payload,
                                           CallContext& context);

private:
    struct Signed {
        Bytes raw;
        ledger::Address sender;
        uint64_t nonce = 0;
    };
    Result<Signed> sign(const nlohmann::json& params, uint32_t type,
                        const google::protobuf::Message& payload);
    Result<nlohmann::json> await(const Hash256& hash, uint64_t timeout_ms, CallContext& context);

    const Services& services_;
    ChainWatch& watch_;
    std::mutex signing_;
    std::atomic<size_t> waiting_{0};
};

}  // namespace assay::node
