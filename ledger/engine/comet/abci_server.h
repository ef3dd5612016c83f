// AbciServer: answers CometBFT's requests on a unix socket.
//
// Two threads a connection, one reading; replies in the order of requests, written when a Flush
// arrives or no request waits. The engine opens four connections; any call may come on any of them.
// Ownership: owns the socket file and its threads; the handler must outlive it. Threads: the
// handler is called from several threads at once. Errors: kUnavailable when the socket cannot be
// made; a malformed frame closes its connection.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "abci.pb.h"
#include "base/result.h"

namespace assay::ledger::comet {

inline constexpr size_t kMaxConnections = 16;

class AbciServer {
public:
    using Handler = std::function<abci::Response(const abci::Request&)>;

    // `path`: at most 107 bytes; a file already there is replaced.
    static Result<std::unique_ptr<AbciServer>> listen(const std::string& path, Handler handler);
    ~AbciServer();
    // Closes every connection and waits for the calls under way.
    void stop();

private:
    struct Parts;
    explicit AbciServer(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace assay::ledger::comet
