// CometDriver: plays CometBFT over the real socket: four connections, a Flush after every call,
// replies in order. Ownership: its connections. Threads: one. Errors: abort the test.
#pragma once

#include <array>
#include <boost/asio.hpp>
#include <cstdlib>
#include <memory>
#include <string>

#include "abci.pb.h"
#include "ledger/engine/comet/frame.h"

namespace assay::ledger::testing {

class CometDriver {
public:
    enum Connection : size_t { kQuery, kSnapshot, kMempool, kConsensus, kConnections };

    explicit CometDriver(const std::string& socket_path) {
        for (auto& connection : connections_) {
            connection = std::make_unique<Socket>(context_);
            connection->connect(boost::asio::local::stream_protocol::endpoint(socket_path));
        }
    }

    // The reply to `request`; the one to the Flush that follows it must come after.
    abci::Response call(Connection on, const abci::Request& request) {
        abci::Request flush;
        flush.mutable_flush();
        Bytes out;
        comet::append_frame(request, out);
        comet::append_frame(flush, out);
        boost::asio::write(*connections_[on], boost::asio::buffer(out));
        abci::Response response = read(on);
        if (!read(on).has_flush()) std::abort();
        return response;
    }

    abci::Response read(Connection on) {
        while (true) {
            auto frame = readers_[on].next();
            if (!frame.ok()) std::abort();
            if (frame->has_value()) {
                abci::Response response;
                if (!response.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size())))
                    std::abort();
                return response;
            }
            std::array<uint8_t, 4096> buffer{};
            const size_t count = connections_[on]->read_some(boost::asio::buffer(buffer));
            readers_[on].feed({buffer.data(), count});
        }
    }
    void write_raw(Connection on, const Bytes& bytes) {
        boost::asio::write(*connections_[on], boost::asio::buffer(bytes));
    }
    // Whether the other side has closed it.
    bool is_closed(Connection on) {
        boost::system::error_code error;
        std::array<uint8_t, 1> byte{};
        connections_[on]->read_some(boost::asio::buffer(byte), error);
        return error == boost::asio::error::eof;
    }

private:
    using Socket = boost::asio::local::stream_protocol::socket;
    boost::asio::io_context context_;
    std::array<std::unique_ptr<Socket>, kConnections> connections_;
    std::array<comet::FrameReader, kConnections> readers_;
};

}  // namespace assay::ledger::testing
